"""Demos: pictures that installed packages carry, and searches that show what a collection can do.

A plugin adds its own by the `fieldglass_demos` hook; the factory writes its pictures below the folder
it is given and returns a `Demo`, which `fieldglass demo NAME` runs::

    def scenes(folder: Path) -> Demo:
        shutil.copytree(files("fieldglass_remote_sensing") / "scenes", folder / "scenes", dirs_exist_ok=True)
        return Demo("Five searches in 12 scenes", folder / "scenes", ({"text": "a harbour"}, ...), encoder="rs/closp")
"""

from __future__ import annotations

from fieldglass.demo.run import Done, run
from fieldglass.demo.types import Demo

__all__ = ["Demo", "Done", "run"]
