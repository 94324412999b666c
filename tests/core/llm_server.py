"""A small language model on a real socket that speaks OpenAI's protocol, and misbehaves as the test says."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SO_LINGER, SOL_SOCKET

CHUNK = b"x" * 65536


class Model(ThreadingHTTPServer):
    """`how` are its behaviours, one a request, the last one for all that follow.

    A str is what the model says; a callable gets the request's JSON and returns it; a `Bad` misbehaves.
    `asked` are the requests so far: (path, authorization, JSON).
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *how):
        super().__init__(("127.0.0.1", 0), Handler)
        self.how, self.asked, self.lock = list(how), [], threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request, client_address):
        """A client that hangs up is what some tests are about."""


class Bad:
    """One way to misbehave: `act(handler)` writes whatever it likes."""

    def __init__(self, act: Callable[[Handler], object]) -> None:
        self.act = act


def completion(text, **more) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


class Handler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append((self.path, self.headers.get("Authorization"), asked))
            how = self.server.how[min(len(self.server.asked), len(self.server.how)) - 1]
        if isinstance(how, Bad):
            how.act(self)
        else:
            self.reply(completion(how(asked) if callable(how) else how))

    def reply(self, body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet."""


def raw(body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> Bad:
    return Bad(lambda handler: handler.reply(body, status, kind, **headers))


def status(code: int, message: str = "", **headers: str) -> Bad:
    return raw(json.dumps({"error": {"message": message}}).encode(), code, **headers)


def slow(seconds: float) -> Bad:
    def late(handler: Handler) -> None:
        time.sleep(seconds)
        handler.reply(completion("late"))

    return Bad(late)


def _hang_up(handler: Handler) -> None:
    handler.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def _drip(handler: Handler) -> None:
    """One byte at a time: no single read ever times out."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def _endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(CHUNK)


def _cut(handler: Handler) -> None:
    """The headers promise more than comes."""
    body = completion("half of it")
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


HANG_UP, DRIP, ENDLESS, CUT = Bad(_hang_up), Bad(_drip), Bad(_endless), Bad(_cut)
NOT_HTTP = Bad(lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n"))
HTML = raw(b"<!doctype html><title>Welcome to the hotel's network</title>", kind="text/html")
WRONG_JSON = raw(b'{"choices": []}')
NULL_JSON = raw(b"null")
NUMBER = raw(completion(7))


@contextmanager
def serving(*how) -> Iterator[Model]:
    server = Model(*how)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def closed_port() -> str:
    """The address of a server that has just gone."""
    with serving("") as server:
        return server.url
