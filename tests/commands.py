"""`hotspot` commands for tests: each in a process of its own, forked from one that has loaded them all.

To load what a command needs takes most of its time, and a suite runs a thousand of them. What a fork does not show, a
command's first start, is shown by the tests that run the installed script (`tests/system`,
`tests/controller/test_up.py` and whatever starts a service)."""

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

_SERVE = "import sys; from tests.commands import serve; serve(int(sys.argv[1]))"
_TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def hotspot(
    *arguments: str, env: Mapping[str, str], stdin: str | None = None, timeout: float = 120
) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end, whatever its exit code. TimeoutExpired where it takes longer than `timeout`
    seconds."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with (
        ours,
        tempfile.TemporaryFile("w+") as given,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        given.write(stdin or "")
        given.seek(0)
        with theirs:
            asked = json.dumps({"arguments": arguments, "env": dict(env), "cwd": os.getcwd()}).encode()
            files = [theirs.fileno(), given.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(_server(os.getpid()), [asked], files)
        ours.settimeout(timeout)
        try:
            code = _answer(ours)
        except TimeoutError:
            raise subprocess.TimeoutExpired(["hotspot", *arguments], timeout) from None
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(["hotspot", *arguments], code, out.read(), err.read())


def _answer(ours: socket.socket) -> int:
    """Its exit code; that of a kill where it ends without one."""
    said = b""
    try:
        while part := ours.recv(100):
            said += part
    except TimeoutError:
        with suppress(ValueError, ProcessLookupError):
            os.kill(int(said.split()[0]), signal.SIGKILL)
        raise
    code = said.partition(b"\n")[2]
    return int(code) if code else -signal.SIGKILL


@cache
def _server(_of: int) -> socket.socket:
    """The way to the process that has everything loaded: one for each process of the suite, and gone with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOTSPOT_")}
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(theirs.fileno())],
            pass_fds=[theirs.fileno()], cwd=_TOP, env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    atexit.register(_end, ours, process)
    return ours


def _end(ours: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    ours.close()
    process.wait(30)


def serve(descriptor: int) -> None:
    """Forks a command for every request, until the suite's end of the socket is closed."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - the suite itself needs none of these

    import controller.cli  # noqa: PLC0415

    for entry in entry_points(group=controller.cli.GROUP):
        entry.load()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as requests:
        while True:
            asked, files, _, _ = socket.recv_fds(requests, 1 << 20, 4)
            if not asked:
                return
            if os.fork() == 0:
                requests.close()
                _become(json.loads(asked), files)
            for file in files:
                os.close(file)


def _become(asked: dict[str, Any], files: list[int]) -> NoReturn:
    """The command itself, which ends as any process does; what was asked for first is done last: its exit code."""
    told, *standard = files
    code = 1
    atexit.register(lambda: os.write(told, str(code).encode()))
    os.write(told, f"{os.getpid()}\n".encode())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate(standard):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.argv = ["hotspot", *asked["arguments"]]
    code = _ran()
    sys.exit(code)


def _ran() -> int:
    from controller.cli import main  # noqa: PLC0415 - loaded long ago

    try:
        main(prog_name="hotspot")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:  # noqa: BLE001 - told as Python tells it
        sys.excepthook(*sys.exc_info())
        return 1
    return 0
