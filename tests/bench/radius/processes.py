"""CPU time of processes and of all that descend from them, from /proc."""

import os
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")

Times = dict[int, float]
"""Seconds of CPU by process id."""


def times(root: int) -> Times:
    """What a process, and each of its descendants that lives, has used."""
    stats = {int(entry.name): _stat(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        if stat is not None:
            children.setdefault(stat[0], []).append(pid)
    found: Times = {}
    todo = [root]
    while todo:
        pid = todo.pop()
        stat = stats.get(pid)
        if stat is not None:
            found[pid] = stat[1]
            todo += children.get(pid, [])
    return found


def machine() -> float:
    """Seconds for which the cores were busy since the machine started."""
    user, nice, system, _idle, _waiting, interrupts, soft, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + interrupts + soft + steal) * _TICK


def _stat(entry: Path) -> tuple[int, float] | None:
    """(parent, seconds of user and system time); None for a process that has just ended."""
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), (int(fields[11]) + int(fields[12])) * _TICK


def used(before: Times, after: Times) -> float:
    """Seconds of CPU between two looks."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())
