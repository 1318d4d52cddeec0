"""The access point's helper, run by dash and, laid out as on OpenWrt, by busybox: commit, revert, and every way to be
interrupted.
"""

import gzip
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import payload
from controller.desired import Desired, File, Reload
from controller.plan import State, plan

from .local import LocalAp, busybox_path, eventually, lay_out_as_openwrt, new_tx

A, B, C = "/etc/nirkabel/a", "/etc/deep/er/b", "/usr/local/c"


@pytest.fixture(params=["debian", "openwrt"])
def ap(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalAp]:
    root = tmp_path / "root"
    path = os.environ["PATH"]
    if request.param == "openwrt":
        lay_out_as_openwrt(root)
        path = busybox_path(tmp_path / "bin")
    else:
        (root / "etc/systemd/system").mkdir(parents=True)
    one = LocalAp(root, path)
    yield one
    one.clean()


def desired(*files: tuple[str, str], **more: tuple[object, ...]) -> Desired:
    return Desired(tuple(File(path, text.encode(), 0o640) for path, text in files), **more)  # type: ignore[arg-type]


FIRST = desired((A, "one\n"), (B, "b\n"))
SECOND = desired((A, "two\n"), (C, "c\n"))


def test_a_push_is_committed_by_its_confirmation(ap: LocalAp) -> None:
    tx, answer = ap.apply(FIRST)
    assert answer == f"armed {payload.digest(payload.manifest(FIRST))}"
    assert ap.confirm(tx).startswith("confirmed ")
    assert (ap.read(A), ap.read(B)) == ("one\n", "b\n")
    assert (ap.root / A[1:]).stat().st_mode & 0o777 == 0o640
    assert ap.push(SECOND).startswith("confirmed ")
    assert (ap.read(A), ap.read(B), ap.read(C)) == ("two\n", None, "c\n")
    assert plan(SECOND, ap.observe(*SECOND.paths)).state is State.IN_SYNC
    assert not list(ap.run("").glob("*.*/"))
    assert not list(ap.state("").glob("snap.*"))


def test_what_undoes_it_at_boot_stands_before_the_first_file(ap: LocalAp) -> None:
    ap.apply(FIRST)
    if ap.is_openwrt:
        link = ap.root / "etc/rc.d/S12nirkabel-recover"
        assert link.resolve() == (ap.root / "etc/init.d/nirkabel-recover").resolve()
        assert "sh /etc/nirkabel/state/helper.sh recover" in link.read_text()
        assert os.access(link, os.X_OK)
    else:
        unit = ap.read("/etc/systemd/system/nirkabel-recover.service")
        assert unit is not None
        assert "/var/lib/nirkabel/helper.sh recover" in unit
    assert ap.state("helper.sh").read_bytes() == payload.helper()


def test_after_a_first_push_that_reverts_services_take_what_stood_there_before(ap: LocalAp) -> None:
    log = ap.root / "log"
    ap.write(A, "the admin's own\n")
    config = desired((A, "one\n"), restored=(f"cat {ap.root}{A} >>{log}", f"echo 2 >>{log}"))
    ap.apply(config, confirm=2)
    eventually(lambda: not ap.state("pending").exists() and not ap.state("rolling").exists())
    assert log.read_text() == "the admin's own\n2\n"
    log.unlink()
    ap.push(FIRST)
    ap.apply(config, confirm=2)
    eventually(lambda: not ap.state("pending").exists() and not ap.state("rolling").exists())
    assert not log.exists(), "what was pushed before is reloaded by its own commands"


def test_what_is_in_sync_is_not_written(ap: LocalAp) -> None:
    ap.push(FIRST)
    before = {
        path: path.stat().st_mtime_ns for path in ap.root.rglob("*") if path.is_file() and "run" not in path.parts
    }
    assert ap.apply(FIRST)[1].startswith("insync ")
    after = {path: path.stat().st_mtime_ns for path in ap.root.rglob("*") if path.is_file() and "run" not in path.parts}
    assert before == after


