"""Runs `fieldglass` commands in processes forked from one that has imported torch already: the same code, sooner.

The documentation has some eighty commands, and importing torch for each would take minutes. `Warm` puts a
`fieldglass` on the path that hands its arguments, folder, environment and streams to the waiting process.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

CLIENT = """#!{python} -IS
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect({address!r})
said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(s, [len(said).to_bytes(4, "big")], [0, 1, 2])
s.sendall(said)
sys.exit(int(s.recv(8) or b"70"))
"""


class Warm:
    """A folder with the command `fieldglass`; `close` ends the process behind it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        address = str(folder / "socket")
        command = self.bin / "fieldglass"
        command.write_text(CLIENT.format(python=sys.executable, address=address))
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # a pool of threads would not survive the fork
        self._process = subprocess.Popen(
            [sys.executable, __file__, address, *arguments], stdout=subprocess.PIPE, env=environment
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def serve(address: str, *arguments: str) -> None:
    """Import, run one command so that everything is loaded, then run what comes in."""
    from click.testing import CliRunner

    from fieldglass.cli import main
    from fieldglass.registry import registry

    if arguments:
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                registry.cache_clear()
                _run(connection, main)
            connection.close()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _run(connection: socket.socket, main: object) -> None:
    head, streams, _, _ = socket.recv_fds(connection, 4, 3)
    size, said = int.from_bytes(head, "big"), b""
    while len(said) < size:
        said += connection.recv(size - len(said))
    arguments, folder, environment = json.loads(said)
    code = 70
    worker = os.fork()
    if worker == 0:
        for place, stream in enumerate(streams):
            os.dup2(stream, place)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.argv = ["fieldglass", *arguments]
        try:
            main()  # type: ignore[operator]
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(worker, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


if __name__ == "__main__":
    serve(*sys.argv[1:])
