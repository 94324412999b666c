"""Benchmarks of volumes and scenes: read as what they are, judged by hand, run with an encoder that takes them."""

from __future__ import annotations

import gzip
import json

import nibabel
import numpy as np
import pytest
from PIL import Image

from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.prepared import prepare
from fieldglass.evaluation.run import evaluate
from fieldglass.testing import BenchmarkContract
from fieldglass.types import Problem
from fieldglass_medical.benchmarks.medmnist import SOLID
from tests.medical.test_benchmarks import made, npz, ranking

MINI = ("med/mini", {"slices": 1, "device": "cpu"})


@pytest.fixture(scope="module")
def solids(tmp_path_factory):
    root = tmp_path_factory.mktemp("medmnist3d")
    labels = {"train": [[0], [1], [0]], "val": [[1]], "test": [[0], [1]]}
    for subset in SOLID:
        npz(root / f"{subset}.npz", (28, 28, 28), labels)
    return root


@pytest.fixture(scope="module")
def decathlon(tmp_path_factory):
    root = tmp_path_factory.mktemp("decathlon")
    for folder in ("Data/Data_Splits", "Data/3DMIR_labels", "Task06_Lung/imagesTr", "Task03_Liver/imagesTr"):
        (root / folder).mkdir(parents=True)
    (root / "Data/Data_Splits/lung_full_train_split.csv").write_text(
        "training\nlung_003.nii.gz\nlung_004.nii.gz\nliver_25.nii.gz\nlung_099.nii.gz\n"
    )
    (root / "Data/Data_Splits/lung_full_test_split.csv").write_text("testing\nlung_001.nii.gz\nliver_12.nii.gz\n")
    rows = [
        ("lung_001.nii.gz", 1, 1), ("lung_003.nii.gz", 1, 1), ("lung_004.nii.gz", 2, 1), ("liver_25.nii.gz", 0, 0),
        ("liver_12.nii.gz", 0, 0),
    ]  # fmt: skip
    lines = [f'{name},lung,2.3,1,{group},{flag},"a, caption",,' for name, group, flag in rows]
    header = "name,organ,max_tumor_size,number_tumors,lesion_group,cancer_flag,CaptionV1,CaptionV2,CaptionV3"
    (root / "Data/3DMIR_labels/lung_labels_and_captions.csv").write_text("\n".join([header, *lines]) + "\n")
    rng = np.random.default_rng(0)
    for name, *_ in rows:
        task = "Task06_Lung" if name.startswith("lung") else "Task03_Liver"
        values = rng.integers(-1000, 400, (9, 8, 6)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(values, np.diag([-1.0, -1.0, 2.0, 1.0])), root / task / "imagesTr" / name)
    return root


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(0)
    lines = []
    for number in range(3):
        names = [f"{kind}{number}_{view}.png" for kind in ("q", "r") for view in range(2)]
        for place, name in enumerate(names):
            size = (24, 20, 3) if place % 2 else (20, 20, 3)
            Image.fromarray(rng.integers(0, 255, size, dtype=np.uint8)).save(root / name)
        lines.append({"num": 2, "query_paths": [[each] for each in names[:2]], "ref_paths": [[e] for e in names[2:]]})
    (root / "PolypScene-250.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    return root


class TestMIR3D(BenchmarkContract):
    benchmark = "med/3d-mir"

    @pytest.fixture(autouse=True)
    def _root(self, decathlon):
        self.options = {"root": str(decathlon), "organ": "lung"}


class TestMedMNISTVolumes(BenchmarkContract):
    benchmark = "med/medmnist"

    @pytest.fixture(autouse=True)
    def _root(self, solids):
        self.options = {"root": str(solids), "subset": "nodulemnist3d", "form": "volume"}


class TestPolypScenes(BenchmarkContract):
    benchmark = "med/polypscene"

    @pytest.fixture(autouse=True)
    def _root(self, scenes):
        self.options = {"root": str(scenes), "form": "scene"}


@pytest.mark.parametrize("subset", SOLID)
def test_volumes_of_medmnist_are_those_of_the_file(solids, subset):
    benchmark = made("med/medmnist", root=solids, subset=subset, form="volume")
    items = list(benchmark.gallery())
    samples = list(benchmark.read([items[2], items[0]], solids))
    stored = np.load(solids / f"{subset}.npz")["train_images"]
    assert samples[0].kind == "volume" and np.array_equal(samples[0].content[..., 0], stored[2])
    assert np.array_equal(samples[1].content[..., 0], stored[0])
    assert np.array_equal(benchmark.preview(samples[0])[..., 1], stored[2][14])


def test_medmnist_by_pooled_slices(solids, tmp_path):
    """The whole way: volumes encoded as volumes, queries read by the benchmark."""
    options = {"root": str(solids), "subset": "organmnist3d", "form": "volume"}
    with prepare(tmp_path / "c", "med/medmnist", options, *MINI) as collection:
        outcome = evaluate(made("med/medmnist", **options), collection, root=solids)
    assert (outcome.answered, outcome.gallery, outcome.lacking) == (2, 3, 0)
    assert outcome.metrics["ACC@3"] == 100


def test_pictures_have_no_volumes(solids):
    with pytest.raises(UsageError, match="volume for a set of volumes"):
        made("med/medmnist", root=solids, subset="bloodmnist", form="volume")


def test_3d_mir_by_hand(decathlon):
    """Query lung_001 (flag 1, group 1) with liver_25, lung_004, lung_003 in this order."""
    benchmark = made("med/3d-mir", root=decathlon, organ="lung")
    queries = {each.id: each for each in benchmark.queries()}
    found = benchmark.judge(
        [(queries["lung_001.nii.gz"], ranking(["liver_25.nii.gz", "lung_004.nii.gz", "lung_003.nii.gz"]))]
    )
    assert found["flag P@3"] == pytest.approx(100 * 2 / 3) and found["group P@3"] == pytest.approx(100 / 3)
    assert found["flag AP@10"] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)
    assert found["group AP@10"] == pytest.approx(100 / 3)
    assert len(list(benchmark.gallery())) == 3
    assert any("1 volumes of lung_full_train_split.csv have no labels" in note for note in benchmark.files.notes)