def test_a_link_in_the_place_of_a_file_is_drift_and_a_push_replaces_it(ap: LocalAp) -> None:
    ap.push(FIRST)
    file = ap.root / A[1:]
    file.rename(ap.root / "elsewhere")
    file.symlink_to(ap.root / "elsewhere")
    found = plan(FIRST, ap.observe(*FIRST.paths))
    assert (found.state, found.drifted) == (State.DRIFTED, (A,))
    assert ap.push(FIRST).startswith("confirmed ")
    assert not file.is_symlink()


def test_the_files_that_are_there_are_fetched(ap: LocalAp) -> None:
    ap.push(FIRST)
    assert ap.fetch(A, C) == {A: b"one\n"}
    assert ap.fetch(C) == {}


def test_without_a_confirmation_it_reverts_by_itself(ap: LocalAp) -> None:
    ap.push(FIRST)
    seen = ap.root / "seen"
    tx, answer = ap.apply(
        desired((A, "two\n"), (C, "c\n"), reloads=(Reload(f"cp {ap.root}{A} {seen}", (A,)),)), confirm=3
    )
    assert answer.startswith("armed ")
    eventually(lambda: not ap.state("pending").exists() and not ap.state("rolling").exists())
    assert seen.read_text() == "two\n", "it was switched to"
    assert (ap.read(A), ap.read(B), ap.read(C)) == ("one\n", "b\n", None)
    assert ap.confirm(tx) == f"refused {tx} reverted: not confirmed in time"
    assert plan(FIRST, ap.observe(*FIRST.paths)).state is State.IN_SYNC


def test_a_first_push_that_reverts_leaves_nothing(ap: LocalAp) -> None:
    ap.write(A, "the admin's own\n")
    seen = ap.root / "seen"
    ap.apply(desired((A, "one\n"), (B, "b\n"), reloads=(Reload(f"cp {ap.root}{B} {seen}", (B,)),)), confirm=3)
    eventually(lambda: not ap.state("pending").exists() and not ap.state("rolling").exists())
    assert (ap.read(A), ap.read(B), seen.read_text()) == ("the admin's own\n", None, "b\n")
    assert ap.observe(*FIRST.paths).current is None


@pytest.mark.parametrize("command", ["exit 3", "sleep 60"])
def test_a_reload_that_fails_or_hangs_is_rolled_back(ap: LocalAp, command: str) -> None:
    ap.push(FIRST)
    bad = desired((A, "two\n"), reloads=(Reload("echo tried >>" + str(ap.root / "log")), Reload(command, (A,))))
    tx, _ = ap.apply(bad)
    answer = ap.confirm(tx)
    assert "reverted: a reload failed" in answer
    assert ap.read(A) == "one\n"
    assert ap.read("/log") == "tried\n"


def test_what_works_only_after_a_while_is_waited_for_and_what_never_works_is_undone(ap: LocalAp) -> None:
    log = ap.root / "log"
    slow = f"echo try >>{log}; [ $(grep -c try {log}) -ge 2 ]"
    assert ap.push(desired((A, "one\n"), probes=(slow,))).startswith("confirmed ")
    assert log.read_text().split() == ["try", "try"]
    tx, _ = ap.apply(desired((A, "two\n"), probes=("echo no answer; false",)))
    answer = ap.confirm(tx)
    assert answer.startswith(f"refused {tx} reverted: it does not work: no answer echo no answer; false")
    assert ap.read(A) == "one\n"


def test_reloads_run_for_what_changed_and_undo_for_what_is_gone(ap: LocalAp) -> None:
    log = ap.root / "log"

    def config(text: str, *more: str) -> Desired:
        return desired(
            (A, text),
            (B, "b\n"),
            reloads=(Reload(f"echo a >>{log}", (A,)), Reload(f"echo b >>{log}", (B,)), Reload(f"echo always >>{log}")),
            undo=(f"echo undo-always >>{log}", *more),
        )

    ap.push(config("one\n", f"echo undo-first >>{log}"))
    assert log.read_text().split() == ["a", "b", "always"]
    log.unlink()
    ap.push(config("two\n"))
    assert log.read_text().split() == ["undo-first", "a", "always"]
    log.unlink()
    tx, _ = ap.apply(config("three\n", f"echo undo-third >>{log}"))
    eventually(lambda: ap.run("applied").exists())
    assert ap.result("rollback", tx, payload.pack_call(payload.helper())) == "reverted"
    assert log.read_text().split() == ["a", "always", "undo-third", "a", "b", "always"]
    assert ap.read(A) == "two\n"


