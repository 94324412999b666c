"""Fetches the pictures that a catalogue names: bounded, resumable, polite; nothing is asked twice that is known."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from http.client import HTTPException
from io import BytesIO
from itertools import islice
from pathlib import Path

from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.picture import MAX_PIXELS, PictureError, open_header
from fieldglass_fashion.fetch.addresses import Refused
from fieldglass_fashion.fetch.ledger import Known, Ledger, address
from fieldglass_fashion.fetch.manners import Hosts
from fieldglass_fashion.fetch.transport import Answer, get

__all__ = ["Fetched", "Limits", "fetch"]

_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_SUFFIX = {"JPEG": "jpg"}
_LEAST_FREE = 256 << 20  # bytes that are left free on the disk
_MOST_FAILURES = 20  # of one host, one after the other, before it is left alone


@dataclass(frozen=True)
class Limits:
    """How far a fetch may go.

    :param files: pictures of this run; 0 for all.
    :param bytes: of one picture.
    :param total: bytes of this run; 0 for as many as the disk takes.
    :param seconds: for one picture, redirects included.
    :param pause: seconds between two requests to one host.
    :param threads: hosts asked at the same time.
    :param tries: for one picture.
    """

    files: int = 0
    bytes: int = 32 << 20
    total: int = 0
    seconds: float = 60.0
    pause: float = 0.2
    threads: int = 8
    tries: int = 3


@dataclass(frozen=True)
class Fetched:
    """How a fetch went: pictures that are new, that were here, that were not fetched; whether it was stopped."""

    new: int = 0
    here: int = 0
    failed: int = 0
    bytes: int = 0
    stopped: str = ""

    def __str__(self) -> str:
        return f"{self.new:,} new, {self.here:,} here already, {self.failed:,} could not be had"


class _Stopped(Exception):
    pass


def fetch(
    urls: Iterable[str],
    folder: Path,
    *,
    limits: Limits = Limits(),
    again: bool = False,
    progress: Callable[[Fetched], None] | None = None,
    stop: threading.Event | None = None,
    loopback: bool = False,
) -> Fetched:
    """Bring pictures into `folder`, named by their content; `Ledger` knows which address is which file.

    :param again: ask again for what was refused for good: a 404, a page that is no picture.
    :param loopback: let addresses of this machine be asked; for tests alone.

    A picture that cannot be had is kept with its reason, never an exception. UsageError for limits that cannot be.
    """
    if min(limits.bytes, limits.threads, limits.tries) < 1 or limits.seconds <= 0 or limits.pause < 0:
        raise UsageError(f"{limits} cannot be.")
    ledger = Ledger.open(folder)
    try:
        return _Run(folder, ledger, limits, again, progress, stop or threading.Event(), loopback).drive(urls)
    finally:
        ledger.close()


class _Run:
    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        limits: Limits,
        again: bool,
        progress: Callable[[Fetched], None] | None,
        stop: threading.Event,
        loopback: bool,
    ) -> None:
        self._folder, self._ledger, self._limits, self._again = folder, ledger, limits, again
        self._progress, self._stop, self._loopback = progress, stop, loopback
        self._hosts = Hosts(limits.pause, self._get, self._sleep)
        self._done = Fetched()

    def drive(self, urls: Iterable[str]) -> Fetched:
        """Ask for all that is not known, a bounded number at a time."""
        todo = self._unknown(dict.fromkeys(map(address, urls)))
        if self._limits.files:
            todo = islice(todo, self._limits.files)
        pool = ThreadPoolExecutor(self._limits.threads, thread_name_prefix="fieldglass-fetch")
        flying: set[Future[Known | None]] = set()
        try:
            for url in todo:
                flying.add(pool.submit(self._one, url))
                if len(flying) >= 4 * self._limits.threads:
                    flying = self._take(flying)
                if self._full():
                    break
            while flying:
                flying = self._take(flying)
        except KeyboardInterrupt:
            self._done = replace(self._done, stopped="interrupted")
        finally:
            if self._done.stopped:
                self._stop.set()
            pool.shutdown(cancel_futures=True)
        for future in flying:
            if future.done() and not future.cancelled():
                self._count(future.result())
        return self._done

    def _unknown(self, urls: Iterable[str]) -> Iterator[str]:
        for url in urls:
            known = self._ledger.find(url)
            if known is not None and known.file and (self._folder / known.file).is_file():
                self._done = replace(self._done, here=self._done.here + 1)
            elif known is not None and known.final and not known.file and not self._again:
                self._done = replace(self._done, failed=self._done.failed + 1)
            else:
                yield url

    def _take(self, flying: set[Future[Known | None]]) -> set[Future[Known | None]]:
        done, left = wait(flying, return_when=FIRST_COMPLETED)
        for future in done:
            self._count(future.result())
        return left

    def _count(self, known: Known | None) -> None:
        if known is None:
            return
        done = self._done
        if known.file:
            self._done = replace(done, new=done.new + 1, bytes=done.bytes + known.bytes)
        else:
            self._done = replace(done, failed=done.failed + 1)
        if self._progress is not None:
            self._progress(self._done)

    def _full(self) -> bool:
        reason = ""
        if self._limits.total and self._done.bytes >= self._limits.total:
            reason = f"the limit of {self._limits.total:,} bytes is reached"
        elif shutil.disk_usage(self._folder).free < _LEAST_FREE + self._limits.threads * self._limits.bytes:
            reason = "the disk is nearly full"
        if reason:
            self._done = replace(self._done, stopped=reason)
        return bool(reason) or self._stop.is_set()

    def _one(self, url: str) -> Known | None:
        """What becomes of one address; None where the fetch was stopped before."""
        try:
            known = self._asked(url)
        except _Stopped:
            return None
        except Refused as error:
            known = Known(url, "", reason=str(error), final=error.final)
        self._ledger.put(known)
        return known

    def _asked(self, url: str) -> Known:
        reason = ""
        for attempt in range(self._limits.tries):
            with self._hosts.turn(url) as host:
                if host.failures >= _MOST_FAILURES:
                    raise Refused(f"its host failed {_MOST_FAILURES} times in a row", final=False)
                try:
                    answer = self._get(url, self._limits.bytes)
                except (OSError, HTTPException) as error:
                    reason = f"{type(error).__name__}: {error}"
                    host.rest("", attempt)
                    continue
                if answer.status in _AGAIN:
                    reason = f"its host answers {answer.status}"
                    host.rest(answer.retry_after, attempt)
                    continue
                host.failures = 0
                return self._kept(url, answer)
        return Known(url, "", reason=reason[:300], final=False)

    def _kept(self, url: str, answer: Answer) -> Known:
        if answer.status != 200:
            raise Refused(f"its host answers {answer.status}")
        if not answer.content:
            raise Refused("the file is empty")
        try:
            kind, _ = open_header(BytesIO(answer.content), max_pixels=MAX_PIXELS)
        except PictureError as error:
            raise Refused(f"it is no picture that can be taken ({answer.type}): {error.message}") from error
        digest = hashlib.sha256(answer.content).hexdigest()
        name = f"{digest[:2]}/{digest[:32]}.{_SUFFIX.get(kind, kind.lower())}"
        try:
            _write(self._folder / name, answer.content)
        except OSError as error:
            raise LoaderError(f"{name} cannot be written: {error.strerror or error}.") from error
        return Known(url, name, len(answer.content), digest)

    def _get(self, url: str, largest: int) -> Answer:
        return get(url, limit_s=self._limits.seconds, largest=largest, loopback=self._loopback)

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise _Stopped


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; the same content is the same file."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{path.name}.{threading.get_ident()}.part")
    part.write_bytes(content)
    os.replace(part, path)
