"""`python -m portal`: the captive portal in the foreground."""

import sys

from hotspot.service import run

from .server import main

if __name__ == "__main__":
    sys.exit(run("portal", main))
