"""Starts `hotspot`. Nothing that is loaded on the way becomes garbage, and to look for it took a sixth of the time."""

import gc


def main() -> None:
    gc.disable()  # until the command is loaded
    from .cli import main as command  # noqa: PLC0415 - that is what it is about

    command()
