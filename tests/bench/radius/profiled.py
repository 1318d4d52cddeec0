"""`profiled.py FOLDER`: `python -m radius` with every process of it under cProfile, a file in FOLDER for each.

Figures made with it tell where time goes, not how fast the server is.
"""

import cProfile
import os
import pstats
import runpy
import sys
from pathlib import Path
from typing import NoReturn


class _Profiling:
    """The profile of this process; a child that is forked off begins its own."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._profile = cProfile.Profile()
        self._exit = os._exit

    def begin(self) -> None:
        os._exit = self._leave  # how forked workers end
        os.register_at_fork(after_in_child=self._again)
        self._profile.enable()

    def _again(self) -> None:
        self._profile.disable()
        self._profile = cProfile.Profile()
        self._profile.enable()

    def keep(self) -> None:
        self._profile.disable()
        self._profile.dump_stats(self._folder / f"{os.getpid()}.prof")

    def _leave(self, status: int) -> NoReturn:
        self.keep()
        self._exit(status)


def summary(folder: Path, lines: int = 40) -> None:
    """Prints where the processes of a run spent their time."""
    files = [str(path) for path in sorted(folder.glob("*.prof"))]
    if files:
        pstats.Stats(*files).strip_dirs().sort_stats("tottime").print_stats(lines)


def main() -> None:
    profiling = _Profiling(Path(sys.argv[1]))
    profiling.begin()
    sys.argv = ["radius"]
    try:
        runpy.run_module("radius", run_name="__main__", alter_sys=True)
    finally:
        profiling.keep()


if __name__ == "__main__":
    main()
