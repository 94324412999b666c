"""Fetching the pictures of a feed: from a server on this machine, which plays the web with all its faults."""

from __future__ import annotations

import csv
import io
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from fieldglass.cli import main
from fieldglass.errors import LoaderError, UsageError
from fieldglass.types import Item, Problem
from fieldglass_fashion.fetch import transport
from fieldglass_fashion.fetch.addresses import Refused, public, target_of
from fieldglass_fashion.fetch.ledger import NAME, Ledger
from fieldglass_fashion.fetch.manners import wait_of
from fieldglass_fashion.fetch.run import Limits, fetch
from fieldglass_fashion.loader import Catalogue

QUICK = Limits(pause=0, tries=2, seconds=2.0)


def picture(colour: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (colour, 0, 0)).save(data, "PNG")
    return data.getvalue()


class Web(BaseHTTPRequestHandler):
    """What one may meet; `asked` counts."""

    asked: list[str]

    def do_GET(self):
        self.server.asked.append(self.path)
        count = self.server.asked.count(self.path)
        name = self.path.partition("?")[0].lstrip("/")
        if name.startswith("red") or (name == "later.png" and count > 1):
            self._send(200, picture(int(name[3:-4] or 1) if name.startswith("red") else 7))
        elif name == "later.png":
            self._send(429, b"", ("Retry-After", "0"))
        elif name == "page.jpg":
            self._send(200, b"<html>not found, nicely said</html>")
        elif name == "empty.jpg":
            self._send(200, b"")
        elif name == "cut.png":
            self._send(200, picture(1)[:40], ("Content-Length", "9999"))
        elif name == "large.png":
            self._send(200, b"\x89PNG" + b"\0" * 5000)
        elif name == "inward.png":
            self._send(302, b"", ("Location", self.server.inward))
        elif name == "round.png":
            self._send(302, b"", ("Location", "/round.png"))
        elif name == "moved.png":
            self._send(301, b"", ("Location", "/red9.png"))
        elif name == "drip.png":
            self._drip()
        elif name == "robots.txt" and self.server.robots:
            self._send(200, self.server.robots)
        else:
            self._send(404, b"gone")

    def _send(self, status, content, *headers):
        self.send_response(status)
        for header in dict([("Content-Length", str(len(content))), *headers]).items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(content)

    def _drip(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"\0")
                time.sleep(0.05)
        except OSError:
            return

    def log_message(self, *_):
        return


@pytest.fixture
def web():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.daemon_threads = True
    server.asked, server.robots, server.inward = [], b"", "http://10.0.0.1/secret.png"
    server.at = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def bring(web, folder: Path, *names: str, limits: Limits = QUICK, **how):
    return fetch([f"{web.at}/{name}" for name in names], folder, limits=limits, loopback=True, **how)


def reason(web, folder: Path, name: str) -> str:
    ledger = Ledger.read(folder)
    try:
        return ledger.find(f"{web.at}/{name}").reason
    finally:
        ledger.close()


def pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)


def test_pictures_are_kept_by_their_content_and_asked_for_once(web, tmp_path):
    done = bring(web, tmp_path, "red1.png", "red2.png", "red1.png?again", "red1.png")
    assert (done.new, done.here, done.failed) == (3, 0, 0)
    assert sorted(path.read_bytes() for path in pictures(tmp_path)) == sorted([picture(1), picture(2)])
    web.asked.clear()
    done = bring(web, tmp_path, "red1.png", "red2.png", "red3.png")
    assert (done.new, done.here) == (1, 2)
    assert [path for path in web.asked if path != "/robots.txt"] == ["/red3.png"]


def test_a_picture_that_was_deleted_is_fetched_again(web, tmp_path):
    bring(web, tmp_path, "red1.png")
    pictures(tmp_path)[0].unlink()
    assert bring(web, tmp_path, "red1.png").new == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.jpg", "answers 404"),
        ("page.jpg", "no picture"),
        ("empty.jpg", "empty"),
        ("cut.png", "IncompleteRead"),
        ("round.png", "leads on"),
        ("inward.png", "not a public address"),
    ],
)
def test_what_cannot_be_had_is_kept_with_its_reason(web, tmp_path, name, why):
    limits = Limits(pause=0, tries=1, seconds=2.0)
    done = bring(web, tmp_path, name, "red5.png", limits=limits)
    assert (done.new, done.failed) == (1, 1)
    assert why in reason(web, tmp_path, name)
    assert len(pictures(tmp_path)) == 1


def test_what_is_gone_for_good_is_not_asked_for_again_unless_told(web, tmp_path):
    bring(web, tmp_path, "none.jpg")
    web.asked.clear()
    assert bring(web, tmp_path, "none.jpg").failed == 1
    assert web.asked == []
    bring(web, tmp_path, "none.jpg", again=True)
    assert "/none.jpg" in web.asked


def test_sizes_are_bounded(web, tmp_path):
    bring(web, tmp_path, "large.png", limits=Limits(bytes=1000, pause=0))
    assert "over the limit" in reason(web, tmp_path, "large.png")
    done = bring(web, tmp_path, *(f"red{n}.png" for n in range(100)), limits=Limits(total=1, pause=0, threads=1))
    assert done.stopped and done.new < 20
    assert bring(web, tmp_path, "red201.png", "red202.png", limits=Limits(files=1, pause=0)).new == 1


def test_a_server_that_drips_runs_into_the_time_limit(web, tmp_path):
    started = time.monotonic()
    bring(web, tmp_path, "drip.png", limits=Limits(seconds=0.4, tries=1, pause=0))
    assert time.monotonic() - started < 5
    assert "too long" in reason(web, tmp_path, "drip.png") or "timed out" in reason(web, tmp_path, "drip.png")


