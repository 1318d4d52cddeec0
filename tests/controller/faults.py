"""Everything that may go wrong at each step of a push, done to an access point that carries OLD and is sent NEW."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from controller import payload
from controller.desired import Desired, File, Reload

from .local import LocalAp, eventually, is_ours, new_tx

A, B, C = "/etc/nirkabel/a", "/etc/deep/er/b", "/usr/local/c"
_COUNTED: Final = ("cp", "mv", "sync", "rm")
"""Programs before each of which the helper may be killed: all that changes anything."""
_SHIM: Final = """#!/bin/sh
# Kills the helper, where it does FAULT_VERB, before it runs this for the FAULT_AT-th time.
ours() { tr '\\000' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -q "helper.sh $FAULT_VERB "; }
if [ -n "${FAULT_VERB:-}" ] && ours $PPID; then
	count=$(($(cat "$FAULT_COUNT" 2>/dev/null || echo 0) + 1))
	echo $count >"$FAULT_COUNT"
	if [ $count -eq "$FAULT_AT" ]; then
		process=$PPID
		while ours "$process"; do
			parent=$(sed 's/.*) . \\([0-9]*\\) .*/\\1/' "/proc/$process/stat")
			kill -9 "$process"
			process=$parent
		done
		exit 1
	fi
fi
exec REAL "$@"
"""


def config(text: str, *paths: str, **more: tuple[object, ...]) -> Desired:
    return Desired(tuple(File(path, text.encode(), 0o640) for path in paths), **more)  # type: ignore[arg-type]


OLD, NEW = config("old\n", A, B), config("new\n", A, C)


@dataclass
class Patient(LocalAp):
    """An access point with OLD committed. `tx` is the push that the fault befalls."""

    faults: dict[str, str] = field(default_factory=dict)
    tx: str = field(default_factory=new_tx)
    old: Desired = OLD

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | self.faults

    def kill_helper_at(self, verb: str, number: int, shims: Path) -> None:
        """Have the helper die in `verb` before the numbered change that it makes there, from 1."""
        shims.mkdir()
        for name in _COUNTED:
            real = shutil.which(name, path=self.path)  # a folder that may not be read has nothing
            assert real, name
            (shims / name).write_text(_SHIM.replace("REAL", real))
            (shims / name).chmod(0o755)
        self.path = f"{shims}:{self.path}"
        self.faults = {"FAULT_VERB": verb, "FAULT_AT": str(number), "FAULT_COUNT": str(shims / "count")}

    def send(self, desired: Desired = NEW, confirm: int = 20) -> str:
        """The answer to the push."""
        return self.apply(desired, confirm, self.tx)[1]

    def switched(self) -> None:
        eventually(lambda: self.run("applied").exists())

    def settle(self) -> None:
        """Until nothing waits any more, by itself or at the next contact."""
        waits = (self.state("pending"), self.state("rolling"))
        eventually(lambda: not self.lives("watchdog") or not any(one.exists() for one in waits))
        self.observe()

    def lives(self, name: str) -> bool:
        process = self.run(name)
        return process.exists() and is_ours(int(process.read_text().strip() or 0))

    def ends(self) -> str:
        """`old` or `new`, which it must be whole, and say."""
        self.faults = {}
        self.settle()
        said = self.observe(A, B, C)
        assert said.pending is None
        assert said.current is not None
        which = "old" if said.current == payload.digest(payload.manifest(self.old)) else "new"
        there = {path: self.read(path) for path in (A, B, C)}
        wanted = dict.fromkeys(OLD.paths, "old\n") if which == "old" else dict.fromkeys(NEW.paths, "new\n")
        assert {path: text for path, text in there.items() if text is not None} == wanted, said.last
        assert all((self.root / path[1:]).stat().st_mode & 0o777 == 0o640 for path in wanted)
        assert not list(self.root.rglob("*.nirkabel-new")), "what was half written is left behind"
        return which

    def says(self) -> str:
        """The last word on the push of the fault."""
        tx, _, rest = self.observe().last.partition(" ")
        return rest.partition(":")[0] + (f": {reason(rest)}" if ":" in rest else "") if tx == self.tx else "-"

    def restart(self) -> None:
        """Everything dies, the boot id changes, the service that runs before the network runs."""
        for name in ("watchdog", "worker"):
            if self.lives(name):
                os.kill(self.pid(name), signal.SIGKILL)
        for name in ("pending", "rolling"):
            if self.state(name).exists():
                self.state(name).write_text(self.state(name).read_text().replace("\nboot ", "\nboot not-"))
        environment = {**self.environment, "NIRKABEL_ROOT": str(self.root)}
        subprocess.run(["sh", str(self.state("helper.sh")), "recover"], env=environment, check=True, timeout=120)


def reason(rest: str) -> str:
    """Why it reverted, without what differs from push to push."""
    text = rest.partition(": ")[2]
    return text.partition(":")[0]


# -- the faults ---------------------------------------------------------------------------------------------------


def cut_stream(ap: Patient, number: int, _folder: Path) -> str:
    stream = payload.pack(NEW, payload.helper())
    return ap.result("apply", ap.tx, stream[: (len(stream) - 1) * number // 24], 20)


def damaged_helper(ap: Patient, number: int, _folder: Path) -> str:
    script = bytearray(payload.helper())
    script[(len(script) - 1) * number // 12] ^= 1
    command = payload.command(payload.helper(), "apply", ap.tx, 20, root=str(ap.root))
    done = subprocess.run(
        ["sh", "-c", command],
        input=payload.pack(NEW, bytes(script)),
        capture_output=True,
        env=ap.environment,
        check=True,
    )
    return done.stdout.decode().strip().removeprefix("result ")


def killed_in_check(ap: Patient, _number: int, folder: Path) -> str:
    started = folder / "started"
    go_on = folder / "go-on"
    slow = config("new\n", A, C, checks=(f"touch {started}; while [ ! -f {go_on} ]; do sleep 1; done",))
    stream = payload.pack(slow, payload.helper())
    command = ap.command("apply", ap.tx, 20)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=ap.environment) as process:
        assert process.stdin is not None
        process.stdin.write(stream)
        process.stdin.close()
        eventually(started.exists)
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        go_on.touch()  # the check outlives the helper
        process.wait(60)
    return "-"


def disk_full(ap: Patient, _number: int, _folder: Path) -> str:
    fill(ap)
    answer = ap.send()
    unfill(ap)
    return answer


def fill(ap: Patient) -> None:
    with (ap.root / "fill").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def unfill(ap: Patient) -> None:
    (ap.root / "fill").unlink()


def killed_in(verb: str) -> Callable[[Patient, int, Path], str]:
    def inflict(ap: Patient, number: int, folder: Path) -> str:
        ap.state("helper.sh").write_text("# an older one\n")
        ap.kill_helper_at(verb, number, folder / "shims")
        answer = ap.send(confirm=3)
        if verb == "confirm" and answer.startswith("armed"):
            ap.switched()
            ap.confirm(ap.tx)
        return "-"

    return inflict


def reload(command: str) -> Callable[[Patient, int, Path], str]:
    def inflict(ap: Patient, _number: int, _folder: Path) -> str:
        ap.send(config("new\n", A, C, reloads=(Reload(command, (A,)),)))
        return "-"

    return inflict


def probe(ap: Patient, _number: int, _folder: Path) -> str:
    ap.send(config("new\n", A, C, probes=("false",)))
    return "-"


def disk_full_in_switch(ap: Patient, _number: int, _folder: Path) -> str:
    """What the old configuration undoes comes first, and here it fills the disk."""
    full = f"dd if=/dev/zero of={ap.root}/fill bs=4096 2>/dev/null"
    ap.old = config("old\n", A, B, undo=(full,))
    ap.push(ap.old)
    ap.send()
    eventually(lambda: not ap.state("pending").exists() and not ap.state("rolling").exists())
    unfill(ap)
    return "-"


def disk_full_in_rollback(ap: Patient, _number: int, _folder: Path) -> str:
    """It fills up as soon as the new files stand: no room is left when the old ones are to come back."""
    full = f"dd if=/dev/zero of={ap.root}/fill bs=4096 2>/dev/null || :"
    ap.send(config("new\n", A, C, reloads=(Reload(full, (A,)),)), confirm=3)
    eventually(lambda: not ap.state("pending").exists())
    eventually(lambda: not ap.lives("watchdog"))
    assert "not restored" in ap.state("last").read_text()
    unfill(ap)
    return "-"


def never_confirmed(ap: Patient, number: int, _folder: Path) -> str:
    ap.send(confirm=3)
    if number:
        ap.proof(ap.tx)
    return "-"


def cut_confirmation(ap: Patient, number: int, _folder: Path) -> str:
    ap.send(confirm=4)
    _, _, proof = ap.proof(ap.tx).partition(" ")
    stream = payload.pack_call(payload.helper())
    return ap.result("confirm", ap.tx, stream[: (len(stream) - 1) * number // 12], proof)


def lost_answer(ap: Patient, _number: int, _folder: Path) -> str:
    ap.send()
    ap.confirm(ap.tx)
    return ap.result("confirm", ap.tx, payload.pack_call(payload.helper()), "0" * 32).split()[0]


def restarted(ap: Patient, number: int, _folder: Path) -> str:
    if number == 0:
        ap.send(config("new\n", A, C, reloads=(Reload("sleep 2"),)))
        eventually(lambda: ap.read(C) is not None)
    else:
        ap.send()
        ap.switched()
    if number > 1:  # in the middle of a rollback
        os.kill(ap.pid("watchdog"), signal.SIGKILL)
        ap.state("pending").rename(ap.state("rolling"))
        (ap.root / A[1:]).unlink()
    ap.restart()
    return "-"


def two_controllers(ap: Patient, number: int, _folder: Path) -> str:
    transactions = [ap.tx, *(new_tx() for _ in range(1 + number))]
    with ThreadPoolExecutor(len(transactions)) as pool:
        answers = list(pool.map(lambda tx: ap.apply(NEW, 20, tx)[1], transactions))
    won = [tx for tx, answer in zip(transactions, answers, strict=True) if answer.startswith("armed ")]
    assert len(won) == 1, answers
    assert sum(answer == f"busy {won[0]}" for answer in answers) == len(answers) - 1, answers
    ap.tx = won[0]
    ap.confirm(won[0])
    return "busy to the other"


def race(ap: Patient, number: int, _folder: Path) -> str:
    ap.send(confirm=3)
    ap.switched()
    time.sleep(number * 0.2)
    answer = ap.confirm(ap.tx)
    assert (ap.ends() == "new") == answer.startswith("confirmed "), answer
    return "-"


def dead_watchdog(ap: Patient, _number: int, _folder: Path) -> str:
    ap.send()
    ap.switched()
    ap.kill("watchdog")
    return "-"


@dataclass(frozen=True)
class Fault:
    """One row. `inflict` returns what the controller heard at once, `-` for nothing of interest."""

    step: str
    what: str
    inflict: Callable[[Patient, int, Path], str]
    short: tuple[int, ...] = (0,)
    """The repetitions of `make test`: they show every ending that there is."""
    long: range = range(0)
    small_disk: bool = False


FAULTS: Final = (
    Fault("send", "the session, or the controller, ends after any byte", cut_stream, (0, 12, 24), range(25)),
    Fault("send", "the helper arrives damaged", damaged_helper, (0, 7), range(13)),
    Fault("check", "the helper is killed", killed_in_check),
    Fault("snapshot", "the disk is full", disk_full, small_disk=True),
    Fault(
        "snapshot, arm",
        "the helper is killed before any change it makes",
        killed_in("apply"),
        (2, 12),
        range(1, 14),
    ),
    Fault("arm", "two controllers, or six, push at once", two_controllers, (0,), range(5)),
    Fault("switch", "the worker is killed before any change it makes", killed_in("work"), (2, 5), range(1, 8)),
    Fault("switch", "the disk fills up", disk_full_in_switch, small_disk=True),
    Fault("switch", "a reload fails", reload("exit 3")),
    Fault("switch", "a reload hangs", reload("sleep 60")),
    Fault("switch", "it is in use, and does not work", probe),
    Fault("switch, wait, roll back", "the access point restarts", restarted, (1,), range(3)),
    Fault("wait", "the controller is killed, or no way leads back to it", never_confirmed, (1,), range(2)),
    Fault("wait", "the watchdog is killed", dead_watchdog),
    Fault("confirm", "the session ends after any byte", cut_confirmation, (5,), range(13)),
    Fault("confirm", "the helper is killed before any change it makes", killed_in("confirm"), (2, 3, 5), range(1, 8)),
    Fault("confirm", "the answer is lost, and it is asked again", lost_answer),
    Fault("confirm", "it races the deadline", race, (0, 25), range(4, 24)),
    Fault("roll back", "the watchdog is killed before any change it makes", killed_in("watch"), (1, 6), range(1, 14)),
    Fault("roll back", "the disk is full", disk_full_in_rollback, small_disk=True),
)
