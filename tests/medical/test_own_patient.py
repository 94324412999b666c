"""A query that the collection has belongs to the patient that its folder, pattern or table names; others say so."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fieldglass
from fieldglass.cli import main
from fieldglass.registry import registry
from fieldglass.types import Item
from fieldglass_medical.video import Video

NOT_NAMED = "the query names no patient"


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["med", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def shades(seed):
    return np.random.default_rng(seed).integers(0, 255, (24, 24, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Three patients with a folder of three pictures each, two of which are alike."""
    root = tmp_path_factory.mktemp("own") / "archive"
    for patient in range(3):
        (root / f"p{patient}").mkdir(parents=True)
        for number in range(3):
            Image.fromarray(shades(10 * patient + number // 2)).save(root / f"p{patient}" / f"{number}.png")
    rows = [f"p{patient}/{number}.png,{patient}" for patient in range(3) for number in range(3)]
    (root / "patients.csv").write_text("\n".join(["file,patient", *rows]) + "\n")
    return root


@pytest.mark.parametrize("how", [{}, {"pattern": "p{patient}/*.png"}, {"table": "patients.csv"}])
def test_the_own_patient_of_an_exported_picture_is_left_out(archive, tmp_path, how):
    path = tmp_path / "c.collection"
    settings = [f"--set={name}={value}" for name, value in how.items()]
    run("index", archive, "--to", path, "--loader", "med/pictures", "--encoder", "mini", *settings)
    with fieldglass.open(path) as made:
        found = made.search(image=archive / "p1" / "0.png", k=9)
        own = made.search(image=archive / "p1" / "0.png", k=9, exclude_group="")
    assert len(found) == 6 and len(own) == 9
    mine = own[0].metadata["patient"]
    assert mine not in {hit.metadata["patient"] for hit in found}
    assert NOT_NAMED not in run("similar", path, archive / "p1" / "0.png").stderr
    Image.fromarray(shades(10)).save(tmp_path / "elsewhere.png")
    assert NOT_NAMED in run("similar", path, tmp_path / "elsewhere.png").stderr


def test_a_video_is_searched_with_a_picture(tmp_path):
    (tmp_path / "videos").mkdir()
    cv2 = pytest.importorskip("cv2")
    target = cv2.VideoWriter(str(tmp_path / "videos" / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 5, (24, 24))
    for number in range(5):
        target.write(shades(number))
    target.release()
    Image.fromarray(shades(2)).save(tmp_path / "q.png")
    loader = Video(crop="0,0,0.5,1")
    (item,) = [each for each in loader.scan(tmp_path / "q.png") if isinstance(each, Item)]
    (sample,) = loader.read([item], tmp_path / "q.png")
    assert np.array_equal(sample.content, shades(2)[:, :12]) and loader.preview(sample).shape == (24, 12, 3)
    path = tmp_path / "c.collection"
    run("index", tmp_path / "videos", "--to", path, "--loader", "med/video", "--encoder", "mini", "--set", "every=5")
    assert "#frame=1" in run("similar", path, tmp_path / "q.png").stdout
    grey = registry().create("loaders", "med/video", {})
    Image.fromarray(np.full((9, 9), 40000, np.uint16)).save(tmp_path / "deep.png")
    (item,) = [each for each in grey.scan(tmp_path / "deep.png") if isinstance(each, Item)]
    assert grey.preview(next(iter(grey.read([item], tmp_path / "deep.png")))).max() == 156


def test_a_query_that_is_nowhere_is_not_named(archive, tmp_path):
    path = tmp_path / "c.collection"
    run("index", archive / "p0", "--to", path, "--loader", "med/pictures", "--encoder", "mini")
    data = (archive / "p1" / "0.png").read_bytes()
    with fieldglass.open(path) as made:
        assert len(made.search(image=data, k=9)) == 3  # as bytes, without a name
    (tmp_path / "Jane.dcm").write_bytes(bytes(128) + b"DICM")
    said = run("similar", path, tmp_path / "Jane.dcm", code=2)
    assert "reads no such file" in said.stderr and "Jane" not in said.output
    for command in (("similar", path, "Doe_Jane.png"), ("search", path, "--image", tmp_path / "Doe_Jane.png")):
        done = run(*command, code=2)
        assert "no such" in done.stderr and "Jane" not in done.output