def test_a_host_that_is_busy_is_asked_later(web, tmp_path):
    assert bring(web, tmp_path, "later.png").new == 1
    assert web.asked.count("/later.png") == 2


def test_redirects_are_followed_on_the_same_terms(web, tmp_path):
    assert bring(web, tmp_path, "moved.png").new == 1
    web.inward = "file:///etc/passwd"
    bring(web, tmp_path, "inward.png")
    assert "not http" in reason(web, tmp_path, "inward.png")


def test_robots_are_heard(web, tmp_path):
    web.robots = b"User-agent: *\nDisallow: /red2\nCrawl-delay: 0\n"
    done = bring(web, tmp_path, "red1.png", "red2.png")
    assert (done.new, done.failed) == (1, 1)
    assert "robots.txt" in reason(web, tmp_path, "red2.png")
    assert "/red2.png" not in web.asked


def test_a_host_is_asked_for_one_picture_at_a_time_with_a_pause(web, tmp_path):
    started = time.monotonic()
    bring(web, tmp_path, "red1.png", "red2.png", "red3.png", limits=Limits(pause=0.15))
    assert time.monotonic() - started >= 0.3


def test_a_stop_ends_it_and_the_next_run_goes_on(web, tmp_path):
    stop = threading.Event()
    slow = replace(QUICK, pause=0.05)  # else all may be here before the first is counted
    names = [f"red{n}.png" for n in range(30)]
    done = bring(web, tmp_path, *names, limits=slow, stop=stop, progress=lambda _: stop.set())
    assert 0 < done.new < 30
    assert bring(web, tmp_path, *names).new == 30 - done.new


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "240.0.0.1"],
)  # fmt: skip
def test_private_addresses_are_told(ip):
    assert not public(ip)


def test_public_addresses_are_told():
    assert public("93.184.216.34") and public("2606:2800:220:1:248:1893:25c8:1946")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/a.png", "http://localhost/a.png", "http://[::1]/a.png", "http://2130706433/a.png",
     "ftp://example.org/a.png", "https://user:word@example.org/a.png", "http://", "https://exa\nmple.org/", "a.png"],
)  # fmt: skip
def test_these_are_never_asked(url):
    with pytest.raises(Refused):
        target_of(url)


def test_the_checked_address_is_connected_to_and_no_other(monkeypatch):
    """DNS rebinding: a second look-up that would give a private address is never made."""
    answers = iter(["93.184.216.34", "10.0.0.1"])
    looked_up, connected = [], []

    def look_up(host, port, **_):
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(address, *_):
        connected.append(address)
        raise OSError("far away")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(OSError, match="far away"):
        transport.get("http://pictures.example/a.png", limit_s=1, largest=100)
    assert looked_up == ["pictures.example"] and connected == [("93.184.216.34", 80)]


def test_one_private_address_among_public_ones_is_refused(monkeypatch):
    found = [(2, 1, 6, "", (ip, 80)) for ip in ("93.184.216.34", "192.168.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(Refused, match=r"192\.168\.0\.1"):
        target_of("http://pictures.example/a.png")


def test_waiting(monkeypatch):
    assert [wait_of("", attempt) for attempt in range(3)] == [1, 2, 4]
    assert wait_of("7", 0) == 7 and wait_of("86400", 0) == 60
    assert wait_of("Wed, 21 Oct 2015 07:28:00 GMT", 0) == 0


def test_the_command_says_why_pictures_could_not_be_had(tmp_path):
    addresses = ("http://127.0.0.1:9/a.jpg", "http://127.0.0.1:9/b.jpg", "http://169.254.169.254/latest")
    (tmp_path / "feed.csv").write_text("id,image_link\n" + "".join(f"{n},{url}\n" for n, url in enumerate(addresses)))
    asked = ["fashion", "fetch", str(tmp_path / "feed.csv"), "--to", str(tmp_path / "pictures"), "--pause", "0"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 3 and "3 could not be had" in done.stdout
    first, second, advice = done.stderr.splitlines()
    assert first.startswith("  2: ") and "not a public address" in first and "127.0.0.1:9/a.jpg" in first
    assert second.startswith("  1: ") and "169.254.169.254" in second
    assert "--set pictures=FOLDER" in advice


def test_limits_that_cannot_be(tmp_path):
    with pytest.raises(UsageError):
        fetch([], tmp_path, limits=Limits(threads=0))


def test_a_feed_is_indexed_from_what_was_fetched(web, tmp_path):
    names = ("red1.png", "red2.png", "none.jpg", "never.png")
    with open(tmp_path / "feed.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "image_link"), *((n, f"{web.at}/{n}") for n in names)])
    bring(web, tmp_path / "pictures", *names[:3])
    found = list(Catalogue(pictures="pictures").scan(tmp_path / "feed.csv"))
    items = [each for each in found if isinstance(each, Item)]
    problems = {each.code: each.message for each in found if isinstance(each, Problem)}
    assert [item.id for item in items] == ["red1.png", "red2.png"]
    assert (tmp_path / "pictures" / items[0].paths[0]).read_bytes() == picture(1)
    assert "404" in problems["catalogue-not-fetched"] and "fashion fetch" in problems["catalogue-remote"]


def test_the_ledger_says_nothing_where_it_is_damaged(tmp_path):
    (tmp_path / NAME).write_bytes(b"not a database, but long enough to look at" * 20)
    ledger = Ledger.read(tmp_path)
    assert ledger.find("https://x.example/") is None
    ledger.close()
    with pytest.raises(LoaderError, match="Delete it"):
        Ledger.open(tmp_path)
