"""One POST and its answer, within one time limit, of bounded size, with no redirect followed."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from fieldglass import __version__
from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from fieldglass.llm.endpoint import Endpoint

__all__ = ["LARGEST", "Reply", "post"]

LARGEST = 4 << 20  # bytes of an answer
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Reply:
    """What came back: status, the header Retry-After, and at most `LARGEST` bytes."""

    status: int
    retry_after: str
    content: bytes


def post(endpoint: Endpoint, body: bytes, key: str, limit_s: float) -> Reply:
    """POST to `endpoint`/chat/completions. OSError or HTTPException where no whole answer came within `limit_s`.

    A proxy of the environment is used as for any program, but never for an endpoint on this machine.
    """
    connection, target, headers = _connection(endpoint, limit_s)
    headers |= {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": _AGENT}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    late = threading.Event()
    timer: threading.Timer | None = None
    try:
        connection.connect()
        wire = connection.sock

        def cut() -> None:  # the socket's own timeout starts anew with every byte; this one does not
            late.set()
            with suppress(OSError):
                socket.socket.shutdown(wire, socket.SHUT_RDWR)

        timer = threading.Timer(limit_s, cut)
        timer.daemon = True
        timer.start()
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        content = _read(response)
        if late.is_set():
            raise TimeoutError
        return Reply(response.status, response.headers.get("Retry-After", ""), content)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            raise TimeoutError(f"no whole answer within {limit_s:.3g} s") from None
        if isinstance(error, ValueError) and not isinstance(error, OSError):
            raise http.client.HTTPException("an answer that is not HTTP") from None
        raise
    finally:
        if timer is not None:
            timer.cancel()
        connection.close()


_AGENT = f"fieldglass/{__version__}"


def _read(response: http.client.HTTPResponse) -> bytes:
    found = bytearray()
    while block := response.read1(_BLOCK):
        found += block
        if len(found) > LARGEST:
            raise http.client.HTTPException(f"an answer of more than {LARGEST >> 20} MiB")
    return bytes(found)


def _connection(endpoint: Endpoint, limit_s: float) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """A connection that is not open yet, the target of the request line, and the headers that a proxy wants."""
    target = f"{endpoint.path}/chat/completions"
    proxy = "" if endpoint.local or proxy_bypass(endpoint.host) else getproxies().get(endpoint.url.split(":")[0], "")
    if not proxy:
        return _open(endpoint.secure, endpoint.host, endpoint.port, limit_s), target, {}
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if parts.scheme != "http" or not parts.hostname:
        raise UsageError("The proxy of the environment is not an http proxy.", hint="Set no_proxy for this host.")
    headers = {}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    if not endpoint.secure:
        return _open(False, parts.hostname, parts.port or 80, limit_s), f"{endpoint.url}/chat/completions", headers
    through = _open(True, parts.hostname, parts.port or 80, limit_s)
    through.set_tunnel(endpoint.host, endpoint.port, headers)
    return through, target, {}


def _open(secure: bool, host: str, port: int, limit_s: float) -> http.client.HTTPConnection:
    if secure:
        return http.client.HTTPSConnection(host, port, timeout=limit_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=limit_s)
