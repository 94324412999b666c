"""Asks a language model: retries what passes, gives up in time, keeps answers, counts tokens."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from fieldglass.errors import EndpointError, FieldglassError, UsageError
from fieldglass.llm import kept
from fieldglass.llm.answers import Answer, read_answer, read_reason
from fieldglass.llm.endpoint import Endpoint
from fieldglass.llm.retry import passing, pause, wanted_pause
from fieldglass.llm.transport import Reply, post
from fieldglass.llm.usage import PROCESS, Meter, Usage

__all__ = ["LanguageModel", "Part"]

Part = str | bytes  # words, or a picture file: JPEG, PNG, WebP or GIF
_MAGIC = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n", "png"), (b"RIFF", "webp"), (b"GIF8", "gif"))
_REST_S = 30.0  # how long an endpoint that failed is left alone


class LanguageModel:
    """The model `model` at `url`, an address before /chat/completions. Safe in threads.

    Without them, those of FIELDGLASS_LLM_URL and FIELDGLASS_LLM_MODEL; UsageError where one is missing. The key is
    that of FIELDGLASS_LLM_KEY; no error, file or name holds it.

    :param timeout_s: of one request, to the last byte of its answer.
    :param limit_s: of one question with all its tries and pauses.
    :param attempts: how often a question is asked where the endpoint fails or its answer cannot be used.
    :param keep: whether answers are kept in the user's cache, and found there.
    """

    def __init__(
        self,
        url: str = "",
        model: str = "",
        *,
        timeout_s: float = 60.0,
        limit_s: float = 180.0,
        attempts: int = 3,
        pause_s: float = 0.5,
        keep: bool = True,
    ) -> None:
        url, model = (
            url or os.environ.get("FIELDGLASS_LLM_URL", ""),
            model or os.environ.get("FIELDGLASS_LLM_MODEL", ""),
        )
        if not url or not model:
            raise UsageError(
                "A language model needs both an address and a name (llm_url and llm_model).",
                hint="Give --llm-url URL --llm-model NAME, or set FIELDGLASS_LLM_URL and FIELDGLASS_LLM_MODEL.",
            )
        if timeout_s <= 0 or limit_s <= 0 or attempts < 1:
            raise UsageError("timeout_s and limit_s are above 0, and attempts is 1 or more.")
        self._endpoint = Endpoint.parse(url)
        self.model, self.keep = model, keep
        self.timeout_s, self.limit_s, self.attempts, self.pause_s = timeout_s, limit_s, attempts, pause_s
        self._meter = Meter()
        self._asking: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._lock = threading.Lock()
        self._rest = (0.0, "")
        self._renamed: frozenset[str] = frozenset()

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return self._endpoint.url

    @property
    def local(self) -> bool:
        """Whether it is on this machine."""
        return self._endpoint.local

    @property
    def threads(self) -> int:
        """How many questions to ask at a time, where nobody says: a model on this machine has but one processor."""
        return 1 if self.local else 4

    @property
    def usage(self) -> Usage:
        """What this object was asked so far."""
        return self._meter.sum

    def ask(
        self,
        question: str | Sequence[Part],
        *,
        system: str = "",
        max_tokens: int = 700,
        temperature: float = 0.0,
        accept: Callable[[str], bool] | None = None,
        keep: bool | None = None,
    ) -> Answer:
        """The answer to words and pictures, in their order.

        An answer that `accept` refuses, or that was cut off before `accept` could agree, is not kept and is asked for
        again, `attempts` times in all; the last one is returned as it is. EndpointError where the endpoint gives none;
        it is then left alone for half a minute, and questions fail at once.
        """
        messages = [{"role": "system", "content": system}] if system else []
        keeping = self.keep if keep is None else keep
        body = {"model": self.model, "temperature": temperature, "max_tokens": max_tokens}
        name = kept.digest(self.url, {**body, "messages": [*messages, _content(question, _named)]})
        whole = {**body, "messages": [*messages, {"role": "user", "content": _content(question, _picture)}]}
        with self._of(name):
            found = kept.known(name) if keeping else None
            if found is not None:
                self._count(Usage(asked=1, kept=1))
                return found
            found = self._accepted(whole, accept)
            if keeping and (accept is None or accept(found.text)) and not found.truncated:
                kept.keep(name, found)
            return found

    def _of(self, name: str) -> Any:
        """The lock of a question: threads that ask the same pay for it once."""
        with self._lock:
            return self._asking.setdefault(name, threading.Lock())

    def _accepted(self, body: dict[str, Any], accept: Callable[[str], bool] | None) -> Answer:
        started = time.monotonic()
        until, rest = started + self.limit_s, self._rest
        if time.monotonic() < rest[0]:
            raise self._failed(rest[1])
        try:
            for attempt in range(self.attempts):
                found = self._answered(body, until)
                self._count(Usage(asked=1, tokens_in=found.tokens_in, tokens_out=found.tokens_out))
                if accept is None or accept(found.text) or attempt + 1 == self.attempts or time.monotonic() >= until:
                    break
            return found
        finally:
            self._count(Usage(seconds=time.monotonic() - started))

    def _answered(self, body: dict[str, Any], until: float) -> Answer:
        """One answer of the protocol. EndpointError after all tries."""
        key = _key()
        reason = ""
        for attempt in range(self.attempts):
            left = until - time.monotonic()
            if left <= 0:
                reason = reason or f"no answer within {self.limit_s:.3g} s"
                break
            asked: float | None = None
            try:
                reply = self._post(body, key, min(self.timeout_s, left))
                if reply.status == 200:
                    return read_answer(reply.content)
                said = read_reason(reply.content, key)
                reason = f"status {reply.status}{f', {said}' if said else ''}"
                if not passing(reply.status):
                    self._count(Usage(failed=1))
                    raise self._failed(reason, reply.status, rest=reply.status not in (400, 413, 422))
                asked = wanted_pause(reply.retry_after)
            except FieldglassError:
                raise
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = _plain(error)
            self._count(Usage(failed=1))
            wait = pause(attempt, self.pause_s) if asked is None else asked
            if attempt + 1 == self.attempts or time.monotonic() + wait >= until:
                break
            time.sleep(wait)
        raise self._failed(reason, rest=True)

    def _post(self, body: dict[str, Any], key: str, limit_s: float) -> Reply:
        """POST; again in the newer dialect, where the endpoint says that it knows no other."""
        while True:
            reply = post(self._endpoint, _json(_dialect(body, self._renamed)), key, limit_s)
            said = read_reason(reply.content, key) if reply.status == 400 else ""
            refused = {each for each in ("max_tokens", "temperature") if each in said} - self._renamed
            if not refused:
                return reply
            self._renamed = self._renamed | refused

    def _failed(self, reason: str, status: int = 0, *, rest: bool = False) -> EndpointError:
        if rest:
            self._rest = (time.monotonic() + _REST_S, reason)
        hints = {
            401: "The key comes from the environment variable FIELDGLASS_LLM_KEY.",
            403: "The key comes from the environment variable FIELDGLASS_LLM_KEY.",
            404: f"Has it a model {self.model!r}, and does the address end where /chat/completions begins?",
        }
        redirected = "Give the address that it redirects to." if 300 <= status < 400 else ""
        hint = hints.get(status, redirected or "Is it running? `fieldglass llm check` asks it one question.")
        return EndpointError(f"The language model at {self.url} gave no answer: {reason}.", hint=hint)

    def _count(self, usage: Usage) -> None:
        self._meter.add(usage)
        PROCESS.add(usage)


def _key() -> str:
    key = os.environ.get("FIELDGLASS_LLM_KEY", "").strip()
    if any(not "!" <= letter <= "~" for letter in key):
        raise UsageError("FIELDGLASS_LLM_KEY holds spaces or letters that no key has.", hint="Set it again.")
    return key


def _content(question: str | Sequence[Part], picture: Callable[[bytes], dict[str, Any]]) -> Any:
    """Words alone as they are, for endpoints that know no pictures; else the protocol's list of parts."""
    if isinstance(question, str):
        return question
    if not any(isinstance(part, bytes) for part in question):
        return "\n".join(str(part) for part in question)
    return [picture(part) if isinstance(part, bytes) else {"type": "text", "text": part} for part in question]


def _named(data: bytes) -> dict[str, Any]:
    return {"picture": hashlib.sha256(data).hexdigest()}


def _picture(data: bytes) -> dict[str, Any]:
    kind = next((name for magic, name in _MAGIC if data.startswith(magic)), None)
    if kind is None:
        raise UsageError("A picture for a language model is the bytes of a JPEG, PNG, WebP or GIF file.")
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{base64.b64encode(data).decode()}"}}


def _dialect(body: dict[str, Any], renamed: frozenset[str]) -> dict[str, Any]:
    """Models that think first take max_completion_tokens, and no temperature."""
    found = dict(body)
    if "max_tokens" in renamed:
        found["max_completion_tokens"] = found.pop("max_tokens")
    if "temperature" in renamed:
        del found["temperature"]
    return found


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode("ascii")


def _plain(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return " ".join(str(error).split())[:200] or type(error).__name__
