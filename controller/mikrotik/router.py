"""Pushes to a RouterOS router: scripts by SFTP, one command an exec, each over a connection of its own.

The words of its answers are those of the helper of other access points (`controller.push`). Secrets travel in files
alone, never in a command, which routers log.
"""

import secrets
import time
from typing import Final

import paramiko

from controller.desired import Desired
from controller.payload import digest, manifest
from controller.plan import stamp
from controller.transport.ssh import Problem, SshError, Target, execute, fetch_files, send_files
from hotspot.errors import PeerError

from . import router_backup, trial
from .routeros import quoted
from .trial import Router, parse_router

_LONGEST_PAUSE: Final = 1.0
_LONGEST_TEXT: Final = 300
_FILE_SECONDS: Final = 5.0
_FILE_PAUSE: Final = 0.2
_PROBE_SECONDS: Final = 20.0
"""So long it may take until what is tried works."""


class RouterContact:
    """One router. `seconds` bound each connection, `confirm` the try."""

    def __init__(self, target: Target, key: paramiko.PKey, seconds: float, confirm: int):
        self._target = target
        self._key = key
        self._seconds = seconds
        self._confirm = confirm

    def look(self) -> Router:
        """What it carries and tries."""
        return parse_router(self._run(trial.OBSERVE))

    def apply(self, desired: Desired, tx: str, earlier: tuple[str, ...]) -> tuple[str, str]:
        """Tries and keeps; the outcome as a word and what there is to say. `earlier` are pushes of the same content
        that may wait there.
        """
        deadline = time.monotonic() + self._confirm
        found = self.look()
        if found.trying:
            return self._kept(desired, found.trying, deadline) if found.trying in earlier else ("busy", found.trying)
        observed = found.observed()
        wanted = {one.path: stamp(one) for one in desired.files}
        if found.current == digest(manifest(desired)) and observed.live == wanted:
            return "insync", ""
        attempt = f"nirkabel-{tx}-try.rsc"
        script = trial.try_script(tx, self._confirm, found.flash).encode()
        files = trial.placed(desired, found.flash)
        files |= {f"/{trial.staged(tx)}": trial.script_for(desired, found.flash), f"/{attempt}": script}
        send_files(self._target, self._key, files, self._seconds)
        try:
            said = self._run(f'/import file-name="{attempt}"')
            found = self.look()
        except SshError:  # it may have cut its own line: whether it was done is asked over new ones
            return self._kept(desired, tx, deadline)
        if found.trying != tx:
            # Nothing is tried when the script could not be imported at all, or when the time is over already.
            return ("busy", found.trying) if found.trying else ("reverted", f"it tries nothing: {_short(said)}")
        if not found.applied:
            self.withdraw(tx)
            return "reverted", f"it refused a line: {_short(said)}"
        return self._kept(desired, tx, deadline)

    def kept(self, password: str) -> Desired:
        """A backup of all that it carries, encrypted there with `password`. PeerError where it makes none."""
        name = f"nirkabel-{secrets.token_hex(16)}-save.rsc"
        carried = self.look()
        script = router_backup.save_script(secrets.token_hex(16), password, self._confirm, carried.flash)
        pages = tuple(f"/{seen.name}" for path, seen in carried.files.items() if "/" in path)
        made = (router_backup.BINARY, router_backup.EXPORT)
        send_files(self._target, self._key, {f"/{name}": script.encode()}, self._seconds)
        try:
            said = self._run(f'/import file-name="{name}"')
            found: dict[str, bytes] = {}
            end = time.monotonic() + min(_FILE_SECONDS, self._confirm / 4)
            while not found.keys() >= set(made) and time.monotonic() < end:  # a file may show a little later
                time.sleep(_FILE_PAUSE)
                found = fetch_files(self._target, self._key, (*made, *pages), self._seconds)
        finally:
            self._run("; ".join(f'/file remove [find name="{one}"]' for one in (name, *(path[1:] for path in made))))
        if not found.keys() >= set(made):
            raise PeerError(f"it made no backup: {_short(said)}")
        return router_backup.of({path.replace("/flash/", "/", 1): data for path, data in found.items()})

    def restore(self, backup: Desired, password: str) -> tuple[str, str]:
        """Loads a backup and keeps it, over a new connection; the outcome as `apply` tells it."""
        deadline = time.monotonic() + self._confirm
        found = self.look()
        if found.trying:
            return "busy", found.trying
        name = f"nirkabel-{secrets.token_hex(16)}-load.rsc"
        files = router_backup.placed(backup, found.flash)
        files |= {f"/{name}": router_backup.load_script(password, found.flash).encode()}
        send_files(self._target, self._key, files, self._seconds)
        # In the background: its answer would be cut off.
        self._run(f":execute script={quoted(f'/import file-name={name}')}")
        last = "it has not loaded the backup"
        while time.monotonic() < deadline:
            time.sleep(min(_LONGEST_PAUSE, self._confirm / 20))
            try:
                found = self.look()
                if found.trying:
                    stale = sorted(one.name for one in found.files.values() if one.name.endswith((".backup", ".rsc")))
                    said = self._imported("keep", router_backup.keep_script(found.trying, stale))
                    if not self.look().trying:
                        return "confirmed", ""
                    last = f"it does not keep it: {_short(said)}"
            except SshError as error:
                if error.problem in (Problem.WRONG_KEY, Problem.REFUSED):
                    return "unconfirmed", f"{error}; it goes back by itself"
                last = str(error)
            except PeerError as error:
                last = str(error)
        return "unconfirmed", f"{last}; what was loaded goes back by itself"

    def withdraw(self, tx: str) -> None:
        """Has it load what it had before the try; it restarts, which cuts the connection."""
        try:
            self._run(f'/file remove [find name="{trial.staged(tx)}"]')  # no backup has files
            self._run(trial.withdraw(self.look().flash))
        except SshError as error:
            if error.problem not in (Problem.BROKEN, Problem.TIMEOUT):
                raise

    def _kept(self, desired: Desired, tx: str, deadline: float) -> tuple[str, str]:
        """Keeps what it tries, over new connections, until that is done or its time is over."""
        wanted = digest(manifest(desired))
        last = "it did not finish the import"
        patience = time.monotonic() + min(_PROBE_SECONDS, self._confirm / 3)
        while time.monotonic() < deadline:
            try:
                found = self.look()
                if not found.trying:
                    return ("confirmed", "") if found.current == wanted else ("reverted", "not confirmed in time")
                if found.trying != tx:
                    return "reverted", f"it tries {found.trying} now"
                if found.applied and (why := self._refusal(desired)):
                    last = f"it does not work: {why}"
                    if time.monotonic() > patience:
                        self.withdraw(tx)
                        return "reverted", last
                elif found.applied:
                    said = self._keep(desired, tx, found)
                    if self.look().current == wanted:
                        return "confirmed", ""
                    last = f"it does not keep it: {_short(said)}"
            except SshError as error:
                if error.problem in (Problem.WRONG_KEY, Problem.REFUSED):
                    return "unconfirmed", f"{error}; it reverts by itself"
                last = str(error)
            except PeerError as error:
                last = str(error)
            time.sleep(min(_LONGEST_PAUSE, self._confirm / 20))
        return "unconfirmed", f"{last}; it reverts by itself after {self._confirm} s"

    def _refusal(self, desired: Desired) -> str:
        if not desired.probes:
            return ""
        return trial.refusal(desired.probes, self._run("; ".join(desired.probes)).replace("\r", ""))

    def _keep(self, desired: Desired, tx: str, found: Router) -> str:
        return self._imported(f"{tx}-keep", trial.keep_script(tx, desired, found))

    def _imported(self, word: str, text: str) -> str:
        """What it says to a script; the file goes with the next one that is kept."""
        name = f"nirkabel-{word}.rsc"
        send_files(self._target, self._key, {f"/{name}": text.encode()}, self._seconds)
        return self._run(f'/import file-name="{name}"')

    def _run(self, command: str) -> str:
        # The way that paramiko itself goes: what saves round trips elsewhere was never tried on a router.
        return execute(self._target, self._key, command, b"", self._seconds, driven=False).decode("utf-8", "replace")


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_TEXT] or "it said nothing"
