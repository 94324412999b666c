"""`fieldglass demo geo/photos` and `geo/places`: photos with places, and GeoCLIP's own gallery of places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fieldglass.demo import Demo
from fieldglass.demo.photographs import photographs
from fieldglass.spatial import Near, box
from fieldglass_geo.gallery.carried import carried_points

__all__ = ["photos", "places"]

_REYKJAVIK, _NAIROBI = (64.1466, -21.9426), (-1.2864, 36.8172)
# what the demo writes into each photo: where its subject belongs, or a place that is as good as any other
_PLACES = {
    "animals/cat.png": (51.7520, -1.2577), "nature/flower.jpg": (52.2697, 4.5466),
    "nature/grass.png": (-18.1416, 178.4419),
    "nature/gravel.png": (-13.8333, -171.7667), "people/astronaut.png": (29.5593, -95.0900),
    "people/photographer.png": (42.3601, -71.0942), "space/moon.png": (-24.6275, -70.4044),
    "space/rocket.jpg": (28.5618, -80.5770), "things/brick wall.png": (53.4808, -2.2426),
    "things/coffee.png": (41.9028, 12.4964), "things/coins.png": (40.7512, 14.4870),
    "things/motorcycle, left eye.png": (36.1408, -5.3536), "things/page.png": (49.9999, 8.2736),
    "travel/china.jpg": (39.9999, 116.2755),
}  # fmt: skip


def photos(folder: Path) -> Demo:
    """Photographs of packages with coordinates in their EXIF block, searched within areas and shown on a map."""
    source = folder / "photos"
    pictures = photographs(folder).source
    for name, (lat, lon) in _PLACES.items():
        target = source / Path(name).with_suffix(".jpg").name
        if not target.exists():
            source.mkdir(parents=True, exist_ok=True)
            _tagged(pictures / name, target, lat, lon)
    return Demo(
        "Photos with places",
        source,
        (
            {"text": "a vehicle", "k": 14},
            {"text": "an animal", "where": box(-11, 35, 32, 60), "k": 5},
            {"text": "the ground", "where": box(170, -25, -165, -10), "k": 5},
            {"image": source / "astronaut.jpg", "where": Near(28.5, -80.6, 2000), "exclude_self": True, "k": 5},
        ),
        intro="Photographs that scikit-image and scikit-learn carry. The demo wrote the coordinates into them: some "
        "where the subject belongs, others made up. The third search is a box across the antimeridian.",
        loader="geo/photos",
        map=True,
    )


def places(folder: Path) -> Demo:
    """The gallery of GeoCLIP, one place every 10 km, searched for places that are like another by its real weights."""
    spread: dict[str, Any] = {"rerank": "geo/spread", "rerank_options": {"km": 300.0}}
    return Demo(
        "Places like Reykjavik",
        carried_points(),
        (
            {"place": _REYKJAVIK, "k": 12, **spread},
            {"place": _REYKJAVIK, "k": 5, "where": box(166, -48, 179, -34), **spread},
            {"place": _NAIROBI, "k": 12, **spread},
        ),
        intro="The 100 000 coordinates that the package geoclip carries, thinned to one every 10 km and encoded with "
        "its location network. What is near in that space looks alike in photos, as far as the network learned it. "
        "Hits within 300 km of a better one are left behind.",
        encoder="geo/geoclip",
        loader="geo/places",
        loader_options={"thin_km": 10.0},
        map=True,
    )


def _tagged(source: Path, target: Path, lat: float, lon: float) -> None:
    """A JPEG copy with this position in its GPS block."""
    from PIL import Image
    from PIL.TiffImagePlugin import IFDRational

    def rationals(value: float) -> tuple[Any, ...]:
        return IFDRational(round(abs(value) * 1_000_000), 1_000_000), IFDRational(0), IFDRational(0)

    with Image.open(source) as picture:
        flat = picture.convert("RGB")
    exif = flat.getexif()
    exif.get_ifd(0x8825).update(
        {1: "N" if lat >= 0 else "S", 2: rationals(lat), 3: "E" if lon >= 0 else "W", 4: rationals(lon)}
    )
    flat.save(target, exif=exif, quality=92)
