"""Small files in the layout of fashion's official ones, with pictures drawn for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from official_files import draw, write

CATEGORIES = ("dress", "shirt", "toptee")


def _splits(root: Path, split: str = "val") -> None:
    for at, category in enumerate(CATEGORIES):
        names = [f"{category[0]}{n}" for n in range(5)]
        write(root / f"image_splits/split.{category}.{split}.json", names)
        for n, name in enumerate(names):
            draw(root / f"images/{name}.jpg", 10 * at + n)


def fine(root: Path) -> Path:
    """JSON lines under .json, as released, and a list for one category."""
    _splits(root)
    for category in CATEGORIES:
        c = category[0]
        rows = [
            {"target": f"{c}1", "candidate": f"{c}0", "finemt": "Changes:\n1. longer sleeves\n2. no belt"},
            {"target": f"{c}3", "candidate": f"{c}2", "finemt": "a red one"},
            {"target": f"{c}3", "candidate": f"{c}4", "finemt": "  "},
        ]
        text = "\n".join(map(_dumped, rows))
        write(root / f"fiq.fine.{category}.val.json", rows if category == "dress" else text)
    return root


def enhanced(root: Path) -> Path:
    _splits(root)
    for category in CATEGORIES:
        c = category[0]
        rows = [
            {"target": f"{c}1", "candidate": f"{c}0", "captions": ["longer, with a wide collar and wooden buttons"]},
            {"target": f"{c}3", "candidate": f"{c}2", "captions": "in dark red velvet"},
        ]
        write(root / f"captions/cap.{category}.val.json", rows)
    return root


def sessions(root: Path, categories: tuple[str, ...] = CATEGORIES) -> Path:
    if categories == CATEGORIES:
        _splits(root)
    else:
        write(root / "image_splits/split.shoes.val.json", [f"s{n}" for n in range(5)])
        for n in range(5):
            draw(root / f"images/s{n}.jpg", n)
    for category in categories:
        c = category[0]
        rows = [
            {
                "target": ["http://gone/x.jpg", f"{c}4"],
                "reference": [
                    ["http://gone/a.jpg", ["is longer", " "], f"{c}0"],
                    ["http://gone/b.jpg", ["is red", "has no belt"], f"{c}1"],
                    ["http://gone/c.jpg", ["shinier", "darker"], f"{c}2"],
                ],
            },
            {"target": ["", f"{c}3"], "reference": [["", ["is blue", "is short"], f"{c}2"]]},
        ]
        write(root / f"data/{category}.val.json", rows)
    return root


def shoes(root: Path) -> Path:
    names = [f"img_womens_boots_{n}.jpg" for n in range(6)]
    for n, name in enumerate(names):
        draw(root / f"womens_boots/{n % 2}/{name}", n)
    write(root / "eval_im_names.txt", "\n".join(names[:5]) + "\n")
    write(root / "train_im_names.txt", names[5] + "\n")
    rows = [
        {"ImageName": names[1], "ReferenceImageName": names[0], "RelativeCaption": "has a higher heel"},
        {"ImageName": names[3], "ReferenceImageName": names[2], "RelativeCaption": "is brown"},
        {"ImageName": names[3], "ReferenceImageName": names[4], "RelativeCaption": " "},
        {"ImageName": names[5], "ReferenceImageName": names[0], "RelativeCaption": "is of the other list"},
    ]
    write(root / "relative_captions_shoes.json", rows)
    return root


def fashion200k(root: Path) -> Path:
    captions = ["black lace dress", "black lace dress", "red lace dress", "red lace dress", "blue v.neck top"]
    rows = []
    for n, caption in enumerate(captions):
        path = f"women/dresses/{n}/{n}_0.jpeg"
        draw(root / path, n)
        rows.append(f"{path}\t0.9\t{caption}")
    write(root / "labels/dress_test_detect_all.txt", "\n".join(rows[:4]) + "\n")
    write(root / "labels/top_test_detect_all.txt", rows[4] + "\n")
    paths = [row.partition("\t")[0] for row in rows]
    write(root / "test_queries.txt", f"{paths[0]} {paths[2]}\n{paths[3]} {paths[1]}\n{paths[0]} gone/x.jpeg\n")
    return root


def inshop(root: Path) -> Path:
    rows = []
    for garment in range(4):
        for view in range(3):
            path = f"img/WOMEN/Dresses/id_{garment:08d}/0{view}_1_front.jpg"
            draw(root / path, 10 * garment + view)
            part = ("query", "gallery", "gallery")[view] if garment else "train"
            rows.append(f"{path}    id_{garment:08d}    {part}")
    lines = [str(len(rows)), "image_name item_id evaluation_status", *rows]
    write(root / "Eval/list_eval_partition.txt", "\n".join(lines) + "\n")
    return root


def fashiongen(root: Path, products: int = 12) -> Path:
    h5py = pytest.importorskip("h5py")
    noise = np.random.default_rng(0)
    count = 2 * products
    with h5py.File(root / "fashiongen_256_256_validation.h5", "w") as file:
        file["input_image"] = noise.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
        file["input_productID"] = np.repeat(np.arange(100, 100 + products), 2)[:, None]
        texts = [f"a n\u00e9at garment {n // 2}" for n in range(count)]
        for key, values in {
            "input_description": texts,
            "input_category": ["TOPS"] * count,
            "input_subcategory": [f"KIND {n // 2 % 2}" for n in range(count)],
        }.items():
            file[key] = np.array([[value.encode("latin-1")] for value in values])
    return root


def facap(root: Path) -> Path:
    from fieldglass_fashion.benchmarks.facap import CATEGORIES as ALL
    from fieldglass_fashion.benchmarks.facap import part_of

    for at, category in enumerate(ALL):
        asked = [n for n in range(400) if part_of(f"{category}/{at}{n:04d}_0.jpeg") == "test"][:2]
        paths = [f"f200k_images/{category}/{at}{n:04d}_0.jpeg" for n in (*asked, 900, 901, 902)]
        for n, path in enumerate(paths):
            place = root / path if n else root / "elsewhere" / Path(path).name  # one lies elsewhere, by its name
            draw(place, 10 * at + n)
        rows = [
            {"candidate": paths[0], "target": paths[2], "captions": ["with longer sleeves"]},
            {"candidate": paths[1], "target": paths[3], "captions": ["in red"]},
            {"candidate": paths[2], "target": paths[3], "captions": ["of the training part"]},
        ]
        write(root / f"cir_triplets/{category}_train_triplets.json", rows)
        captions = {path: "a garment of many words" for path in paths}
        write(root / f"image_captions/{category}_train_captions.json", captions)
    return root


def _dumped(row: dict) -> str:
    import json

    return json.dumps(row)
