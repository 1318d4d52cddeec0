"""`python -m radius`: the RADIUS service in the foreground."""

import sys

from hotspot.node.service import run

from .server import main

if __name__ == "__main__":
    sys.exit(run("radius", main))
