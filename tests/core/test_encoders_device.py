"""Where models run: the torchvision guard, devices, and threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fieldglass._torchvision import require
from fieldglass.encoders.device import place, single_thread
from fieldglass.encoders.once import Once
from fieldglass.errors import MissingExtraError, UsageError

BROKEN = """
import sys, types
class Finder:
    # torchvision of a wheel that does not fit: half of it is imported, then an operator is missing
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision" and not fits():
            import importlib.machinery
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        sys.modules["torchvision.half"] = types.ModuleType("torchvision.half")
        raise RuntimeError("operator torchvision::nms does not exist")
def fits():
    import torch
    try:
        torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "Meta")
    except RuntimeError:
        return False
    return True
sys.meta_path.insert(0, Finder())
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("before", ["", BROKEN], ids=["as installed", "broken"])
def test_the_guard_makes_the_libraries_importable(before):
    code = f"""{before}
from fieldglass._torchvision import guard
guard(); guard()
import torchvision.transforms.functional, sys
print(torchvision.__version__ != "", "torchvision.half" in sys.modules, "torch._dynamo" in sys.modules)
"""
    assert run(code) == "True False False"


@pytest.mark.slow
def test_the_compiler_is_imported_only_for_a_module_that_asks_more_of_it(tmp_path):
    (tmp_path / "greedy.py").write_text("from torch._dynamo import is_compiling\n")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from fieldglass._torchvision import _uncompiled, require
import torch
print(require("timm").__name__, [name for name in sys.modules if name.startswith("torch._dynamo")])
greedy = _uncompiled("greedy")
print(greedy.is_compiling(), torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item())
"""
    assert run(code).splitlines() == ["timm []", "False 2.0"]


def test_a_failure_of_another_kind_is_not_hidden():
    code = BROKEN.replace("operator torchvision::nms does not exist", "the disk is on fire").replace(
        "not fits()", "True"
    )
    code += """
from fieldglass._torchvision import guard
try:
    guard()
except RuntimeError as error:
    print(error)
"""
    assert run(code) == "the disk is on fire"


def test_the_guard_imports_nothing_where_torchvision_is_absent():
    code = """
import sys, importlib.util as util
real = util.find_spec
util.find_spec = lambda name, *rest: None if name == "torchvision" else real(name, *rest)
from fieldglass._torchvision import guard
guard()
print("torch" in sys.modules)
"""
    assert run(code) == "False"


@pytest.mark.parametrize(("name", "extra"), [("timm", "torch"), ("open_clip", "torch"), ("transformers", "mini")])
def test_a_missing_library_names_its_extra(name, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=name) as error:
        require(name)
    assert error.value.hint == f'pip install "fieldglass[{extra}]"'


def test_auto_is_fp32_without_cuda_and_bf16_with_it():
    torch = require("torch")
    found = place()
    assert (found.device, found.precision) == (("cuda", "bf16") if torch.cuda.is_available() else ("cpu", "fp32"))
    assert place("cpu", "bf16").precision == "bf16"


@pytest.mark.parametrize("options", [("abacus", "auto"), ("cpu", "fp8"), ("cuda:99", "auto")])
def test_devices_and_precisions_that_cannot_be_are_refused(options):
    with pytest.raises(UsageError, match=r"abacus|fp8|cuda:99"):
        place(*options)


def test_inference_keeps_no_gradients_in_any_thread():
    torch = require("torch")
    weight = torch.ones(2, 2, requires_grad=True)

    def product(_):
        with place("cpu").inference():
            return (weight @ weight).requires_grad

    with ThreadPoolExecutor(3) as pool:
        assert not any(pool.map(product, range(6)))
    assert (weight @ weight).requires_grad


def test_one_thread_holds_for_the_worker_alone():
    torch = require("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.ones(300, 300) @ torch.ones(300, 300)  # from now on this thread has its own number
    inside, meeting = [], threading.Barrier(3)

    def work(_):
        with single_thread():
            meeting.wait(10)
            inside.append(torch.get_num_threads())
            meeting.wait(10)

    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, range(3)))
        assert inside == [1, 1, 1]
        assert torch.get_num_threads() == 2
        later = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert later == [2]
    finally:
        torch.set_num_threads(before)


def test_once_is_once_and_forgets_failures():
    made, start = [], threading.Barrier(8)

    def make():
        made.append(1)
        if len(made) == 1:
            raise ValueError("not yet")
        return object()

    value = Once(make)
    with pytest.raises(ValueError, match="not yet"):
        value()
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: start.wait(10) is None or value(), range(8)))
    assert len(found) == 1 and len(made) == 2
