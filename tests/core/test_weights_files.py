"""Weight files are untrusted input: each wrong one is refused with a reason, and nothing in it is run."""

from __future__ import annotations

import json
import os
import pickle
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError, WeightsMissingError
from fieldglass.models import weights
from fieldglass.models.cache import cache_dir, sha256_of

torch = require("torch")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path / "cache"))


def sound(path, **tensors):
    tensors = tensors or {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4)}
    require("safetensors.torch").save_file(tensors, str(path))
    return path


def raw(path, header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def test_a_sound_file_is_read(tmp_path):
    assert set(weights.read(sound(tmp_path / "x.safetensors"))) == {"a", "b"}


class Payload:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.mark.parametrize("protocol", ["torch", "pickle"])
def test_pickled_code_is_refused_and_not_run(tmp_path, protocol):
    path, marker = tmp_path / "x.pt", tmp_path / "ran"
    if protocol == "torch":
        torch.save({"a": torch.ones(2), "b": Payload(str(marker))}, path)
    else:
        path.write_bytes(pickle.dumps({"a": Payload(str(marker))}))
    with pytest.raises(WeightsError, match=r"refused|cannot be read"):
        weights.read(path)
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_archive_is_refused(tmp_path):
    path = tmp_path / "x.pt"
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), str(path))
    with pytest.raises(WeightsError, match="TorchScript"):
        weights.read(path)


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ({"a": ENTRY, "b": {**ENTRY, "data_offsets": [4, 12]}}, b"\0" * 12),
        ({"a": ENTRY, "b": {**ENTRY, "data_offsets": [12, 20]}}, b"\0" * 20),
        ({"a": {**ENTRY, "data_offsets": [8, 0]}}, b"\0" * 8),
        ({"a": {**ENTRY, "shape": [3]}}, b"\0" * 8),
        ({"a": {**ENTRY, "shape": [2**40, 2**40]}}, b"\0" * 8),
        ({"a": {**ENTRY, "shape": [-2]}}, b"\0" * 8),
        ({"a": {**ENTRY, "dtype": "F33"}}, b"\0" * 8),
        ({"a": ENTRY}, b"\0" * 7),
        ({"a": ENTRY}, b"\0" * 9),
        ({"a": 3}, b""),
        ([1, 2], b""),
        (b"\xff\xfe{", b""),
        (b"{" * 5000, b""),
    ],
    ids=["overlap", "gap", "backwards", "shape", "overflow", "negative", "dtype", "short", "long", "number", "list",
         "not-text", "deep"],
)  # fmt: skip
def test_a_wrong_safetensors_header_is_refused(tmp_path, header, body):
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        weights.read(raw(tmp_path / "x.safetensors", header, body))


@pytest.mark.parametrize("length", [2**60, 2**63, 2**64 - 1, 10_000])
def test_a_header_longer_than_the_file_asks_for_no_memory(tmp_path, length):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b"{}")
    with pytest.raises(WeightsError, match="header"):
        weights.read(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 7, b"PK\x03\x04", b"not a checkpoint", b"\x80\x02."])
@pytest.mark.parametrize("name", ["x.safetensors", "x.pt"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="x"):
        weights.read(tmp_path / name)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_is_an_error_or_leaves_finite_tensors(tmp_path_factory, data):
    path = sound(tmp_path_factory.mktemp("w") / "x.safetensors")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = weights.read(path)
    except WeightsError:
        return
    assert all(torch.isfinite(each).all() for each in found.values() if each.is_floating_point())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["x.safetensors", "x.pt"])
def test_nan_and_infinity_are_named(tmp_path, bad, name):
    tensors = {"fine": torch.ones(2), "broken": torch.tensor([1.0, bad])}
    path = tmp_path / name
    if name.endswith("pt"):
        torch.save({"state_dict": tensors}, path)
    else:
        sound(path, **tensors)
    with pytest.raises(WeightsError, match="broken"):
        weights.read(path)


@pytest.mark.parametrize(
    ("content", "words"), [([1, 2], "list"), ({}, "no tensors"), ({"lr": 0.1, "a": torch.ones(1)}, "lr")]
)
def test_a_torch_file_of_other_things_is_refused(tmp_path, content, words):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match=words):
        weights.read(tmp_path / "x.pt")


def test_the_usual_wrappers_are_taken_off(tmp_path):
    torch.save({"epoch": 3, "state_dict": {"module.a": torch.ones(2)}}, tmp_path / "x.pt")
    assert set(weights.read(tmp_path / "x.pt")) == {"a"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": torch.ones(3, 2)}, r"weight is \(3, 2\), not \(2, 3\)"),
        ({"bias": torch.ones(2, dtype=torch.int64)}, "bias is torch.int64, not torch.float32"),
        ({"bias": None}, "lacks bias"),
        ({"head": torch.ones(1)}, "has head besides"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, words):
    model = torch.nn.Linear(3, 2)
    before = model.weight.clone()
    state = {**model.state_dict(), **change}
    state = {name: value for name, value in state.items() if value is not None}
    with pytest.raises(WeightsError, match=words):
        weights.fit(model, state, tmp_path / "x.pt", "a line")
    assert torch.equal(model.weight, before)


def test_half_precision_weights_are_widened(tmp_path):
    model = torch.nn.Linear(3, 2)
    state = {name: value.half() for name, value in model.state_dict().items()}
    weights.fit(model, state, tmp_path / "x.pt", "a line")
    assert model.weight.dtype == torch.float32
    assert torch.equal(model.weight, state["weight"].float())


def test_another_hash_than_the_pinned_one_is_refused(tmp_path):
    path = sound(tmp_path / "x.safetensors")
    weights.check_hash(path, sha256_of(path))
    with pytest.raises(WeightsError, match="pinned"):
        weights.check_hash(path, "0" * 64)
    with pytest.raises(WeightsMissingError):
        weights.check_hash(tmp_path / "none", "0" * 64)


def test_a_remembered_hash_does_not_hide_a_change(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"one")
    first = sha256_of(path)
    stamp = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert sha256_of(path) != first


def test_a_damaged_or_unwritable_note_of_a_hash_is_no_harm(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"one")
    first = sha256_of(path)
    for note in (cache_dir() / "sha256").iterdir():
        note.write_bytes(b"\xff nonsense")
    assert sha256_of(path) == first
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path / "file"))
    assert sha256_of(path) == first
