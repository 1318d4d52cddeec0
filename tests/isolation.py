"""A network of one's own for a program that would touch this machine's, also as a plain user."""

import os
import subprocess
from functools import cache
from typing import Final

FORBIDDEN: Final = "left out: this system forbids a plain user's namespaces, and nft needs to be root of a network"


@cache
def alone() -> str | None:
    """What to put before a command, so that it is root of an empty network; None where the system forbids it."""
    command = "unshare -n" if os.geteuid() == 0 else "unshare -rn"
    done = subprocess.run([*command.split(), "true"], capture_output=True, check=False)
    return command if done.returncode == 0 else None