def test_3d_mir_is_in_hounsfield_units(decathlon, tmp_path):
    options = {"root": str(decathlon), "organ": "lung"}
    benchmark = made("med/3d-mir", **options)
    items = {each.id: each for each in benchmark.gallery()}
    (sample,) = benchmark.read([items["lung_003.nii.gz"]], decathlon)
    assert sample.units == "HU" and sample.spacing == (2.0, 1.0, 1.0) and sample.content.shape == (6, 8, 9, 1)
    with prepare(tmp_path / "c", "med/3d-mir", options, *MINI) as collection:
        outcome = evaluate(benchmark, collection, root=decathlon)
    assert outcome.answered == 2 and outcome.gallery == 3


def test_3d_mir_tells_damage_and_odd_names(decathlon, tmp_path):
    benchmark = made("med/3d-mir", root=decathlon, organ="lung")
    item = next(iter(benchmark.gallery()))
    (tmp_path / item.paths[0]).parent.mkdir(parents=True)
    (tmp_path / item.paths[0]).write_bytes((decathlon / item.paths[0]).read_bytes()[:200])
    (problem,) = benchmark.read([item], tmp_path)
    assert isinstance(problem, Problem) and problem.code == "nifti-damaged"
    (tmp_path / "lung_labels_and_captions.csv").write_text("name,lesion_group,cancer_flag\n../x.nii.gz,1,1\n")
    (tmp_path / "lung_full_train_split.csv").write_text("training\n../x.nii.gz\n")
    with pytest.raises(LoaderError, match="is no name of a file"):
        list(made("med/3d-mir", root=tmp_path, organ="lung").gallery())


def test_3d_mir_refuses_a_volume_over_the_limit_from_its_header(decathlon, tmp_path):
    item = next(iter(made("med/3d-mir", root=decathlon, organ="lung").gallery()))
    (problem,) = made("med/3d-mir", root=decathlon, organ="lung", max_bytes=4 * 9 * 8 * 6 - 1).read([item], decathlon)
    assert problem.code == "nifti-too-large" and "max_bytes" in problem.message
    header = nibabel.Nifti1Header()
    header.set_data_shape((30_000, 30_000, 30_000))  # 100 TB in 352 bytes
    path = tmp_path / item.paths[0]
    path.parent.mkdir(parents=True)
    with gzip.open(path, "wb") as file:
        header.write_to(file)
    (problem,) = made("med/3d-mir", root=decathlon, organ="lung").read([item], tmp_path)
    assert problem.code == "nifti-too-large"


def test_scenes_are_clips_of_their_views(scenes, tmp_path):
    options = {"root": str(scenes), "form": "scene"}
    benchmark = made("med/polypscene", **options)
    items = list(benchmark.gallery())
    assert [each.id for each in items] == ["ref/0", "ref/1", "ref/2"]
    (clip,) = benchmark.read([items[1]], scenes)
    with Image.open(scenes / "r1_0.png") as shown:
        assert np.array_equal(clip.content[0], np.asarray(shown))
    assert clip.kind == "clip" and clip.content.shape == (2, 20, 20, 3)
    with prepare(tmp_path / "c", "med/polypscene", options, *MINI) as collection:
        outcome = evaluate(benchmark, collection, root=scenes)
    assert outcome.answered == 3 and set(outcome.metrics) == {"uAP", "acc@1", "R@P90"}


def test_a_scene_with_a_missing_view_is_a_problem(scenes, tmp_path):
    for each in scenes.iterdir():
        if each.name != "r1_1.png":
            (tmp_path / each.name).write_bytes(each.read_bytes())
    benchmark = made("med/polypscene", root=tmp_path, form="scene")
    found = list(benchmark.read(list(benchmark.gallery()), tmp_path))
    assert [isinstance(each, Problem) for each in found] == [False, True, False]
