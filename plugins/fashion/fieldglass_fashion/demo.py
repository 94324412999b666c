"""The demo of a shop: 2 000 real garments in pictures of 28 x 28, dyed, with an export as shops write them."""

from __future__ import annotations

import csv
from importlib.resources import as_file, files
from pathlib import Path

from fieldglass.demo import Demo

__all__ = ["COLOURS", "garments", "write_shop"]

COLOURS = {
    "black": (40, 40, 42), "white": (252, 250, 244), "grey": (150, 150, 152), "red": (205, 25, 35),
    "green": (25, 135, 55), "blue": (30, 70, 190), "yellow": (250, 215, 40), "brown": (125, 75, 35),
    "pink": (250, 140, 180),
}  # fmt: skip
_SIDE, _MARGIN = 28, 8


def garments(folder: Path) -> Demo:
    """Writes the shop below `folder`; searches by words, by picture, and by both."""
    from fieldglass.registry import registry
    from fieldglass_fashion.page import shop

    catalogue = write_shop(folder / "shop")
    boot, dress = catalogue.parent / "pictures/G0000.png", catalogue.parent / "pictures/G0013.png"
    known = registry().offers("encoders")
    return Demo(
        "A shop of 2 000 garments",
        catalogue,
        (
            {"text": "a handbag", "k": 10, "collapse": "product"},
            {"text": "a red handbag", "where": "price < 60 AND in_stock", "k": 10, "collapse": "product"},
            {"image": boot, "k": 10, "collapse": "product", "exclude_self": True},
            {"image": boot, "text": "in green", "k": 10, "collapse": "product", "exclude_self": True},
            {"image": dress, "text": "in red", "where": "category = 'Dresses'", "k": 10, "collapse": "product"},
        ),
        intro="Pictures of Fashion-MNIST (Zalando, MIT licence), 28 pixels wide, enlarged; colours, sizes and prices "
        "are made up. Pictures so small show what the search does, not how well an encoder sees.",
        encoder="fashion/mini" if "fashion/mini" in known else "mini",
        loader="fashion/catalogue",
        loader_options={"pictures": "pictures"},
        cards=shop(),
    )


def write_shop(folder: Path, limit: int = 0) -> Path:
    """The export and its pictures, 128 x 128, below `folder`; the export's path. What is there already stays."""
    import numpy as np
    from PIL import Image

    from fieldglass_fashion.idx import shown

    data = files("fieldglass_fashion") / "data"
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    with as_file(data / "garments.png") as path, Image.open(path) as opened:
        sheet = np.asarray(opened.convert("L"))
    text = (data / "garments.csv").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    lines = lines[: limit + 1] if limit else lines
    across = sheet.shape[1] // _SIDE
    for row in csv.DictReader(lines, delimiter=";"):
        target = pictures / row["image_link"]
        if not target.exists():
            y, x = divmod(int(row["item_group_id"][1:]), across)
            tile = sheet[y * _SIDE : (y + 1) * _SIDE, x * _SIDE : (x + 1) * _SIDE]
            dyed = shown(tile, colour=COLOURS[row["color"]])
            framed = np.pad(dyed, ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0)), constant_values=255)
            Image.fromarray(framed).save(target, compress_level=1)
    catalogue = folder / "catalogue.csv"
    catalogue.write_text("".join(lines), encoding="utf-8")
    return catalogue