def test_what_the_tools_refuse_is_never_written(ap: LocalAp) -> None:
    bad = desired((A, "one\n"), checks=("grep -q one etc/nirkabel/a", "echo why >&2; false"))
    assert ap.apply(bad)[1] == "invalid echo why >&2; false: why"
    assert ap.read(A) is None
    assert not ap.state("pending").exists()


def test_a_cut_or_corrupted_stream_never_runs_the_helper(ap: LocalAp) -> None:
    whole = payload.pack(FIRST, payload.helper())
    for cut in (0, 1, 10, len(whole) // 3, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        assert ap.result("apply", new_tx(), whole[:cut], 60) == "damaged", cut
    other = payload.pack(FIRST, payload.helper().replace(b"umask 077", b"umask 000"))
    assert ap.result("apply", new_tx(), other, 60) == "damaged"
    assert ap.read(A) is None
    assert not ap.state("helper.sh").exists()
    assert not list(ap.run("").glob("*.*/"))


def test_files_that_differ_from_the_manifest_are_refused(ap: LocalAp) -> None:
    config = desired((A, "unmistakable\n"))
    stream = gzip.decompress(payload.pack(config, payload.helper())).replace(b"unmistakable", b"unmistakeable"[:12])
    assert ap.result("apply", new_tx(), gzip.compress(stream), 60) == "bad-payload sums"


def test_a_second_push_waits_for_the_first(ap: LocalAp) -> None:
    tx, _ = ap.apply(FIRST)
    assert ap.apply(SECOND)[1] == f"busy {tx}"
    assert ap.confirm(new_tx()).startswith("refused")
    found = plan(SECOND, ap.observe(*SECOND.paths))
    assert found.state is State.PENDING
    assert ap.confirm(tx).startswith("confirmed")


def test_who_stays_hears_the_proof_and_holds_nobody_up(ap: LocalAp) -> None:
    tx, marker = new_tx(), ap.root / "go"
    config = desired((A, "one\n"), reloads=(Reload(f"while [ ! -f {marker} ]; do sleep 1; done"),))
    with subprocess.Popen(
        ap.command("apply", tx, 60, 20), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ap.environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(payload.pack(config, payload.helper()))
        process.stdin.close()
        eventually(ap.state("pending").exists)
        assert ap.observe().pending is not None, "the lock is free"
        marker.touch()
        said = process.stdout.read().decode().splitlines()
    armed = said.index(f"result armed {payload.digest(payload.manifest(config))}")
    assert said[armed + 1 :].count("switching") == len(said) - armed - 2
    word, _, proof = said[-1].partition(" ")
    assert word == "applied"
    assert ap.result("confirm", tx, payload.pack_call(payload.helper()), proof).startswith("confirmed ")


def test_a_confirmation_of_changed_files_is_refused(ap: LocalAp) -> None:
    tx, _ = ap.apply(FIRST)
    eventually(lambda: ap.run("applied").exists())
    ap.write(A, "changed\n")
    assert ap.confirm(tx) == "refused the files are not as the manifest says"


def test_only_who_heard_the_proof_can_confirm(ap: LocalAp) -> None:
    """A confirmation that was under way before the switch must not count: its answer may never arrive."""
    tx, _ = ap.apply(FIRST)
    assert ap.proof(tx).startswith("applied ")
    assert ap.state("pending").exists()
    assert ap.result("confirm", tx, payload.pack_call(payload.helper()), "0" * 32) == "refused wrong proof"
    assert ap.confirm(tx).startswith("confirmed ")


def test_a_dead_watchdog_is_repaired_at_the_next_contact(ap: LocalAp) -> None:
    ap.push(FIRST)
    ap.apply(SECOND)
    eventually(lambda: ap.run("applied").exists())
    ap.kill("watchdog")
    found = ap.observe(*FIRST.paths)
    assert found.pending is None
    assert "watchdog was dead" in found.last
    assert plan(FIRST, found).state is State.IN_SYNC
    assert ap.read(C) is None


def test_the_next_push_after_a_dead_watchdog_is_the_one_that_counts(ap: LocalAp) -> None:
    ap.push(FIRST)
    ap.apply(SECOND)
    eventually(lambda: ap.run("applied").exists())
    ap.kill("watchdog")
    third = desired((A, "three\n"))
    assert ap.push(third).startswith("confirmed")
    assert (ap.read(A), ap.read(B), ap.read(C)) == ("three\n", None, None)


@pytest.mark.parametrize("verb", ["observe", "recover"])
def test_a_restart_before_the_confirmation_undoes_it(ap: LocalAp, verb: str) -> None:
    ap.push(FIRST)
    ap.apply(SECOND)
    eventually(lambda: ap.run("applied").exists())
    ap.kill("watchdog")
    pending = ap.state("pending")
    pending.write_text(pending.read_text().replace("\nboot ", "\nboot not-"))
    if verb == "observe":
        ap.observe()
    else:
        helper = str(ap.state("helper.sh"))
        environment = {**ap.environment, "NIRKABEL_ROOT": str(ap.root)}
        subprocess.run(["sh", helper, "recover"], env=environment, check=True, timeout=120)
    assert (ap.read(A), ap.read(B), ap.read(C)) == ("one\n", "b\n", None)
    assert "restarted" in (ap.state("last").read_text())


def test_an_interrupted_rollback_is_finished_at_the_next_contact(ap: LocalAp) -> None:
    ap.push(FIRST)
    ap.apply(SECOND)
    eventually(lambda: ap.run("applied").exists())
    ap.kill("watchdog")
    ap.state("pending").rename(ap.state("rolling"))
    (ap.root / A[1:]).unlink()  # half way
    assert ap.observe().pending is None
    assert (ap.read(A), ap.read(B), ap.read(C)) == ("one\n", "b\n", None)
    assert not ap.state("rolling").exists()


def test_a_killed_worker_is_rolled_back_at_the_deadline(ap: LocalAp) -> None:
    ap.push(FIRST)
    killing = desired((A, "two\n"), reloads=(Reload(f"kill -9 $(cat {ap.run('worker')})"),))
    ap.apply(killing, confirm=2)
    eventually(lambda: not ap.state("pending").exists() and not ap.state("rolling").exists())
    assert ap.read(A) == "one\n"
    assert "not confirmed in time" in ap.state("last").read_text()


def test_a_helper_that_is_killed_while_it_checks_has_changed_nothing(ap: LocalAp) -> None:
    started, tx = ap.root / "started", new_tx()
    slow = desired((A, "two\n"), checks=(f"touch {started}; sleep 20",))
    process = subprocess.Popen(
        ap.command("apply", tx, 60),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ap.environment,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(payload.pack(slow, payload.helper()))
    process.stdin.close()
    eventually(started.exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    assert process.stdout is not None
    process.stdout.close()
    assert ap.read(A) is None
    assert ap.push(FIRST).startswith("confirmed")


def test_confirming_races_the_deadline_and_the_verdict_is_what_stands_there(ap: LocalAp) -> None:
    for number in range(3):
        config = desired((A, f"{number}\n"))
        before = ap.read(A)
        tx, _ = ap.apply(config, confirm=2)
        eventually(lambda: ap.run("applied").exists())
        time.sleep(1.0 + 0.3 * number)
        answer = ap.confirm(tx)
        eventually(lambda: not ap.state("pending").exists() and not ap.state("rolling").exists())
        assert ap.read(A) == (f"{number}\n" if answer.startswith("confirmed") else before), answer


def test_a_rollback_that_cannot_restore_is_tried_again(ap: LocalAp) -> None:
    ap.push(FIRST)
    ap.apply(SECOND)
    eventually(lambda: ap.run("applied").exists())
    ap.kill("watchdog")
    folder = (ap.root / B[1:]).parent
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("a file where a folder was")
    ap.observe()
    assert "not restored: /etc/deep/er/b" in ap.state("last").read_text()
    assert ap.apply(SECOND)[1].startswith("failed ")
    folder.unlink()
    aside.rename(folder)
    ap.observe()
    assert (ap.read(A), ap.read(B), ap.read(C)) == ("one\n", "b\n", None)
    assert not ap.state("rolling").exists()
