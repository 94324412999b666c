"""One function over many things in threads, for what waits on others rather than computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["each"]

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def each(function: Callable[[_In], _Out], things: Sequence[_In], threads: int) -> list[_Out]:
    """`function` of every thing, in their order, `threads` at a time; the first error ends what has not begun."""
    if threads < 2 or len(things) < 2:
        return [function(thing) for thing in things]
    pool = ThreadPoolExecutor(min(threads, len(things)), thread_name_prefix="fieldglass-ask")
    try:
        return [future.result() for future in [pool.submit(function, thing) for thing in things]]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
