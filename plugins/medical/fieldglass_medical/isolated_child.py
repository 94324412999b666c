"""The child of `isolated`: reads requests from its standard input, decodes, and answers on its standard output."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import IO, Any

__all__ = ["main"]


def main() -> None:
    """Answer until the parent closes the pipe. Whatever a decoder prints goes nowhere."""
    source, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    import pydicom.pixels

    from fieldglass_medical.quiet import quiet

    quiet()
    with contextlib.suppress(ImportError):
        import gdcm  # noqa: F401
    _answer(answers, {"ready": pydicom.__version__}, b"")
    while sizes := source.read(12):
        request = json.loads(source.read(int.from_bytes(sizes[:4], "little")))
        frame = source.read(int.from_bytes(sizes[4:], "little"))
        _limit(int(request["seconds"]), int(request["memory"]))
        _answer(answers, *_decoded(request, frame))


def _decoded(request: dict[str, Any], frame: bytes) -> tuple[dict[str, Any], bytes]:
    from pydicom.encaps import encapsulate
    from pydicom.pixels import get_decoder

    try:
        array, _ = get_decoder(request["syntax"]).as_array(
            encapsulate([frame], has_bot=False),
            index=0,
            validate=True,
            number_of_frames=1,
            decoding_plugin=request["plugin"],
            **request["options"],
        )
        return {"shape": list(array.shape), "dtype": array.dtype.str}, array.tobytes()
    except RuntimeError:
        return {"refused": True}, b""
    except Exception:
        return {"failed": True}, b""


def _limit(seconds: int, memory: int) -> None:
    """So many more seconds of the processor, and bytes beyond what is held now, where the system has such limits."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    _lower(resource.RLIMIT_CPU, until)
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            held = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return
    _lower(resource.RLIMIT_AS, held + memory)


def _lower(kind: int, limit: int) -> None:
    import resource

    hard = resource.getrlimit(kind)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _answer(file: IO[bytes], about: dict[str, Any], content: bytes) -> None:
    head = json.dumps(about).encode()
    file.write(len(head).to_bytes(4, "little") + len(content).to_bytes(8, "little") + head + content)
    file.flush()


if __name__ == "__main__":
    main()
