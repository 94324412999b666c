"""The shape of the code: who may import whom, how long a file may be, what a package says it exports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "core" / "fieldglass"
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/fieldglass_*/__init__.py"))
SOURCES = sorted([*CORE.rglob("*.py"), *(path for plugin in PLUGINS for path in plugin.rglob("*.py"))])
PYTHON = [*SOURCES, *(path for folder in ("benchmarks", "tests", "docs") for path in (ROOT / folder).rglob("*.py"))]
HEAVY = {"numpy", "torch", "PIL", "rasterio", "pydicom", "geopandas", "faiss", "transformers", "sqlite3", "rich"}
LIGHT_AT_IMPORT = [
    CORE / "__init__.py", CORE / "hooks.py", CORE / "registry.py", CORE / "options.py", CORE / "types.py",
    CORE / "builtin.py", CORE / "errors.py", CORE / "interfaces.py", *sorted((CORE / "cli").glob("*.py")),
    *(plugin / name for plugin in PLUGINS for name in ("__init__.py", "hooks.py")),
]  # fmt: skip


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, *, anywhere: bool) -> set[str]:
    """The modules that a file imports; with anywhere=False those that importing the file imports."""
    found: set[str] = set()
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
        elif not anywhere and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        elif not anywhere and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo += node.orelse
            continue
        todo += ast.iter_child_nodes(node)
    return found


def tops(modules: set[str]) -> set[str]:
    return {module.split(".", 1)[0] for module in modules}


def test_there_is_something_to_look_at():
    assert len(PLUGINS) == 4
    assert len(SOURCES) > 60


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=name)
def test_the_core_imports_no_plugin(path):
    assert not {each for each in tops(imports(path, anywhere=True)) if each.startswith("fieldglass_")}


@pytest.mark.parametrize("path", [each for plugin in PLUGINS for each in plugin.rglob("*.py")], ids=name)
def test_a_plugin_imports_the_core_and_itself(path):
    own = path.relative_to(ROOT / "plugins").parts[1]
    others = {each for each in tops(imports(path, anywhere=True)) if each.startswith("fieldglass_")}
    assert others <= {own}


@pytest.mark.parametrize("path", [plugin / "hooks.py" for plugin in PLUGINS], ids=name)
def test_hook_modules_import_nothing_but_the_hooks(path):
    assert imports(path, anywhere=False) == {"__future__", "fieldglass.hooks"}


@pytest.mark.parametrize("path", LIGHT_AT_IMPORT, ids=name)
def test_what_help_needs_imports_nothing_heavy(path):
    assert not tops(imports(path, anywhere=False)) & HEAVY


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_names_are_imported_in_full(path):
    assert not {module for module in imports(path, anywhere=True) if module.startswith(".")}


def test_files_are_short():
    long = {name(path): n for path in PYTHON if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert not long


def test_the_median_file_is_shorter_still():
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES)
    assert lengths[len(lengths) // 2] <= 150


def exported(path: Path) -> list[str] | None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "__all__":
            return ast.literal_eval(node.value)
    return None


def defined(path: Path) -> set[str]:
    """Public classes and functions of a module."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in body if isinstance(node, kinds) and not node.name.startswith("_")}


@pytest.mark.parametrize("path", [path for path in SOURCES if exported(path) is not None], ids=name)
def test_all_is_sorted_and_each_name_is_there(path):
    names = exported(path)
    assert names == [*sorted(each for each in names if each.isupper()), *sorted(e for e in names if not e.isupper())]
    assert len(set(names)) == len(names)
    bound = set(defined(path))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            bound |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    assert set(names) <= bound


@pytest.mark.parametrize("path", [path for path in CORE.glob("*/**/__init__.py") if path.stat().st_size], ids=name)
def test_a_package_lists_what_it_makes_public(path):
    """What an `__init__` imports from its own package to hand on, and what it defines, is in `__all__`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = "fieldglass" + "".join(f".{part}" for part in path.parent.relative_to(CORE).parts)
    handed = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}.")
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert (handed - used) | defined(path) <= set(exported(path) or ()) | {"__getattr__", "__dir__"}


def test_the_top_package_is_exact():
    import fieldglass

    assert fieldglass.__all__ == sorted(fieldglass._HOME)
    for each in fieldglass.__all__:
        assert getattr(fieldglass, each) is not None
    with pytest.raises(AttributeError):
        fieldglass.no_such_name  # noqa: B018


FORBIDDEN_CALLS = {"print", "input", "eval", "exec", "breakpoint", "pickle.load", "pickle.loads", "sys.exit"}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_nothing_that_does_not_belong_into_a_library(path):
    text = path.read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(text)))
    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    assert not calls & FORBIDDEN_CALLS
    assert not [node.lineno for node in nodes if isinstance(node, ast.ExceptHandler) and node.type is None]
    assert not re.findall(r"\b(?:TODO|FIXME|XXX)\b", text)


def test_asserts_are_for_the_kits_alone():
    """A user's mistake is an error of `fieldglass.errors`; `python -O` drops asserts."""
    kits = CORE / "testing"
    found = [
        name(path)
        for path in SOURCES
        if kits not in path.parents
        and any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    ]
    assert not found


def test_no_file_is_called_utils():
    assert not [name(path) for path in SOURCES if path.stem in ("utils", "util", "helpers", "misc", "common")]
