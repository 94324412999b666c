"""Which addresses may be asked: those of the web, on public hosts, checked after the name is looked up."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

__all__ = ["Refused", "Target", "public", "target_of"]

_PORTS = {"http": 80, "https": 443}
_LONGEST = 4096


class Refused(Exception):
    """An address that is not asked; `final` where another try would say the same."""

    def __init__(self, reason: str, *, final: bool = True) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True)
class Target:
    """Where to connect: the address that was checked, not the name, so that a second look-up cannot change it."""

    scheme: str
    host: str
    port: int
    ip: str
    request: str  # path and query


def target_of(url: str, *, loopback: bool = False) -> Target:
    """The checked target of an address; Refused says why there is none. `loopback` lets tests ask this machine."""
    parts, host, port = _parts(url)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Refused(f"the host {host!r} is not found ({error})", final=False) from error
    ips = list(dict.fromkeys(str(each[4][0]) for each in found))
    for ip in ips:  # one private address among public ones is an attack, not a choice
        if not (public(ip) or (loopback and ipaddress.ip_address(ip).is_loopback)):
            raise Refused(f"{host!r} is {ip}, which is not a public address")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~-._") if parts.query else ""
    return Target(parts.scheme, host, port, ips[0], path + query)


def public(ip: str) -> bool:
    """Whether an address is one of the public internet: not private, local, reserved, multicast or translated."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _parts(url: str) -> tuple[SplitResult, str, int]:
    if len(url) > _LONGEST or any(ord(each) < 32 or ord(each) == 127 for each in url):
        raise Refused("the address is too long, or holds control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused(f"it is no address ({error})") from error
    if parts.scheme not in _PORTS:
        raise Refused(f"{parts.scheme or 'no scheme'!r} is not http or https")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise Refused("an address names a host, and no user")
    return parts, parts.hostname, port or _PORTS[parts.scheme]
