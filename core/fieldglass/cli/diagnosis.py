"""What is installed: plugins, extras, and the libraries whose build matters."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

__all__ = ["examine"]

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[([^]]*)])?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


def examine() -> dict[str, Any]:
    """Plugins with their offers, extras with what they lack, and the builds of the libraries beneath; JSON-able."""
    return {"plugins": list(_plugins()), "extras": list(_extras()), "parts": _parts()}


def _plugins() -> Iterator[dict[str, Any]]:
    from fieldglass.registry import KINDS, registry

    found = registry()
    for plugin in found.plugins:
        yield {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "hooks": [hook.removeprefix("fieldglass_") for hook in plugin.hooks],
            "offers": [name for kind in KINDS for name in found.offers(kind) if found.owner(kind, name) == plugin.name],
            "broken": plugin.broken,
        }


def _extras() -> Iterator[dict[str, Any]]:
    from fieldglass.registry import registry

    for distribution in dict.fromkeys(plugin.distribution for plugin in registry().plugins):
        wanted = _requirements(distribution)
        for extra in sorted(filter(None, wanted)):
            missing = sorted(name for name in _expand(distribution, extra, wanted) if not _installed(name))
            install = f"pip install '{distribution}[{extra}]'"
            yield {"extra": f"{distribution}[{extra}]", "missing": missing, "install": install if missing else ""}


def _requirements(distribution: str) -> dict[str, list[tuple[str, str]]]:
    """Extra ("" for none) -> (distribution, its extras) as declared."""
    try:
        declared = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, list[tuple[str, str]]] = {}
    for line in declared:
        name = _REQUIREMENT.match(line)
        extra = _EXTRA.search(line)
        if name:
            found.setdefault(extra[1] if extra else "", []).append((name[1], name[2] or ""))
    return found


def _expand(distribution: str, extra: str, wanted: dict[str, list[tuple[str, str]]]) -> set[str]:
    """The distributions of an extra, through the extras of the same distribution that it names."""
    names: set[str] = set()
    for name, inner in wanted.get(extra, []):
        if name == distribution:
            names.update(*(_expand(distribution, each.strip(), wanted) for each in inner.split(",")))
        else:
            names.add(name)
    return names


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _parts() -> dict[str, dict[str, Any]]:
    probes: dict[str, Callable[[], dict[str, Any]]] = {
        "python": _python,
        "numpy": _numpy,
        "pillow": _pillow,
        "sqlite": _sqlite,
        "torch": _torch,
        "faiss": _faiss,
    }
    return {name: _try(probe) for name, probe in probes.items()}


def _try(probe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return probe()
    except ModuleNotFoundError:
        return {"version": ""}
    except Exception as error:  # a library that breaks at import is just what this command is asked about
        return {"version": "", "broken": f"{type(error).__name__}: {error}"}


def _python() -> dict[str, Any]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"version": platform.python_version(), "platform": platform.platform(), "cores": usable}


def _numpy() -> dict[str, Any]:
    import numpy as np

    return {"version": np.__version__}


def _pillow() -> dict[str, Any]:
    import PIL
    from PIL import features

    modules = {"JPEG": "jpg", "PNG": "zlib", "WebP": "webp", "TIFF": "libtiff", "AVIF": "avif"}
    formats = ["BMP", "GIF", *(name for name, feature in modules.items() if features.check(feature))]
    if _installed("pillow-heif"):
        formats.append("HEIC")
    turbo = bool(features.check_feature("libjpeg_turbo"))
    return {"version": PIL.__version__, "formats": sorted(formats), "libjpeg-turbo": turbo}


def _sqlite() -> dict[str, Any]:
    import sqlite3

    return {"version": sqlite3.sqlite_version}


def _torch() -> dict[str, Any]:
    import torch

    cuda = torch.cuda.is_available()
    return {
        "version": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda or "not in this build",
        "device": torch.cuda.get_device_name() if cuda else "cpu",
    }


def _faiss() -> dict[str, Any]:
    import faiss

    return {
        "version": faiss.__version__,
        "options": faiss.get_compile_options().split(),
        "threads": faiss.omp_get_max_threads(),
    }
