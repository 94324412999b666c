"""What this plugin adds to Fieldglass."""

from __future__ import annotations

from fieldglass.hooks import Offer, hookimpl


@hookimpl
def fieldglass_loaders():
    return [Offer("rs/geotiff", "fieldglass_remote_sensing.loader:GeoTiff", "whole GeoTIFF scenes with all bands")]
