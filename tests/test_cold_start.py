"""What typing `fieldglass --help` costs, with every plugin of this repository installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "rasterio", "pydicom", "geopandas", "faiss", "PIL", "transformers", "pandas", "nibabel")


def imported(code: str) -> tuple[list[str], str]:
    """The heavy modules that a fresh interpreter holds after running `code`, and what it printed."""
    script = (
        f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stderr.split(), done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import fieldglass",
        "import fieldglass.hooks",
        "from fieldglass.registry import registry; registry()",
        "from fieldglass.cli import main; main(['--help'])",
        "from fieldglass.cli import main; main(['list'])",
        "from fieldglass.cli import main; main(['search', '--help'])",
        "from fieldglass.cli import main; main(['index', '--help'])",
    ],
)
def test_it_imports_nothing_heavy(code):
    found, _ = imported(code)
    assert found == []


def test_the_check_would_see_it():
    found, _ = imported("import numpy")
    assert found == ["numpy"]


def test_every_plugin_is_there():
    _, out = imported("from fieldglass.cli import main; main(['doctor'])")
    for name in ("fieldglass-fashion", "fieldglass-geo", "fieldglass-medical", "fieldglass-remote-sensing"):
        assert name in out
