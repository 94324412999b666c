"""The address of an endpoint: checked once, never with a secret in it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from fieldglass.errors import UsageError

__all__ = ["Endpoint"]


@dataclass(frozen=True)
class Endpoint:
    """Where questions go: `url` without a trailing slash, taken apart."""

    url: str
    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """UsageError for anything but http(s)://host[:port][/path]."""
        hint = "Give the address before /chat/completions, such as http://127.0.0.1:8080/v1."
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError:
            raise UsageError("The address of the language model cannot be read.", hint=hint) from None
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise UsageError(
                "The address of the language model holds more than a host and a path.",
                hint="A key goes into the environment variable FIELDGLASS_LLM_KEY.",
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"A language model has an http or https address, not {url!r}.", hint=hint)
        if any(not "!" <= letter <= "~" for letter in parts.netloc + parts.path):
            raise UsageError("The address of the language model holds spaces or letters that no address has.")
        path = parts.path.rstrip("/").removesuffix("/chat/completions")
        secure = parts.scheme == "https"
        return cls(
            f"{parts.scheme}://{parts.netloc}{path}", secure, parts.hostname, port or (443 if secure else 80), path
        )

    @property
    def local(self) -> bool:
        """Whether it is this machine: nothing that is sent leaves it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
