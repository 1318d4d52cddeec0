"""What a terminal shows of a run while it goes."""

import io

from rich.console import Console

from controller.commands.board import Board
from controller.job import Outcome, Result


def shown(board: Board) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    console.print(board)
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_a_bar_for_each_wave_and_a_line_for_each_that_runs_or_failed() -> None:
    now = [0.0]
    board = Board(lambda: now[0])
    board.began("tk1-ap1", 0, 1)
    board.ended(Result("tk1-ap1", Outcome.APPLIED))
    board.began("tk2-ap1", 1, 2)
    board.began("sman2-ap1", 1, 2)
    now[0] = 7.2
    board.ended(Result("tk2-ap1", Outcome.REVERTED, "a reload failed"))
    lines = shown(board)
    assert lines[0].startswith("canary ")
    assert lines[0].endswith(" 1/1")
    assert lines[1].startswith("wave 1 ")
    assert lines[1].endswith(" 1/2 1 failed")
    assert lines[2:] == ["tk2-ap1 reverted a reload failed", "sman2-ap1 pushing 7 s"]
