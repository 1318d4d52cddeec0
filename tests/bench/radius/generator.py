"""The load generator as Python sees it: compiled when it has changed, run, and what it has measured."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .tape import Tape

HERE = Path(__file__).parent
_SOURCES = [HERE / "load.c", HERE / "tape.h", HERE / "wire.h", HERE.parents[2] / "radius" / "md5.h"]


class BenchError(Exception):
    """Why nothing can be measured here."""


@dataclass(frozen=True)
class Run:
    """One run. Everything but the rate and the latencies counts the warm-up too."""

    sent: int
    right: int
    refused: int
    """Authentic answers with another code than the right one."""
    wrong: int
    """Datagrams that are no authentic answer."""
    lost: int
    late: int
    without_message_authenticator: int
    exhausted: bool
    """Whether the tape ended before the time was over; the rate is that of the time until then."""
    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    answer_bytes: float
    """The mean length of right answers."""
    generator_cpu: float
    """Seconds."""
    elapsed: float


@dataclass(frozen=True)
class Pressure:
    """How to ask. `rate` None keeps `outstanding` requests in flight, else so many a second are due."""

    outstanding: int = 64
    seconds: float = 3
    warmup: float = 1
    rate: float | None = None
    timeout: float = 3


def compiled(folder: Path) -> Path:
    """The generator's program. BenchError where there is no C compiler, or it refuses."""
    program = folder / "load"
    if program.exists() and program.stat().st_mtime > max(source.stat().st_mtime for source in _SOURCES):
        return program
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BenchError("there is no C compiler; `tools/peers.sh bench` brings gcc")
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["-std=gnu11", "-O3", "-march=native", "-Wall", "-Wextra", "-Wno-parentheses", "-Werror"]
    built = subprocess.run(
        [compiler, *flags, "-o", str(program), str(HERE / "load.c")], capture_output=True, text=True, check=False
    )
    if built.returncode != 0:
        raise BenchError(f"load.c does not compile:\n{built.stderr}")
    return program


def play(program: Path, tape: Tape, port: int, pressure: Pressure, results: Path) -> Run:
    """Plays a tape at a server on 127.0.0.1. `results` gets a byte for each record: 0 unsent, 1 right, else not."""
    command = [str(program), "--tape", str(tape.path), "--port", str(port)]
    command += ["--outstanding", str(pressure.outstanding), "--timeout", str(pressure.timeout)]
    command += ["--seconds", str(pressure.seconds), "--warmup", str(pressure.warmup)]
    if pressure.rate is not None:
        command += ["--rate", str(pressure.rate)]
    command += ["--loop"] if tape.loop else ["--results", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(done.stderr.strip())
    return Run(**json.loads(done.stdout))
