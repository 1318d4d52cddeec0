"""Processes that settle on a core each: in processes of their own, as a core stays taken until its process ends."""

import os
import subprocess
import sys

import pytest

_SETTLE = """
import os, sys, threading
from hotspot import cores
core, seen = cores.settle(sys.argv[1]), []
def look():
    seen.append(os.sched_getaffinity(0))
    with cores.anywhere():
        seen.append(os.sched_getaffinity(0))
    seen.append(os.sched_getaffinity(0))
thread = threading.Thread(target=look)
thread.start()
thread.join()
print(core, [sorted(cpus) for cpus in seen], flush=True)
sys.stdin.read()
"""
ALL = sorted(os.sched_getaffinity(0))


def _settled(among: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SETTLE, among], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.skipif(len(ALL) < 2, reason="there is one core, which is everybody's")
def test_processes_settle_on_different_cores_and_their_threads_leave_it_for_work_outside_the_lock() -> None:
    processes, among = [], f"test-{os.getpid()}"
    try:
        for core in reversed(ALL):
            processes.append(_settled(among))
            assert _said(processes[-1]) == f"{core} {[[core], ALL, [core]]}"
        processes.append(_settled(among))
        assert _said(processes[-1]) == f"None {[ALL, ALL, ALL]}", "no core is left"
        processes[0].communicate()
        processes.append(_settled(among))
        assert _said(processes[-1]).startswith(f"{ALL[-1]} "), "free again, as the first has ended"
    finally:
        for process in processes:
            process.communicate()
