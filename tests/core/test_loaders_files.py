"""The folder loader: what it finds, in which order, and what it does not follow."""

from __future__ import annotations

import builtins
import os
import sys
from pathlib import Path

import pytest

import bad_images
from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.files import Files
from fieldglass.loaders.paths import OutsideError, inside, local, portable
from fieldglass.registry import registry
from fieldglass.types import Item, Problem

PICTURE = bad_images.encoded(bad_images.picture(8, 8), "PNG")


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(PICTURE)


def scan(root: Path, **options) -> list[Item | Problem]:
    return list(Files(**options).scan(root))


def ids(root: Path, **options) -> list[str]:
    return [each.id for each in scan(root, **options) if isinstance(each, Item)]


def problems(root: Path, **options) -> dict[str, str]:
    return {each.subject: each.code for each in scan(root, **options) if isinstance(each, Problem)}


def test_a_folder_is_walked_in_order_with_posix_ids(tmp_path):
    put(tmp_path, "b.png", "a/z.JPG", "a/b/c.webp", "Ä b/ünï 图.png", "A.png")
    assert ids(tmp_path) == ["A.png", "a/b/c.webp", "a/z.JPG", "b.png", "Ä b/ünï 图.png"]
    item = next(each for each in scan(tmp_path) if each.id == "a/b/c.webp")
    assert dict(item.metadata) == {"folder": "a/b", "name": "c.webp"}
    assert item.paths == ("a/b/c.webp",)


def test_case_twins_are_two_items(tmp_path):
    put(tmp_path, "x.png", "X.png")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system has no case")
    assert ids(tmp_path) == ["X.png", "x.png"]


def test_scanning_opens_no_file(tmp_path, monkeypatch):
    put(tmp_path, "a.png", "b/c.jpg", "d.svg")
    monkeypatch.setattr(builtins, "open", lambda *_, **__: pytest.fail("opened"))
    monkeypatch.setattr(os, "open", lambda *_, **__: pytest.fail("opened"))
    assert ids(tmp_path) == ["a.png", "b/c.jpg"]


def test_hidden_ordinary_and_foreign_files(tmp_path):
    put(tmp_path, ".x.png", ".git/y.png", "notes.txt", "Thumbs.db", "data.csv", "a.svg", "b.CR2", "c.png")
    assert ids(tmp_path) == ["c.png"]
    assert problems(tmp_path) == {"a.svg": "image-format", "b.CR2": "image-format"}


def test_suffixes_and_exclude(tmp_path):
    put(tmp_path, "a.png", "b.jpg", "raw/c.png", "d_small.png", "e.svg")
    made = registry().create("loaders", "files", {"suffixes": "png", "exclude": "raw/*,*_small.png"})
    assert [each.id for each in made.scan(tmp_path)] == ["a.png"]
    assert problems(tmp_path, suffixes=("png",)) == {}


def test_one_file(tmp_path):
    put(tmp_path, "a/one.png", "a/two.png")
    loader = Files()
    (item,) = loader.scan(tmp_path / "a/one.png")
    (sample,) = loader.read([item], tmp_path / "a/one.png")
    assert item.id == "one.png"
    assert sample.content.shape == (8, 8, 3)


def test_nothing_there_is_an_error(tmp_path):
    with pytest.raises(LoaderError, match="There is no folder or file"):
        scan(tmp_path / "none")
    with pytest.raises(UsageError):
        Files(max_pixels=0)


def test_links_out_of_the_root_are_refused(tmp_path):
    put(tmp_path, "out/secret.png", "root/a.png")
    root = tmp_path / "root"
    (root / "file.png").symlink_to(tmp_path / "out/secret.png")
    (root / "folder").symlink_to(tmp_path / "out")
    (root / "inside.png").symlink_to("a.png")
    (root / "nowhere.png").symlink_to("none.png")
    assert ids(root) == ["a.png", "inside.png"]
    assert problems(root) == {
        "file.png": "path-outside",
        "folder": "path-outside",
        "nowhere.png": "path-broken-link",
    }
    (answer,) = Files().read([Item("file.png", ("file.png",))], root)
    assert answer.code == "path-outside"


def test_link_loops_end(tmp_path):
    put(tmp_path, "a/b/c.png", "d/e.png")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "a/self").symlink_to("self")
    (tmp_path / "a/other").symlink_to(tmp_path / "d")
    assert ids(tmp_path) == ["a/b/c.png", "d/e.png"]
    assert problems(tmp_path) == {"a/b/up": "path-loop", "a/self": "path-broken-link"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
def test_pipes_and_sockets_are_not_read(tmp_path):
    put(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert ids(tmp_path) == ["a.png"]
    assert problems(tmp_path) == {"pipe.png": "path-special"}
    (answer,) = Files().read([Item("pipe.png", ("pipe.png",))], tmp_path)
    assert answer.code == "file-unreadable"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are not text")
def test_a_name_that_is_not_utf8_is_found_stored_and_opened(tmp_path):
    raw = os.path.join(os.fsencode(tmp_path), b"caf\xe9.png")
    with open(raw, "wb") as file:
        file.write(PICTURE)
    loader = Files()
    (item,) = loader.scan(tmp_path)
    assert item.id.encode("utf-8").decode("utf-8") == item.id == "caf\uefe9.png"
    assert local(item.id) == os.fsdecode(b"caf\xe9.png")
    assert portable(local(item.id)) == item.id
    (sample,) = loader.read([item], tmp_path)
    assert sample.content.shape == (8, 8, 3)


@pytest.mark.parametrize("path", ["../x.png", "a/../../x.png", "/etc/passwd", "a\0b.png", "http://x/y.png",
                                  "/vsicurl/x", "C:\\x.png", "..\\x.png", "file:///etc/passwd"])  # fmt: skip
def test_a_path_that_leads_out_is_not_opened(tmp_path, path):
    with pytest.raises(OutsideError):
        inside(tmp_path, path)
    (answer,) = Files().read([Item("x", (path,))], tmp_path)
    assert answer.code == "path-outside"


def test_a_folder_that_cannot_be_listed_is_a_problem(tmp_path):
    put(tmp_path, "a.png", "closed/b.png")
    (tmp_path / "closed").chmod(0)
    try:
        if os.access(tmp_path / "closed", os.R_OK):
            pytest.skip("this user may read everything")
        assert ids(tmp_path) == ["a.png"]
        assert problems(tmp_path) == {"closed": "folder-unreadable"}
    finally:
        (tmp_path / "closed").chmod(0o755)


def test_vanished_and_unreadable_files_are_problems(tmp_path):
    (answer,) = Files().read([Item("gone.png", ("gone.png",))], tmp_path)
    assert answer.code == "file-missing"
