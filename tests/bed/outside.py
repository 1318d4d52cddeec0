"""The demo that stays up: it runs in the bed, and this process, outside, leads the machine's own browser to it."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from .relay import Relay

TOP = Path(__file__).parents[2]
OUT = TOP / "build" / "demo"
DOORS = {"portal": 8000, "telemetry": 8090}
"""The services that a browser is led to, and the ports that they get if these are free."""


def main() -> int:
    """The demo's exit code."""
    OUT.mkdir(parents=True, exist_ok=True)
    with ExitStack() as resources:
        environment = dict(os.environ)
        for name, port in DOORS.items():
            relay = resources.enter_context(Relay(OUT / f"{name}.sock", port))
            environment[f"DEMO_{name.upper()}"] = f"http://127.0.0.1:{relay.port}"
        environment["DEMO_PID"] = str(os.getpid())
        child = subprocess.Popen(
            [str(TOP / "tools" / "bed.sh"), sys.executable, "-m", "tests.bed.demo"], cwd=TOP, env=environment
        )
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the demo gets it, too, and ends by itself
        signal.signal(signal.SIGTERM, lambda *_: child.kill())  # and with the bed's first process all that is in it
        code = child.wait()
        for name in DOORS:
            (OUT / f"{name}.sock").unlink(missing_ok=True)
        return 0 if code < 0 else code


if __name__ == "__main__":
    sys.exit(main())
