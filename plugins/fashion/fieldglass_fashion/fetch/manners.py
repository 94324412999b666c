"""How a host is asked: one request at a time, with a pause between, and as its robots.txt and its errors say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from fieldglass_fashion.fetch.addresses import Refused
from fieldglass_fashion.fetch.transport import AGENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldglass_fashion.fetch.transport import Answer

__all__ = ["Host", "Hosts", "wait_of"]

_LONGEST_PAUSE = 60.0
_ROBOTS = 512 << 10
_NAME = AGENT.partition("/")[0]


@dataclass
class Host:
    """One host: when it may be asked next, and what its robots.txt says."""

    pause: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    next: float = 0.0
    robots: RobotFileParser | None = None
    asked: bool = False
    refused: str = ""
    failures: int = 0

    def rest(self, retry_after: str, attempt: int) -> None:
        """After a failure the host as a whole is left alone for a while."""
        self.failures += 1
        self.next = time.monotonic() + wait_of(retry_after, attempt)


class Hosts:
    """All hosts of one fetch. `get` fetches robots.txt; `sleep` waits, and raises where the fetch is stopped."""

    def __init__(self, pause: float, get: Callable[[str, int], Answer], sleep: Callable[[float], None]) -> None:
        self._pause, self._get, self._sleep = pause, get, sleep
        self._hosts: dict[str, Host] = {}
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, url: str) -> Iterator[Host]:
        """The turn to ask a host, after its pause. Refused where its robots.txt forbids the address."""
        host = self._host(url)
        with host.lock:
            if not host.asked:
                host.asked = True
                self._robots(url, host)
            if host.refused:
                raise Refused(host.refused, final=False)
            if host.robots is not None and not host.robots.can_fetch(_NAME, url):
                raise Refused("the robots.txt of its host forbids it")
            self._sleep(max(0.0, host.next - time.monotonic()))
            try:
                yield host
            finally:
                host.next = max(host.next, time.monotonic() + host.pause)

    def _host(self, url: str) -> Host:
        name = urlsplit(url).netloc.lower()
        with self._lock:
            return self._hosts.setdefault(name, Host(self._pause))

    def _robots(self, url: str, host: Host) -> None:
        """Without a robots.txt all is allowed, and where the host fails to give it nothing is (RFC 9309, 2.3.1)."""
        parts = urlsplit(url)
        try:
            answer = self._get(f"{parts.scheme}://{parts.netloc}/robots.txt", _ROBOTS)
        except (Refused, OSError, HTTPException):
            return  # the picture itself will say what is wrong
        if answer.status >= 500:
            host.refused = f"its host answers {answer.status} for robots.txt"
        if answer.status != 200:
            return
        host.robots = RobotFileParser()
        host.robots.parse(answer.content.decode("utf-8", "replace").splitlines())
        delay = host.robots.crawl_delay(_NAME)
        host.pause = min(max(host.pause, float(delay or 0)), _LONGEST_PAUSE)


def wait_of(retry_after: str, attempt: int) -> float:
    """Seconds before another try: what the header Retry-After says, else 1, 2, 4 ...; at most a minute."""
    if retry_after.strip().isdecimal():
        return min(float(retry_after), _LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (TypeError, ValueError):
        return min(2.0**attempt, _LONGEST_PAUSE)
    return min(max(until, 0.0), _LONGEST_PAUSE)
