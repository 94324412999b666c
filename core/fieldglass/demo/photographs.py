"""The core's own demo: photographs that scikit-image and scikit-learn carry."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from fieldglass.demo.types import Demo
from fieldglass.errors import MissingExtraError

__all__ = ["photographs"]

# name in the demo -> (package, file); all under free licences, named in each package's own README
_PICTURES = {
    "animals/cat.png": ("skimage", "data/chelsea.png"),
    "nature/flower.jpg": ("sklearn", "datasets/images/flower.jpg"),
    "nature/grass.png": ("skimage", "data/grass.png"),
    "nature/gravel.png": ("skimage", "data/gravel.png"),
    "people/astronaut.png": ("skimage", "data/astronaut.png"),
    "people/photographer.png": ("skimage", "data/camera.png"),
    "science/cell.png": ("skimage", "data/cell.png"),
    "science/retina.jpg": ("skimage", "data/retina.jpg"),
    "science/tissue.png": ("skimage", "data/ihc.png"),
    "space/galaxies.jpg": ("skimage", "data/hubble_deep_field.jpg"),
    "space/moon.png": ("skimage", "data/moon.png"),
    "space/rocket.jpg": ("skimage", "data/rocket.jpg"),
    "things/brick wall.png": ("skimage", "data/brick.png"),
    "things/clock.png": ("skimage", "data/clock_motion.png"),
    "things/coffee.png": ("skimage", "data/coffee.png"),
    "things/coins.png": ("skimage", "data/coins.png"),
    "things/motorcycle, left eye.png": ("skimage", "data/motorcycle_left.png"),
    "things/motorcycle, right eye.png": ("skimage", "data/motorcycle_right.png"),
    "things/page.png": ("skimage", "data/page.png"),
    "travel/china.jpg": ("sklearn", "datasets/images/china.jpg"),
}
_DISTRIBUTIONS = {"skimage": "scikit-image", "sklearn": "scikit-learn"}


def photographs(folder: Path) -> Demo:
    """Twenty photographs copied below `folder`, and five searches: by text, by picture, by both."""
    pictures = folder / "pictures"
    for name, (package, file) in _PICTURES.items():
        target = pictures / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_home(package) / file, target)
    return Demo(
        "Five searches in twenty photographs",
        pictures,
        (
            {"text": "a cat", "k": 5},
            {"text": "a temple in Asia", "k": 5},
            {"image": pictures / "things/motorcycle, left eye.png", "exclude_self": True, "k": 5},
            {"image": pictures / "space/moon.png", "exclude_self": True, "k": 5},
            {"image": pictures / "people/astronaut.png", "text": "a rocket", "exclude_self": True, "k": 5},
        ),
        intro="Real photographs that scikit-image and scikit-learn carry, indexed with the encoder mini, which knows "
        "about 1000 kinds of thing. The first hits count; with twenty pictures the last are what was left.",
    )


def _home(package: str) -> Path:
    """Where a package is installed; found without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"The demo's photographs come with {_DISTRIBUTIONS[package]}, which is not installed.",
            hint="pip install 'fieldglass[demo,mini]'",
        )
    return Path(spec.origin).parent
