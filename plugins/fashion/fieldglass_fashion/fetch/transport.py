"""One GET: to the address that was checked, of bounded time and size; redirects are checked like first addresses."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin

from fieldglass import __version__
from fieldglass_fashion.fetch.addresses import Refused, Target, target_of

__all__ = ["AGENT", "Answer", "get"]

AGENT = f"fieldglass-fashion/{__version__} (picture fetcher of a shop's own catalogue)"
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST = 5  # redirects
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Answer:
    """What came back: status, type, the header Retry-After, the content."""

    status: int
    type: str
    retry_after: str
    content: bytes


def get(url: str, *, limit_s: float, largest: int, loopback: bool = False) -> Answer:
    """GET an address. Refused where it, or where it leads, may not be asked or is too large; OSError, HTTPException."""
    deadline = time.monotonic() + limit_s
    for _ in range(_MOST + 1):
        target = target_of(url, loopback=loopback)
        status, headers, content = _once(target, deadline, largest)
        location = headers.get("Location", "")
        if status in _REDIRECTS and location:
            url = urljoin(url, location.strip())
            continue
        return Answer(status, headers.get_content_type(), headers.get("Retry-After", ""), content)
    raise Refused(f"it leads on more than {_MOST} times")


def _once(target: Target, deadline: float, largest: int) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = _Checked(target, _left(deadline))
    try:
        headers = {"User-Agent": AGENT, "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
        connection.request("GET", target.request, headers=headers)
        response = connection.getresponse()
        said = response.getheader("Content-Length", "")
        if response.status == 200 and said.isdecimal() and int(said) > largest:
            raise Refused(f"it is of {int(said):,} bytes, over the limit of {largest:,}")
        parts, size = [], 0
        while block := _read(connection, response, deadline):
            size += len(block)
            if size > largest:
                raise Refused(f"it is of more than {largest:,} bytes, the limit")
            parts.append(block)
        if response.status == 200 and said.isdecimal() and size < int(said):
            raise http.client.IncompleteRead(b"", int(said) - size)
        return response.status, response.headers, b"".join(parts)
    finally:
        connection.close()


def _read(connection: _Checked, response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The next bytes; a server that sends one byte a minute runs into the deadline too."""
    if connection.sock is not None:
        connection.sock.settimeout(_left(deadline))
    else:
        _left(deadline)
    return response.read1(_BLOCK)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


class _Checked(http.client.HTTPConnection):
    """Connects to the address that was checked, and asks for the host by its name, as TLS and virtual hosts need."""

    def __init__(self, target: Target, timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self._target = target
        self.default_port = 443 if target.scheme == "https" else 80

    def connect(self) -> None:
        """Open the socket; certificates are compared with the name."""
        self.sock = socket.create_connection((self._target.ip, self._target.port), self.timeout)
        if self._target.scheme == "https":
            self.sock = _tls().wrap_socket(self.sock, server_hostname=self._target.host)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
