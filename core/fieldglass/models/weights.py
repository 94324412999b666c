"""Reads weight files as what they are: untrusted input. safetensors, or torch files without pickled code."""

from __future__ import annotations

import json
import math
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError, WeightsMissingError
from fieldglass.models.cache import sha256_of

__all__ = ["check_hash", "fit", "notes", "read"]

_HEADER_LIMIT = 100 << 20
_ITEM_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
}  # fmt: skip
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_NAMED = 4


def check_hash(path: Path, expected: str, *, fresh: bool = False) -> None:
    """WeightsError where the content of a file is not the one that is pinned."""
    if not path.is_file():
        raise WeightsMissingError(f"There is no weight file {path}.")
    found = sha256_of(path, fresh=fresh)
    if found != expected:
        raise WeightsError(
            f"{path} has sha256 {found[:16]}..., not {expected[:16]}... as pinned.",
            hint="The file is damaged or another version: fetch or install it again.",
        )


def read(path: Path, wrappers: tuple[str, ...] = _WRAPPERS) -> dict[str, Any]:
    """The state dict of a .safetensors or torch file on the CPU, checked: tensors only, all finite.

    `wrappers` are the keys under which a torch file may hold the state dict beside other things.

    WeightsError names what is wrong; nothing of the file is ever executed.
    """
    if not path.is_file():
        raise WeightsMissingError(f"There is no weight file {path}.")
    state = _safetensors(path) if path.suffix == ".safetensors" else _torch(path, wrappers)
    if not state:
        raise WeightsError(f"{path} holds no tensors.")
    torch = require("torch")
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise WeightsError(f"{path}: tensor {name!r} holds NaN or infinity.", hint="The checkpoint is damaged.")
    return state


def notes(path: Path) -> dict[str, str]:
    """The sentences that lie beside the state dict in a torch file: what a training of ours says of itself."""
    if path.suffix == ".safetensors":
        return {}
    torch = require("torch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # `read` has told what is wrong with it, or will
        return {}
    if not isinstance(found, Mapping):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, str)}


def _safetensors(path: Path) -> dict[str, Any]:
    _check_header(path)
    try:
        return dict(require("safetensors.torch").load_file(str(path)))
    except Exception as error:  # safetensors has one exception type, torch adds its own
        raise WeightsError(f"{path} is not a sound safetensors file: {error}") from error


def _check_header(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(_HEADER_LIMIT, size - 8):
            raise WeightsError(
                f"{path} is not a sound safetensors file: its header claims {length} bytes, the file has {size}."
            )
        try:
            header = json.loads(file.read(length))
            entries = sorted(
                (*map(int, entry["data_offsets"]), _bytes(entry), name)
                for name, entry in header.items()
                if name != "__metadata__"
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsError(f"{path} is not a sound safetensors file: its header cannot be read.") from error
    end = 0
    for start, stop, wanted, name in entries:
        if start != end or stop - start != wanted:
            raise WeightsError(
                f"{path}: tensor {name!r} lies at bytes {start} to {stop}; expected {wanted} bytes from {end}."
            )
        end = stop
    if end != size - 8 - length:
        raise WeightsError(f"{path} holds {size - 8 - length} bytes of tensors, its header describes {end}.")


def _bytes(entry: Mapping[str, Any]) -> int:
    return math.prod(map(int, entry["shape"])) * _ITEM_BITS[entry["dtype"]] // 8


def _torch(path: Path, wrappers: tuple[str, ...]) -> dict[str, Any]:
    torch = require("torch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of is refused below, in our own words
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} holds pickled objects beyond tensors, and is refused: {str(error).splitlines()[0]}",
            hint="Convert it to safetensors where you trust it.",
        ) from error
    except RuntimeError as error:
        archive = "TorchScript" in str(error)
        raise WeightsError(
            f"{path} is a TorchScript archive, which carries code, and is refused."
            if archive
            else f"{path} cannot be read: {str(error).splitlines()[0]}",
            hint="Convert its state dict to safetensors." if archive else "Fetch it again.",
        ) from error
    except Exception as error:  # a damaged file may raise anything inside torch's reader
        raise WeightsError(f"{path} cannot be read as a torch file: {error}", hint="Fetch it again.") from error
    for wrapper in wrappers:
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
    if not isinstance(found, Mapping):
        raise WeightsError(f"{path} holds a {type(found).__name__}, not named tensors.")
    wrong = [str(name) for name, value in found.items() if not isinstance(value, torch.Tensor)]
    if wrong:
        raise WeightsError(f"{path}: {_some(wrong)} are not tensors.")
    return {str(name).removeprefix("module."): value for name, value in found.items()}


def fit(
    model: Any, state: Mapping[str, Any], path: Path, what: str, *, ignore: tuple[str, ...] = (), assign: bool = False
) -> None:
    """Put a state dict into a model: every tensor, no other, right shapes. WeightsError names the ones that differ.

    `ignore` are prefixes of tensors that the model has no use for. With `assign` the tensors become the model's own,
    in their precision, instead of being copied into it: for a model made on the device "meta".
    """
    wanted = model.state_dict()
    missing = [name for name in wanted if name not in state]
    extra = [name for name in state if name not in wanted and not name.startswith(ignore)]
    if missing or extra:
        parts = [f"it lacks {_some(missing)}"] if missing else []
        parts += [f"it has {_some(extra)} besides"] if extra else []
        raise WeightsError(f"{path} is not a checkpoint of {what}: {' and '.join(parts)}.")
    shapes = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(wanted[name].shape)}"
        for name in wanted
        if state[name].shape != wanted[name].shape
    ]
    if shapes:
        raise WeightsError(f"{path} is not a checkpoint of {what}: {_some(shapes)}.")
    kinds = [
        f"{name} is {state[name].dtype}, not {wanted[name].dtype}"
        for name in wanted
        if state[name].is_floating_point() != wanted[name].is_floating_point()
    ]
    if kinds:
        raise WeightsError(f"{path} is not a checkpoint of {what}: {_some(kinds)}.")
    model.load_state_dict({name: state[name] for name in wanted}, assign=assign)
    model.eval()
    model.requires_grad_(False)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
