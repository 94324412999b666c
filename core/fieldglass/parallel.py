"""One function over many things in threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any, TypeVar

__all__ = ["ahead", "cores", "each"]

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def cores() -> int:
    """The CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def ahead(function: Callable[[_In], _Out], things: Iterable[_In], threads: int) -> Iterator[_Out]:
    """`function` of every thing, in their order, of up to `threads` at a time while the caller is busy with the last.

    For what computes in large arrays. The libraries beneath have one thread each meanwhile, where threadpoolctl is
    installed: two that share the cores wait for one another.
    """
    with _single(), ThreadPoolExecutor(threads, thread_name_prefix="fieldglass-ahead") as pool:
        coming: deque[Future[_Out]] = deque()
        for thing in things:
            coming.append(pool.submit(function, thing))
            if len(coming) >= max(threads, 2):
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _single() -> AbstractContextManager[Any]:
    if find_spec("threadpoolctl") is None:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1, "blas")
    return limits
