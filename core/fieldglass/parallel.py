"""One function over many things in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead", "each"]

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def each(function: Callable[[_In], _Out], things: Sequence[_In], threads: int) -> list[_Out]:
    """`function` of every thing, in their order, `threads` at a time: for what waits on others rather than computes.

    The first error ends what has not begun.
    """
    if threads < 2 or len(things) < 2:
        return [function(thing) for thing in things]
    pool = ThreadPoolExecutor(min(threads, len(things)), thread_name_prefix="fieldglass-ask")
    try:
        return [future.result() for future in [pool.submit(function, thing) for thing in things]]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def ahead(function: Callable[[_In], _Out], things: Iterable[_In]) -> Iterator[_Out]:
    """`function` of every thing, in their order, one at a time: of the next while the caller is busy with the last."""
    with ThreadPoolExecutor(1, thread_name_prefix="fieldglass-ahead") as pool:
        coming = None
        for thing in things:
            last, coming = coming, pool.submit(function, thing)
            if last is not None:
                yield last.result()
        if coming is not None:
            yield coming.result()
