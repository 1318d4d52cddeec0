"""The pure middle: manifests, payloads, plans, diffs."""

import gzip
import io
import tarfile

import pytest

from controller import payload
from controller.desired import Desired, File, Reload
from controller.diff import diff
from controller.plan import Action, Observed, Pending, Stamp, State, parse_observed, plan, stamp
from hotspot.errors import ConfigError, PeerError

A = File("/etc/a", b"one\n", 0o640)
B = File("/etc/b", b"key=secret\nplain\n", 0o600, (r"^(key=).*$",))
DESIRED = Desired((B, A), ("true",), (Reload("systemctl restart a", ("/etc/a",)), Reload("date")), ("stop a",))
DIGEST = payload.digest(payload.manifest(DESIRED))
THERE = {file.path: stamp(file) for file in DESIRED.files}


def test_a_manifest_lists_everything_in_a_fixed_order() -> None:
    assert payload.manifest(DESIRED).splitlines() == [
        "nirkabel 1",
        f"file {A.sha256} 640 -rw-r----- /etc/a",
        f"file {B.sha256} 600 -rw------- /etc/b",
        "check true",
        "reload /etc/a systemctl restart a",
        "reload - date",
        "undo stop a",
    ]


def test_the_same_configuration_is_the_same_bytes() -> None:
    other = Desired((A, B), DESIRED.checks, DESIRED.reloads, DESIRED.undo)
    assert payload.pack(DESIRED, b"helper") == payload.pack(other, b"helper")
    raw = gzip.decompress(payload.pack(DESIRED, b"helper"))
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert tar.getnames() == ["helper.sh", "files/etc/a", "files/etc/b", "manifest"]
        assert {entry.mtime for entry in tar} == {0}


@pytest.mark.parametrize("path", ["relative", "/", "/a b", "/../etc", "/a/../b", "/a\nb", "/a/", "//a"])
def test_a_path_that_could_mean_something_else_is_refused(path: str) -> None:
    with pytest.raises(ConfigError):
        File(path, b"")


@pytest.mark.parametrize("tx", ["0" * 15, "0" * 65, "../" * 6, "0123456789abcdeg", "0123456789abcdef;reboot"])
def test_a_transaction_id_cannot_carry_a_command(tx: str) -> None:
    with pytest.raises(ValueError, match="no transaction id"):
        payload.command(b"helper", "apply", tx)


def test_states() -> None:
    assert plan(DESIRED, Observed(None, {}, {})).state is State.NEW
    assert plan(DESIRED, Observed(DIGEST, THERE, THERE)).state is State.IN_SYNC
    assert plan(DESIRED, Observed("0" * 64, THERE, THERE)).state is State.CHANGED
    old = {**THERE, A.path: Stamp("0" * 64, "-rw-r-----")}
    changed = plan(DESIRED, Observed("0" * 64, old, old))
    assert (changed.state, changed.summary) == (State.CHANGED, "changed: 1 update")
    drifted = plan(DESIRED, Observed(DIGEST, THERE, old))
    assert (drifted.state, drifted.drifted) == (State.DRIFTED, (A.path,))
    assert [change.action for change in drifted.changes] == [Action.REPAIR]
    waiting = plan(DESIRED, Observed(DIGEST, THERE, THERE, Pending("ab", 7, applied=True)))
    assert waiting.summary == "pending: push ab is applied and reverts in 7 s"


def test_a_mode_that_was_changed_by_hand_is_drift() -> None:
    loose = {**THERE, B.path: Stamp(B.sha256, "-rw-rw-rw-")}
    assert plan(DESIRED, Observed(DIGEST, THERE, loose)).state is State.DRIFTED


def test_a_file_that_is_no_longer_wanted_is_removed() -> None:
    more = {**THERE, "/etc/c": Stamp("0" * 64, "-rw-r--r--")}
    found = plan(DESIRED, Observed("0" * 64, more, more))
    assert [(change.action, change.path) for change in found.changes] == [(Action.REMOVE, "/etc/c")]


def test_an_observation_is_read_and_nonsense_is_the_peers_fault() -> None:
    text = (
        f"helper 1\ncurrent {DIGEST}\npending abc 12 applied\nlast abc confirmed\n"
        f"committed {A.sha256} -rw-r----- /etc/a\nlive - - /etc/a\nresult observed\n"
    )
    found = parse_observed(text)
    assert found == Observed(DIGEST, {"/etc/a": stamp(A)}, {}, Pending("abc", 12, applied=True), "abc confirmed")
    for bad in ("", "result damaged\n", text.removesuffix("result observed\n")):
        with pytest.raises(PeerError):
            parse_observed(bad)


def test_a_diff_masks_secrets_on_both_sides() -> None:
    before = {B.path: b"key=an old secret\nplain\nmore\n"}
    old = {B.path: Stamp("0" * 64, "-rw-------"), A.path: stamp(A)}
    text = "\n".join(diff(DESIRED, plan(DESIRED, Observed("0" * 64, old, old)).changes, before))
    assert "-more" in text
    assert "key=[secret]" in text
    assert "an old secret" not in text
    assert "=secret" not in text.replace("[secret]", "")
