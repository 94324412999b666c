"""Small files in the layout of the official ones, with real pictures drawn for them, for tests of the readers."""

from __future__ import annotations

import gzip
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

__all__ = [
    "circo",
    "cirr",
    "data",
    "domains",
    "draw",
    "fashioniq",
    "genecis",
    "icir",
    "ilias",
    "imagecode",
    "inquire",
    "lasco",
    "pic2word",
    "revisited",
    "visdial",
    "write",
    "xtd10",
]  # fmt: skip


def data(*parts: str) -> Path:
    """A folder of the shared data; the test is skipped where there is none."""
    root = os.environ.get("FIELDGLASS_DATA")
    if not root or not Path(root, *parts).exists():
        pytest.skip(f"FIELDGLASS_DATA has no {'/'.join(parts)}")
    return Path(root, *parts)


def write(path: Path, content: Any) -> Path:
    """JSON, or text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def draw(path: Path, seed: int, size: tuple[int, int] = (24, 32)) -> None:
    """A picture of three coloured bands that depend on the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((*size, 3), dtype=np.uint8)
    for band, rows in enumerate(np.array_split(np.arange(size[0]), 3)):
        picture[rows] = np.random.default_rng([seed, band]).integers(0, 256, 3)
    Image.fromarray(picture).save(path)


def cirr(root: Path, *, split: str = "val", hidden: bool = False, pictures: bool = True) -> Path:
    """Two groups of six and four pairs."""
    names = [f"dev-{number}-0-img0" for number in range(12)]
    write(root / f"image_splits/split.rc2.{split}.json", {name: f"./dev/{name}.png" for name in names})
    pairs = []
    for number, (reference, target) in enumerate([(0, 1), (1, 4), (6, 7), (9, 11)]):
        members = names[:6] if reference < 6 else names[6:]
        pair = {"pairid": 100 + number, "reference": names[reference], "caption": f"make it red {number}"}
        pair["img_set"] = {"id": number, "members": members, "reference_rank": 0, "target_rank": 1}
        if not hidden:
            pair |= {"target_hard": names[target], "target_soft": {names[target]: 1.0}}
        pairs.append(pair)
    write(root / f"captions/cap.rc2.{split}.json", pairs)
    for number, name in enumerate(names if pictures else ()):
        draw(root / f"dev/{name}.png", number)
    return root


def fashioniq(root: Path, *, split: str = "val") -> Path:
    """Four garments and two queries in each category; one garment is a shirt and a top."""
    for start, category in ((0, "dress"), (10, "shirt"), (13, "toptee")):
        names = [f"B{start + number:03d}" for number in range(4)]
        write(root / f"image_splits/split.{category}.{split}.json", names)
        rows = [
            {"candidate": names[0], "target": names[1], "captions": ["is red", "has dots"]},
            {"candidate": names[2], "target": names[3], "captions": ["is blue", ""]},
        ]
        write(root / f"captions/cap.{category}.{split}.json", rows)
        for number, name in enumerate(names):
            draw(root / "images" / f"{name}{'.png' if number else '.jpg'}", start + number)
    return root


def circo(root: Path, *, split: str = "val") -> Path:
    """Six pictures, three queries with one to three answers."""
    images = [{"id": 10 + number, "file_name": f"{10 + number:012d}.jpg"} for number in range(6)]
    write(root / "annotations/image_info_unlabeled2017.json", {"images": images, "info": {}})
    rows: list[dict[str, Any]] = []
    for number, answers in enumerate([[11], [12, 13, 14], [10, 15]]):
        row: dict[str, Any] = {"id": number, "reference_img_id": [10, 11, 12][number], "relative_caption": "is red"}
        row |= {"shared_concept": "a thing", "semantic_aspects": ["color"]}
        if split == "val":
            row |= {"target_img_id": answers[0], "gt_img_ids": answers}
        rows.append(row)
    write(root / f"annotations/{split}.json", rows)
    for image in images:
        draw(root / "unlabeled2017" / image["file_name"], image["id"])
    return root


