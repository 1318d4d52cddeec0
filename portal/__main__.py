"""`python -m portal`: the captive portal in the foreground."""

import sys

from hotspot.node.service import run

from .serving.server import main

if __name__ == "__main__":
    sys.exit(run("portal", main))
