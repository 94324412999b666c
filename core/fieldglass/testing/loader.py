"""What every loader must keep."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fieldglass.errors import LoaderError, UsageError
from fieldglass.interfaces import Loader
from fieldglass.loaders import base_of
from fieldglass.registry import registry
from fieldglass.types import Item, Problem, Sample

__all__ = ["LoaderContract"]

_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class LoaderContract:
    """Name the loader, and write a source with two good items or more::

        class TestScenes(LoaderContract):
            loader = "histology/slides"

            def source(self, folder):
                return write_two_slides(folder)      # the folder, or one file in it

    `damage(path)` may be overridden where a file cut in half is still whole.
    """

    loader: str
    options: Mapping[str, Any] = {}

    def source(self, folder: Path) -> Path:
        """Write the files of at least two good items; the root to scan."""
        raise UsageError("A contract test of a loader writes its own files.", hint="Override `source`.")

    def make(self) -> Loader:
        """The loader under test."""
        found: Loader = registry().create("loaders", self.loader, self.options)
        return found

    def test_it_says_whether_it_is_private(self) -> None:
        assert isinstance(self.make().private, bool), "`private` is True or False"

    def test_items_are_whole(self, tmp_path: Path) -> None:
        root = self.source(tmp_path)
        loader = self.make()
        items = _items(loader, root)
        assert len(items) >= 2, f"`source` gave {len(items)} items; two are needed"
        assert len({item.id for item in items}) == len(items), "ids are unique"
        for item in items:
            assert item.id and "\0" not in item.id and "\n" not in item.id, f"{item.id!r} is no id"
            for path in item.paths:
                parts = PurePosixPath(path).parts
                assert parts and ".." not in parts and not path.startswith("/"), f"{path!r} is not below the root"
                assert (base_of(loader, root) / path).exists(), f"{path!r} is not there"
            json.dumps(dict(item.locator), allow_nan=False)
            for name, value in item.metadata.items():
                assert value is None or isinstance(value, (str, int, float, bool, date)), f"{name}={value!r}"
                assert not isinstance(value, float) or np.isfinite(value), f"{name}={value!r}"
            assert all(isinstance(value, str) and value for value in item.groups.values()), f"{item.groups}"

    def test_a_second_scan_finds_the_same(self, tmp_path: Path) -> None:
        root = self.source(tmp_path)
        assert _items(self.make(), root) == _items(self.make(), root), "a scan depends on nothing but the files"

    def test_scanning_and_reading_change_no_file(self, tmp_path: Path) -> None:
        root = self.source(tmp_path)
        before = _listing(tmp_path)
        loader = self.make()
        _read_all(loader, _items(loader, root), root)
        assert _listing(tmp_path) == before, "a loader leaves its source as it is"

    def test_samples_are_whole(self, tmp_path: Path) -> None:
        root = self.source(tmp_path)
        loader = self.make()
        for item, sample in _read_all(loader, _items(loader, root), root):
            assert isinstance(sample, Sample), f"{item.id}: {sample}"
            _check_sample(sample)

    def test_previews_are_display_ready(self, tmp_path: Path) -> None:
        root = self.source(tmp_path)
        loader = self.make()
        for item, sample in _read_all(loader, _items(loader, root), root):
            assert isinstance(sample, Sample), f"{item.id}: {sample}"
            if sample.kind in ("text", "place"):
                continue  # what has no pixels has no preview
            preview = loader.preview(sample)
            assert preview.dtype == np.uint8 and preview.ndim == 3 and preview.shape[2] == 3, f"{preview.shape}"

    def test_threads_read_what_one_reads(self, tmp_path: Path) -> None:
        root = self.source(tmp_path)
        loader = self.make()
        items = _items(loader, root) * 4
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda item: next(iter(loader.read([item], root))), items))
        for (item, alone), sample in zip(_read_all(loader, items, root), together, strict=True):
            assert isinstance(alone, Sample) and isinstance(sample, Sample), f"{item.id}: {alone} {sample}"
            assert np.array_equal(alone.content, sample.content), f"{item.id} differs between threads"

    def test_a_damaged_file_is_a_problem(self, tmp_path: Path) -> None:
        for name, damage in _DAMAGES.items():
            folder = tmp_path / name
            folder.mkdir()
            root = self.source(folder)
            loader = self.make()
            bare = not any(item.paths for item in _items(loader, root))
            victim = _victim(loader, root, folder)
            (self.damage if name == "cut" else damage)(victim)
            problems = _problems(loader, root, refusable=bare)
            assert problems, f"the file {victim.name} was damaged ({name}), and no Problem says so"
            for problem in problems:
                assert _CODE.fullmatch(problem.code) and problem.message, f"{problem}"

    def test_a_vanished_file_is_a_problem(self, tmp_path: Path) -> None:
        root = self.source(tmp_path)
        loader = self.make()
        items = _items(loader, root)
        if not any(item.paths for item in items):
            return  # a table whose rows are the items: what was read of it is whole
        _victim(loader, root, tmp_path).unlink()
        answers = [answer for _, answer in _read_all(loader, items, root)]
        assert any(isinstance(answer, Problem) for answer in answers), "a file that is gone is a Problem"

    def test_a_link_out_of_the_root_is_not_followed(self, tmp_path: Path) -> None:
        folder = tmp_path / "inside"
        folder.mkdir()
        root = self.source(folder)
        loader = self.make()
        if not any(item.paths for item in _items(loader, root)):
            return  # the root itself may be a link
        victim = _victim(loader, root, folder)
        outside = tmp_path / "outside"
        shutil.move(victim, outside)
        os.symlink(outside, victim)
        assert _problems(loader, root), "a link out of the root is a Problem"

    def damage(self, path: Path) -> None:
        """Cut a file in half."""
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])


_DAMAGES = {
    "cut": lambda path: None,  # LoaderContract.damage
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("<html>404 not found</html>"),
}


def _problems(loader: Loader, root: Path, *, refusable: bool = False) -> list[Problem]:
    """What scanning and reading find wrong; a table whose rows are the items may be refused as a whole."""
    try:
        found = list(loader.scan(root))
    except LoaderError as error:
        if not refusable:
            raise
        return [Problem(root.name, "source-refused", str(error))]
    answers = _read_all(loader, [each for each in found if isinstance(each, Item)], root)
    return [each for each in [*found, *(answer for _, answer in answers)] if isinstance(each, Problem)]


def _items(loader: Loader, root: Path) -> list[Item]:
    return [each for each in loader.scan(root) if isinstance(each, Item)]


def _read_all(loader: Loader, items: list[Item], root: Path) -> list[tuple[Item, Sample | Problem]]:
    """Each item with its answer, read in runs of one source, as the ingest does."""
    found: list[tuple[Item, Sample | Problem]] = []
    for item in items:
        answers = list(loader.read([item], root))
        assert len(answers) == 1, f"`read` gave {len(answers)} answers for one item"
        found.append((item, answers[0]))
    return found


def _victim(loader: Loader, root: Path, folder: Path) -> Path:
    """A file that holds an item: the first item's, or the only file of a loader that tells no paths."""
    named = [path for item in _items(loader, root) for path in item.paths]
    if named:
        return base_of(loader, root) / named[0]
    return next(path for path in sorted(folder.rglob("*")) if path.is_file())


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def _check_sample(sample: Sample) -> None:
    if sample.kind == "text":
        assert isinstance(sample.content, str), "a text is a str"
        return
    if sample.kind == "place":
        lat, lon = sample.content
        assert abs(lat) <= 90 and abs(lon) <= 180, f"{sample.content} is no place"
        return
    for name, value in sample.measured.items():
        assert value is None or isinstance(value, (str, int, float, bool, date)), f"measured {name}={value!r}"
    content = np.asarray(sample.content)
    assert content.ndim == (3 if sample.kind == "image" else 4), f"{sample.kind} of shape {content.shape}"
    assert content.size, f"nothing in {content.shape}"
    assert content.shape[-1] == len(sample.bands), f"{content.shape} but bands {sample.bands}"
    mask = np.ones(content.shape[:-1], dtype=bool) if sample.mask is None else sample.mask
    assert mask.shape == content.shape[:-1] and mask.dtype == np.bool_, f"mask {mask.shape} {mask.dtype}"
    assert np.isfinite(content[mask]).all(), "NaN or infinity where the mask says valid"
    if sample.units == "srgb8":
        assert content.dtype == np.uint8, f"srgb8 in {content.dtype}"
    if sample.spacing is not None:
        assert all(np.isfinite(each) and each > 0 for each in sample.spacing), f"spacing {sample.spacing}"
