"""Where a model runs, in which precision, and with how many threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fieldglass._torchvision import require
from fieldglass.errors import UsageError

__all__ = ["Placement", "place", "single_thread"]

T = TypeVar("T")

_PRECISIONS = ("fp32", "bf16", "fp16")
_lock = threading.Lock()
_users: list[None] = []
_usual: list[int] = []


@dataclass(frozen=True)
class Placement:
    """A torch device name, and "fp32", "bf16" or "fp16" (autocast; weights stay fp32)."""

    device: str
    precision: str

    def pieces(self, batch: Sequence[T], size: int) -> Iterator[Sequence[T]]:
        """Slices of a batch that a CPU takes one after the other; the whole batch elsewhere.

        The memory of a large activation goes back to the system after every layer, and is faulted in again.
        """
        step = size if self.device == "cpu" else max(len(batch), 1)
        return (batch[start : start + step] for start in range(0, len(batch), step))

    @contextmanager
    def inference(self) -> Iterator[None]:
        """No gradients, and autocast where the precision asks for it. Per thread, as torch's modes are."""
        torch = require("torch")
        with torch.inference_mode():
            if self.precision == "fp32":
                yield
            else:
                dtype = torch.bfloat16 if self.precision == "bf16" else torch.float16
                with torch.autocast(self.device.partition(":")[0], dtype=dtype):
                    yield


def place(device: str = "auto", precision: str = "auto") -> Placement:
    """CUDA with bf16 where there is one, else CPU with fp32; either can be asked for by name."""
    if device == "auto":
        device = "cuda" if _cuda() else "cpu"
    elif device != "cpu":
        _check(device)
    if precision == "auto":
        precision = "bf16" if device.startswith("cuda") else "fp32"
    elif precision not in _PRECISIONS:
        raise UsageError(f"There is no precision {precision!r}.", hint=f"Use auto, {', '.join(_PRECISIONS)}.")
    return Placement(device, precision)


def _cuda() -> bool:
    if sys.platform == "linux" and not _accelerator_node():
        return False  # known without the seconds that importing torch takes
    return bool(require("torch").cuda.is_available())


def _accelerator_node() -> bool:
    nodes = Path("/dev")
    return any((nodes / name).exists() for name in ("nvidiactl", "nvhost-ctrl", "dxg", "kfd"))


def _check(device: str) -> None:
    torch = require("torch")
    try:
        torch.empty(1, device=torch.device(device))
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"The device {device!r} cannot be used: {reason}", hint="Use auto, cpu or cuda.") from error


@contextmanager
def single_thread() -> Iterator[None]:
    """One torch thread in the calling thread, for workers that share the cores between them.

    `torch.set_num_threads` holds for the calling thread, and for every thread that has not used torch yet:
    so the last worker to leave puts the process's own number back for later threads.
    """
    torch = require("torch")
    with _lock:
        if not _users:
            _usual[:] = [torch.get_num_threads()]
        _users.append(None)
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _users.pop()
            torch.set_num_threads(1 if _users else _usual[0])
