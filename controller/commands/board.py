"""What a run of pushes looks like on a terminal while it goes: a bar for each wave, who runs, and who failed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from controller.job import Result
from hotspot.escape import for_terminal
from hotspot.node.terminal import Node

_SHOWN: Final = 16
"""Access points under way, and failures, that are shown at most."""


@dataclass
class _Wave:
    size: int
    done: int = 0
    failed: int = 0


class Board:
    """A live table of one run. Wave 0 are the canaries."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._waves: dict[int, _Wave] = {}
        self._running: dict[str, tuple[int, float]] = {}
        self._failed: list[Result] = []

    def began(self, ap: str, wave: int, size: int) -> None:
        """`size` is how many the wave has if all of it is begun."""
        self._waves.setdefault(wave, _Wave(size))
        self._running[ap] = (wave, self._clock())

    def ended(self, result: Result) -> None:
        number, _ = self._running.pop(result.ap)
        wave = self._waves[number]
        wave.done += 1
        wave.size = max(wave.size, wave.done)
        if not result.outcome.good:
            wave.failed += 1
            self._failed.append(result)

    def __rich__(self) -> RenderableType:
        bars = Table.grid(padding=(0, 2))
        for number, wave in self._waves.items():
            bars.add_row(
                f"wave {number}" if number else "canary",
                ProgressBar(wave.size, wave.done, width=30),
                f"{wave.done}/{wave.size}",
                Text(f"{wave.failed} failed", "red") if wave.failed else "",
            )
        rows = Table.grid(padding=(0, 2))
        for result in self._failed[-_SHOWN:]:
            rows.add_row(
                result.ap,
                Text(str(result.outcome), "red"),
                Text(for_terminal(result.detail, lines=False), overflow="ellipsis", no_wrap=True),
            )
        for ap, (_, since) in list(self._running.items())[:_SHOWN]:
            rows.add_row(ap, "pushing", f"{self._clock() - since:.0f} s")
        return Group(bars, rows)


@contextmanager
def on_terminal(node: Node) -> Iterator[Board]:
    """The board on stderr where that is a terminal, gone when the run has ended."""
    board = Board()
    if node.quiet or not node.errors.is_terminal:
        yield board
        return
    with Live(board, console=node.errors, transient=True, refresh_per_second=4):
        yield board
