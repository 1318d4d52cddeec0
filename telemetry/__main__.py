"""`python -m telemetry`: probes, jobs and the dashboard in the foreground."""

import sys

from hotspot.node.service import run

from .service import main

if __name__ == "__main__":
    sys.exit(run("telemetry", main))
