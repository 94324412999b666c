"""What this plugin adds to Fieldglass."""

from __future__ import annotations

from fieldglass.hooks import Offer, hookimpl


@hookimpl
def fieldglass_encoders():
    return [
        Offer(
            "geo/geoclip",
            "fieldglass_geo.geoclip:GeoClip",
            "GeoCLIP: places, photos and sentences in one space, where on Earth a photo is from (arXiv 2309.16020)",
            frozenset({"places", "images", "texts"}),
        ),
        Offer(
            "geo/satclip",
            "fieldglass_geo.satclip:SatClip",
            "SatCLIP: places, and Sentinel-2 scenes of them, in one space; climates and regions (arXiv 2311.17179)",
            frozenset({"places"}),
        ),
    ]


@hookimpl
def fieldglass_benchmarks():
    place = "fieldglass_geo.benchmarks.geolocation"
    return [
        Offer("geo/im2gps3k", f"{place}:Im2GPS3k", "Im2GPS3k, where was it taken: share within km (arXiv 1705.04838)"),
        Offer("geo/yfcc4k", f"{place}:SmallYFCC", "YFCC4k, where was it taken: share within km (arXiv 1705.04838)"),
        Offer("geo/yfcc26k", f"{place}:LargeYFCC", "YFCC26k, where was it taken: share within km (arXiv 2104.14995)"),
        Offer("geo/gws15k", f"{place}:GWS15k", "GWS15k, streets of the world: share within km (arXiv 2303.04249)"),
    ]


@hookimpl
def fieldglass_recipes():
    return [
        Offer(
            "geo/geoclip",
            "fieldglass_geo.geoclip_recipe:GeoClipRecipe",
            "GeoCLIP: places that meet photos, with a queue, noise and hard cases; on cached vectors",
        )
    ]


@hookimpl
def fieldglass_loaders():
    return [
        Offer("geo/photos", "fieldglass_geo.loader:Photos", "a folder of photos; says why one has no position"),
        Offer("geo/places", "fieldglass_geo.gallery.loader:Places", "places of a table, shapes, photos: a gallery"),
        Offer("geo/grid", "fieldglass_geo.gallery.loader:Grid", "a grid over an area: a gallery"),
    ]


@hookimpl
def fieldglass_metadata(item, paths, options):
    from fieldglass_geo.columns import columns

    return columns(item, paths, options)


@hookimpl
def fieldglass_commands():
    return [Offer("geo", "fieldglass_geo.cli:geo", "Places: where photos were taken, and what looks like this there.")]


@hookimpl
def fieldglass_rerankers():
    return [Offer("geo/spread", "fieldglass_geo.spreading:Spread", "hits apart first, so that no dense area crowds")]


@hookimpl
def fieldglass_demos():
    return [
        Offer("geo/photos", "fieldglass_geo.demo:photos", "photos with coordinates, searched within areas, on a map"),
        Offer("geo/places", "fieldglass_geo.demo:places", "places like Reykjavik by GeoCLIP's weights, on a map"),
    ]