def genecis(root: Path) -> Path:
    """Each task with galleries of three, and one odd one."""
    for task in ("focus_attribute", "change_attribute", "focus_object", "change_object"):
        boxes = task.endswith("attribute")

        def shown(number: int, boxes: bool = boxes) -> dict[str, Any]:
            return {"image_id": number, "instance_bbox": [4, 2, 10, 8]} if boxes else {"val_image_id": number}

        rows = [
            {
                "reference": shown(1 + number), "target": shown(2 + number), "condition": "red",
                "gallery": [shown(3 + number), shown(4 + number)][: 1 if number == 3 else 2],
            }
            for number in range(4)
        ]  # fmt: skip
        write(root / f"genecis/{task}.json", rows)
    for number in range(1, 9):
        draw(root / f"val2017/{number:012d}.jpg", number)
        draw(root / f"VG_100K/{number}.jpg", number)
    return root


def domains(root: Path, domains: tuple[str, ...], *, apart: bool = False) -> Path:
    """Two classes with two pictures in every domain; the queries apart from the database, or the same list."""
    lines = []
    for place, domain in enumerate(domains):
        for number in range(4):
            path = f"pics/{domain}{number}.jpg"
            lines.append(f"{path} {domain} {'cat' if number < 2 else 'great dane'}")
            draw(root / path, 10 * place + number)
            if apart:
                draw(root / f"asked/{domain}{number}.jpg", 100 + 10 * place + number)
    if apart:
        write(root / "database_files.csv", "\n".join(lines))
        write(root / "query_files.csv", "\n".join(line.replace("pics/", "asked/") for line in lines))
    else:
        write(root / "full_files.csv", "\n".join(lines))
    return root


def pic2word(root: Path) -> Path:
    """Two classes; two photographs ask for four domains."""
    asked, database = [], []
    for kind in range(2):
        asked.append(f"real/{kind}.jpg {6000 + kind}")
        draw(root / f"real/{kind}.jpg", 50 + kind)
        for domain in range(4):
            for copy in range(2):
                database.append(f"r/{domain}-{kind}{copy}.jpg {1000 * domain + kind}")
                draw(root / f"r/{domain}-{kind}{copy}.jpg", 100 * domain + 10 * kind + copy)
    write(root / "imgnet_real_query.txt", "\n".join(asked))
    write(root / "imgnet_targets.txt", "\n".join(database))
    return root


def icir(root: Path) -> Path:
    """Two instances, one with an apostrophe, each with its own hard negatives."""
    asked, database = [], []
    for name in ("temple", "zeus' head"):
        for number, text in enumerate(("at night", "as a toy")):
            path = f"{name[:4]}/q{number}.jpg"
            asked.append(f"{path},{text},{name}")
            draw(root / path, number)
        for number in range(5):
            path = f"{name[:4]}/d{number}.jpg"
            database.append(f"{path},{['at night', 'as a toy', 'at night', 'none', 'none'][number]},{name}")
            draw(root / path, 10 + number)
    write(root / "query_files.csv", "\n".join(asked))
    write(root / "database_files.csv", "\n".join(database))
    return root


def revisited(root: Path, name: str) -> Path:
    """Eight pictures and two queries, one without hard answers, pickled with arrays as the official files are."""
    images = [f"all_{number:03d}" for number in range(8)]
    boxes = {"bbx": [2.0, 1.0, 20.0, 15.0]}
    ground = [
        {**boxes, "easy": np.array([0, 1]), "hard": np.array([2]), "junk": np.array([3])},
        {**boxes, "easy": np.array([4]), "hard": np.array([], dtype=int), "junk": np.array([5])},
    ]
    root.mkdir(parents=True, exist_ok=True)
    content = {"imlist": images, "qimlist": ["q_0", "q_1"], "gnd": ground}
    (root / f"gnd_{name}.pkl").write_bytes(pickle.dumps(content))
    for number, image in enumerate([*images, "q_0", "q_1"]):
        draw(root / f"jpg/{image}.jpg", number)
    return root


