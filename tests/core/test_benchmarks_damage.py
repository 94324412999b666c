"""Official files cut short, empty, of other bytes, doubled, blank or with more keys: told, by every reader."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

import official_files as files
from fieldglass.errors import LoaderError
from fieldglass.registry import registry
from test_benchmarks_readers import WRITTEN

EVERY = {**WRITTEN, "cirr": files.cirr, "fashioniq": files.fashioniq}
BLANKS = {"caption", "captions", "relative_caption", "condition", "query-text", "dialog"}


def checked(name, root):
    return registry().create("benchmarks", name, {"root": str(root)}).check()


def used(name, root) -> list[Path]:
    """The annotation files that the default split reads."""
    benchmark = registry().create("benchmarks", name, {"root": str(root)})
    benchmark.check()
    return [root / path for path in sorted(benchmark.files.read)]


def content(path: Path) -> bytes:
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def put(path: Path, raw: bytes) -> None:
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def told(name, root, whole, path) -> None:
    """A LoaderError that names the file, or a check that has less in it and says so."""
    try:
        found = checked(name, root)
    except LoaderError as error:
        assert path.name.split(".")[0] in str(error), f"{error} does not name {path.name}"
    else:
        less = found.queries < whole.queries or found.pictures < whole.pictures or len(found.missing) > 0
        assert less or set(found.notes) != set(whole.notes), f"{path.name}: nothing was told"


@pytest.mark.parametrize("how", ["cut", "empty", "bytes", "gone"])
@pytest.mark.parametrize("name", EVERY)
def test_a_damaged_file_is_told(name, how, tmp_path):
    root = EVERY[name](tmp_path)
    whole = checked(name, root)
    assert len(used(name, root)) > 0
    for path in used(name, root):
        before = path.read_bytes()
        if how == "cut":
            path.write_bytes(before[: int(len(before) * 0.6)])
        elif how == "empty":
            path.write_bytes(b"")
        elif how == "bytes":
            path.write_bytes(bytes(range(128, 256)) * 4)
        else:
            path.unlink()
        told(name, root, whole, path)
        path.write_bytes(before)
    assert checked(name, root) == whole


def objects(found):
    """The objects of a JSON value that hold values which are no objects: the rows."""
    if isinstance(found, list):
        for each in found:
            yield from objects(each)
    elif isinstance(found, dict):
        yield found
        for each in found.values():
            yield from objects(each)


def jsons(name, root) -> list[Path]:
    return [path for path in used(name, root) if ".json" in path.name]


@pytest.mark.parametrize("name", EVERY)
def test_rows_that_are_there_twice_count_once(name, tmp_path):
    root = EVERY[name](tmp_path)
    whole = checked(name, root)
    for path in used(name, root):
        before = path.read_bytes()
        if ".json" in path.name:
            found = json.loads(content(path))
            if not isinstance(found, list):
                continue
            put(path, json.dumps(found + found).encode())
        elif path.suffix in (".csv", ".txt"):
            lines = content(path).decode().strip("\n").split("\n")
            head = lines[:1] if "query_id" in lines[0] or "image" in lines[0].split(",")[0] else []
            put(path, "\n".join([*head, *lines[len(head) :], *lines[len(head) :]]).encode())
        else:
            continue
        try:
            found = checked(name, root)
        except LoaderError as error:
            assert path.name.split(".")[0] in str(error)
        else:
            assert (found.queries, found.pictures) == (whole.queries, whole.pictures), path.name
        path.write_bytes(before)


@pytest.mark.parametrize("name", EVERY)
def test_more_keys_change_nothing(name, tmp_path):
    root = EVERY[name](tmp_path)
    whole = checked(name, root)
    for path in jsons(name, root):
        before = path.read_bytes()
        found = json.loads(content(path))
        rows = found if isinstance(found, list) else []
        for row in rows:
            if isinstance(row, dict):
                row["a key of tomorrow"] = 1
        put(path, json.dumps(found).encode())
        after = checked(name, root)
        assert (after.queries, after.pictures, after.missing) == (whole.queries, whole.pictures, whole.missing)
        if rows and isinstance(rows[0], dict):
            assert any("a key of tomorrow" in note for note in after.notes), path.name
        path.write_bytes(before)


@pytest.mark.parametrize("name", EVERY)
def test_blank_texts_are_left_out_and_told(name, tmp_path):
    root = EVERY[name](tmp_path)
    whole = checked(name, root)
    for path in jsons(name, root):
        found = json.loads(content(path))
        blanked = 0
        for row in objects(found):
            for key in BLANKS & row.keys():
                row[key] = [" "] * len(row[key]) if isinstance(row[key], list) else " "
                blanked += 1
        put(path, json.dumps(found).encode())
        if not blanked:
            continue
        try:
            after = checked(name, root)
        except LoaderError as error:
            assert "blank" in str(error) or "no quer" in str(error)
        else:
            assert after.queries < whole.queries and any("blank" in note for note in after.notes), after.notes


def test_a_cut_list_of_pictures_is_not_taken_for_none(tmp_path):
    root = EVERY["inquire"](tmp_path)
    path = root / "inat24/train.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(LoaderError, match=r"train\.json is not whole JSON"):
        checked("inquire", root)
    path.unlink()
    assert any("annotated pictures alone" in note for note in checked("inquire", root).notes)
