"""`models pull` against a hub on this machine: real requests, resumed, checked, and told apart when they fail."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading

import pytest

import small_checkpoints as small
from fieldglass._torchvision import require
from fieldglass.errors import UsageError
from fieldglass.models.check import verify


class Hub(http.server.BaseHTTPRequestHandler):
    """The part of the hub's protocol that a download uses."""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        server = self.server
        server.requests.append((self.command, self.path, self.headers.get("Range")))
        name = self.path.rpartition("/")[2]
        if server.refusal:
            self.send_response(server.refusal[0])
            self.send_header("X-Error-Code", server.refusal[1])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if name not in server.files or "/resolve/" not in self.path:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = server.files[name]
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("ETag", f'"{hashlib.sha256(server.stated.get(name, content)).hexdigest()}"')
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if body:
            if server.breaks and name.endswith("safetensors"):
                server.breaks -= 1
                self.wfile.write(content[start : start + len(content) // 2])
                self.wfile.flush()
                self.connection.close()
                return
            self.wfile.write(content[start:])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return small.clip(tmp_path_factory.mktemp("clip")).parent


@pytest.fixture
def hub(checkpoint):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    server.stated, server.requests, server.refusal, server.breaks = {}, [], None, 0
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def models(hub, home, *arguments, **environment):
    """Run `fieldglass models` in a process of its own, with that hub and an empty home."""
    own = {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_address[1]}",
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "FIELDGLASS_CACHE": str(home / "cache"),
        **environment,
    }
    command = [sys.executable, "-c", "from fieldglass.cli import main; main()", "models", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **own}, check=False)


def test_pull_then_path_then_verify(hub, tmp_path, monkeypatch):
    done = models(hub, tmp_path, "pull", "hf-hub:me/small")
    assert done.returncode == 0, done.stderr
    names = {line.rpartition("/")[2] for line in done.stdout.splitlines()}
    assert names == {"open_clip_model.safetensors", "open_clip_config.json"}
    asked = len(hub.requests)
    assert models(hub, tmp_path, "path", "hf-hub:me/small").stdout == done.stdout
    monkeypatch.setattr(require("huggingface_hub.constants"), "HF_HUB_CACHE", str(tmp_path / "hub"))
    checked = {each.what: each.found for each in verify("hf-hub:me/small")}
    assert checked["open_clip_model.safetensors"].endswith("as stated") and checked["image"].endswith("norm 1")
    assert len(hub.requests) == asked, "only pull asks the network"


def test_a_broken_download_goes_on_where_it_broke(hub, tmp_path):
    hub.breaks = 1
    hub.files["open_clip_model.safetensors"] = os.urandom(25 << 20)  # the client keeps what it has by 10 MiB
    done = models(hub, tmp_path, "pull", "hf-hub:me/small")
    if done.returncode:
        done = models(hub, tmp_path, "pull", "hf-hub:me/small")
    assert done.returncode == 0, done.stderr
    assert any(span and not span.startswith("bytes=0-") for _, _, span in hub.requests), hub.requests
    weights = done.stdout.splitlines()[0]
    with open(weights, "rb") as file:
        assert file.read() == hub.files["open_clip_model.safetensors"]


def test_damage_on_the_way_is_found_and_removed(hub, tmp_path):
    name = "open_clip_model.safetensors"
    hub.stated[name] = hub.files[name]
    hub.files[name] = hub.files[name][:-4] + b"\1\2\3\4"
    done = models(hub, tmp_path, "pull", "hf-hub:me/small")
    assert done.returncode == 1 and "damaged" in done.stderr and "Pull it again" in done.stderr
    hub.files[name] = hub.stated[name]
    assert models(hub, tmp_path, "pull", "hf-hub:me/small").returncode == 0


def test_damage_after_pulling_is_found_by_verify(hub, tmp_path):
    done = models(hub, tmp_path, "pull", "hf-hub:me/small")
    weights = os.path.realpath(done.stdout.splitlines()[0])
    with open(weights, "r+b") as file:
        file.seek(-4, 2)
        file.write(b"\1\2\3\4")
    checked = models(hub, tmp_path, "verify", "hf-hub:me/small")
    assert checked.returncode == 1 and "sha256" in checked.stderr


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((403, "GatedRepo"), "licence"),
        ((404, "RepoNotFound"), "no repository"),
        ((404, "RevisionNotFound"), "revision"),
    ],
)
def test_refusals_are_told_apart(hub, tmp_path, refusal, words):
    hub.refusal = refusal
    done = models(hub, tmp_path, "pull", "hf-hub:me/small@v1")
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr


def test_a_repository_without_weights_says_which_were_looked_for(hub, tmp_path):
    hub.files.clear()
    done = models(hub, tmp_path, "pull", "hf-hub:me/small")
    assert done.returncode == 1 and "open_clip_model.safetensors" in done.stderr


def test_no_network_is_said_in_a_sentence(hub, tmp_path):
    done = models(hub, tmp_path, "pull", "hf-hub:me/none", HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "cannot be fetched" in done.stderr and "--weights" in done.stderr and "Traceback" not in done.stderr


def test_a_file_is_verified_as_it_would_be_used(checkpoint, tmp_path):
    found = {each.what: each.found for each in verify(str(checkpoint))}
    assert found["image"].startswith("1 x 32 numbers") and found["text"].startswith("1 x 32 numbers")
    alone = shutil.copy(checkpoint / "open_clip_model.safetensors", tmp_path / "x.safetensors")
    checks = verify(str(alone))
    assert next(checks).found.endswith("(nothing to compare with)")
    with pytest.raises(UsageError, match="architecture"):
        next(checks)
    vision = small.vision(tmp_path / "vision").parent
    assert {each.what for each in verify(str(vision))} == {"image", "fingerprint"}


def test_mini_is_here_and_sound(hub, tmp_path):
    assert "mini\tmini\tyes" in models(hub, tmp_path, "list").stdout
    assert len(models(hub, tmp_path, "path", "mini").stdout.splitlines()) == 3
    assert models(hub, tmp_path, "pull", "mini").returncode == 0
    assert "text_weight" in models(hub, tmp_path, "show", "mini").stdout


def test_a_family_is_no_checkpoint(hub, tmp_path):
    for command in ("pull", "path", "verify"):
        done = models(hub, tmp_path, command, "open_clip")
        assert done.returncode == 2 and "Traceback" not in done.stderr, (command, done.stderr)
