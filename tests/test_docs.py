"""The documentation cannot rot: every block runs, every link leads somewhere, every hook and command is in it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from fieldglass import hooks
from fieldglass.cli import COMMANDS
from fieldglass.registry import KINDS, registry
from warm import Warm

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
READMES = sorted(ROOT.glob("plugins/*/README.md"))
BLOCK = re.compile(r"(?ms)^(?:<!-- (not run: [^\n]+) -->\n)?^```(\w*)\n(.*?)^```$")
RUN = ("bash", "python")
NOT_RUN = 27  # blocks that install packages, use the network, or need weights or a million items


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    excuse: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text[: found.start()].count("\n") + 1, found[2], found[3], found[1] or "")
        for found in BLOCK.finditer(text)
    ]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """The twenty photographs of the demo."""
    folder = tmp_path_factory.mktemp("photographs")
    registry().create("demos", "photographs", {"folder": folder})
    return folder / "pictures"


@pytest.fixture(scope="module")
def warm(tmp_path_factory, photographs):
    """A `fieldglass` command that need not import torch each time."""
    folder = tmp_path_factory.mktemp("warm")
    collection = str(folder / "first.collection")
    server = Warm(folder, "index", str(photographs / "animals"), "--to", collection)
    yield server.bin
    server.close()


@pytest.fixture
def desk(tmp_path, photographs, monkeypatch) -> Path:
    """What the pages speak of: a folder of photos, a shop's tables, and a picture from elsewhere."""
    from PIL import Image

    shutil.copytree(photographs, tmp_path / "holiday")
    with Image.open(photographs / "animals" / "cat.png") as cat:
        cat.convert("RGB").crop((60, 10, 400, 290)).save(tmp_path / "cat.jpg")
    shop = tmp_path / "shop"
    shop.mkdir()
    for picture in ("animals/cat.png", "things/coffee.png", "nature/flower.jpg"):
        shutil.copy(photographs / picture, shop)
    (shop / "products.csv").write_text(
        "sku,product,title,price,picture\n"
        "1,A,A cat on paper,12.5,cat.png\n2,A,A cup,8,coffee.png\n3,B,A rose,30,flower.jpg\n"
    )
    (shop / "export.csv").write_text(
        "id;title;price;image_link;additional_image_link;item_group_id\n"
        "4711;A cat on paper;19,90 €;cat.png;coffee.png;A\n4712;A rose;1.299,00 €;flower.jpg;;B\n",
        encoding="utf-8",
    )
    _studies(tmp_path / "archive")
    monkeypatch.setenv("FIELDGLASS_MEDICAL_KEY", str(tmp_path / "private" / "medical.key"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _studies(folder: Path) -> None:
    """Files that pydicom carries, of five patients; and a report, which is no picture."""
    import pydicom

    folder.mkdir()
    files = Path(pydicom.__file__).parent / "data" / "test_files"
    for each in ("CT_small", "693_J2KI", "MR_small", "examples_palette", "JPEG2000", "test-SR"):
        shutil.copy(files / f"{each}.dcm", folder)


def run_bash(block: Block, commands: Path) -> None:
    path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text], capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, f"{name(block.page)}:{block.line}\n{block.text}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=name(page), marks=[pytest.mark.slow] if page.parent != ROOT else []) for page in PAGES],
)
def test_every_block_runs(page, desk, warm):
    """Top to bottom, as a reader would type them; a page's Python blocks share their names."""
    names: dict[str, object] = {"__name__": "docs"}
    for block in blocks(page):
        if block.excuse or block.language not in RUN:
            continue
        if block.language == "bash":
            if block.text.startswith("make demo"):
                continue  # the continuous integration runs it
            run_bash(block, warm)
        else:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(block.text, f"{name(page)}:{block.line}", "exec"), names)
            assert out.getvalue() or "print" not in block.text


def test_blocks_that_do_not_run_say_why_and_are_few():
    every = [block for page in [*PAGES, ROOT / "CONTRIBUTING.md"] for block in blocks(page)]
    assert len([block for block in every if block.language in RUN]) > 50
    assert len([block for block in every if block.excuse]) == NOT_RUN
    assert {block.language for block in every} <= {"bash", "python", "py", "text"}


@pytest.mark.parametrize("page", [*PAGES, *READMES, ROOT / "CONTRIBUTING.md"], ids=name)
def test_links_lead_somewhere(page):
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{name(page)}: {target}"


def test_generated_pages_are_up_to_date(tmp_path):
    """In a process of its own: click keeps a command's help as it was asked for first."""
    subprocess.run([sys.executable, str(DOCS / "generate.py"), str(tmp_path)], check=True, capture_output=True)
    pages = [path.relative_to(tmp_path) for path in tmp_path.rglob("*.md")]
    assert len(pages) == 2
    for page in pages:
        made, kept = ((folder / page).read_text(encoding="utf-8") for folder in (tmp_path, DOCS))
        assert kept == made, f"{page}: run `python docs/generate.py`"


@pytest.mark.parametrize("hook", [each for each in vars(hooks) if each.startswith("fieldglass_")])
def test_every_hook_is_documented_and_tested(hook):
    assert f"## {hook}\n" in (DOCS / "reference" / "hooks.md").read_text(encoding="utf-8")
    assert f"def test_hook_{hook}(" in (ROOT / "tests" / "core" / "test_hooks.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command):
    assert f"## fieldglass {command}\n" in (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")


def test_every_composer_of_the_core_is_in_the_concepts():
    text = (DOCS / "concepts.md").read_text(encoding="utf-8")
    core = [each for each in registry().offers("composers") if registry().owner("composers", each) == "core"]
    assert core and all(f"| `{each}` |" in text for each in core)


def test_every_offer_of_a_plugin_is_in_its_readme():
    readmes = {path.parent.name: path.read_text(encoding="utf-8") for path in READMES}
    for kind in KINDS:
        for offer in registry().offers(kind):
            owner = registry().owner(kind, offer)
            folder = {"rs": "remote_sensing", "med": "medical"}.get(owner, owner)
            if folder in readmes:
                assert f"`{offer}`" in readmes[folder], f"{offer} is not in the README of {owner}"


def test_every_page_is_in_the_navigation():
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert page.relative_to(DOCS).as_posix() in listed


def test_pictures_are_small():
    pictures = [path for path in (DOCS / "images").iterdir()]
    assert pictures
    assert all(path.stat().st_size < 400_000 for path in pictures)