def ilias(root: Path) -> Path:
    """Two objects with two positives each and three distractors, the list of which is compressed."""
    objects = ["mug_1", "toy_2"]
    write(root / "image_ids/image_query_ids.txt", "\n".join(f"{name}/query/Q000.jpg,0.5" for name in objects))
    write(root / "image_ids/text_query_ids.txt", "\n".join(f"{name}/query/T000" for name in objects))
    positives = [f"{name}/pos/P00{number}.jpg" for name in objects for number in range(2)]
    write(root / "image_ids/positive_ids.txt", "\n".join(f"{id},0.1,3" for id in positives))
    distractors = [f"batch_0/{number}.jpg" for number in range(3)]
    (root / "image_ids/distractor_ids.txt.gz").write_bytes(gzip.compress("\n".join(distractors).encode()))
    for number, id in enumerate([*positives, *distractors, *(f"{name}/query/Q000.jpg" for name in objects)]):
        draw(root / id, number)
    for name in objects:
        write(root / f"{name}/query/T000.txt", f"a red {name}")
    return root


def inquire(root: Path) -> Path:
    """Five pictures, two questions."""
    write(
        root / "inquire/inquire_queries_test.csv",
        'query_id,query_text,supercategory\n7,"a bird, eating",Behavior\n9,a red flower,Color\n',
    )
    write(
        root / "inquire/inquire_annotations.csv",
        "query_id,image_path\n7,train/a/0.jpg\n7,train/a/1.jpg\n9,train/b/4.jpg\n",
    )
    names = [f"train/{'a' if number < 3 else 'b'}/{number}.jpg" for number in range(5)]
    write(root / "inat24/train.json", {"images": [{"file_name": name} for name in names]})
    for number, name in enumerate(names):
        draw(root / "inat24" / name, number)
    return root


def xtd10(root: Path) -> Path:
    """Three pictures in two languages."""
    names = [f"COCO_val2014_{number:012d}.jpg" for number in range(3)]
    write(root / "XTD10/test_image_names.txt", "\n".join(names) + "\n")
    write(root / "XTD10/test_1kcaptions_en.txt", "a red thing\na blue thing\na green thing\n")
    write(root / "XTD10/test_1kcaptions_ko.txt", "빨간 것\n\n초록 것\n")
    for number, name in enumerate(names):
        draw(root / "val2014" / name, number)
    return root


def imagecode(root: Path) -> Path:
    """Two sets of ten, one static; names whose numbers do not sort as text."""
    write(
        root / "valid_data.json",
        {"open-images-1": {"0": "the red one", "9": "the blue one"}, "video-2": {"4": "he looks up", "2": " "}},
    )
    for folder in ("open-images-1", "video-2"):
        for number in range(10):
            draw(root / f"image-sets/{folder}/img{number * 5}.jpg", number)
    return root


def lasco(root: Path) -> Path:
    """Four pictures, two queries."""
    corpus = [{"id": number, "path": f"val2014/{number}.jpg"} for number in range(4)]
    write(root / "lasco_val_corpus.json", corpus)
    rows = [
        {
            "qid": number, "query-image": [number, f"val2014/{number}.jpg"], "query-text": "is red",
            "target-image": [number + 1, f"val2014/{number + 1}.jpg"],
        }
        for number in range(2)
    ]  # fmt: skip
    write(root / "lasco_val.json", rows)
    for number in range(4):
        draw(root / f"val2014/{number}.jpg", number)
    return root


def visdial(root: Path) -> Path:
    """Three dialogues of three rounds over five pictures."""
    space = [f"unlabeled2017/{number}.jpg" for number in range(5)]
    write(root / "Search_Space_val_50k.json", space)
    rows = [{"img": space[number], "dialog": ["a red thing", "is it big? yes", "is it new? no"]} for number in range(3)]
    write(root / "dialogues/VisDial_v1.0_queries_val.json", rows)
    for number, path in enumerate(space):
        draw(root / path, number)
    return root
