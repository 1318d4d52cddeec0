"""`hotspot firmware`: which firmware OpenWrt access points run, whether an image fits, and upgrades in waves."""

import hmac
import time
from functools import partial
from pathlib import Path

import click

from hotspot.errors import ConfigError
from hotspot.sites import Inventory
from hotspot.terminal import DURATION, Group, Node, pass_node, quiet_option

from .. import firmware as steps
from .. import remote
from ..desired import Desired
from ..firmware import Firmware, Image
from ..job import Job, Outcome, Ran
from ..plan import Observed, plan
from ..push import Contact
from ..waves import Pace
from .apply import wave_option
from .jobs import SELECTOR, contact_of, dry_run_option, jobs_of, private_key, selectors_argument
from .life import asked, on_each, record_begin, record_ends, show_ends, would

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_LOOK_EVERY = 2.0


@click.group(cls=Group)
def firmware() -> None:
    """The firmware of OpenWrt access points."""


def _jobs(node: Node, inventory: Inventory, aps: tuple[str, ...]) -> list[Job]:
    """Those that are meant; those that have no firmware of that kind cannot be done."""
    found = jobs_of(node, node.revision(), aps, files=False)
    kinds = {ap.id: ap.kind for _, ap in inventory.access_points()}
    return [
        job
        if kinds[job.ap] == "openwrt"
        else Job(job.ap, problem=(Outcome.CONFIG, f"kind {kinds[job.ap]} has no sysupgrade"))
        for job in found
    ]


def _image(file: Path, sha256: str | None) -> Image:
    image = steps.image_of(file.read_bytes())
    if sha256 is not None and not hmac.compare_digest(sha256.lower().encode(), image.sha256.encode()):
        raise ConfigError(f"{file} has the SHA-256 {image.sha256}, not {sha256}")
    return image


_sha256_option = click.option("--sha256", metavar="HEX", help="What the image must have, as its maker tells it.")


@firmware.command()
@selectors_argument
@click.option("--image", "file", type=_FILE, help="Whether this one fits: it is sent, read there, and removed again.")
@_sha256_option
@pass_node
def check(node: Node, aps: tuple[str, ...], file: Path | None, sha256: str | None) -> None:
    """Which firmware access points run; with --image whether they would take that one and keep their settings.

    \b
    hotspot firmware check kind:openwrt
    hotspot firmware check tk2-ap1 --image openwrt-24.10.1-sysupgrade.bin
    """
    inventory = node.revision().inventory
    image = _image(file, sha256) if file else None
    jobs, contact = _jobs(node, inventory, aps), contact_of(node)
    key = private_key(node, inventory).get_base64()

    def work(job: Job) -> Ran:
        try:
            running = _running(contact, job)
            if image is None:
                return Ran(job.ap, Outcome.DONE, running.version, running.text.encode(), 0)
            try:
                _prepared(contact, job, image, key, running)
            finally:
                contact.run(job, steps.REMOVE)
        except _StoppedError as stopped:
            return stopped.ran
        return Ran(job.ap, Outcome.DONE, f"takes {image.name}; it runs {running.version}")

    ends, why = on_each(node, jobs, work)
    show_ends(node, ends, why)


@firmware.command()
@click.argument("aps", nargs=-1, metavar="SELECTOR...", type=SELECTOR, required=True)
@click.option("--image", "file", type=_FILE, required=True, help="The sysupgrade image.")
@_sha256_option
@click.option("--canary", type=click.IntRange(1), default=1, show_default=True, help="APs that must work, one by one.")
@wave_option
@click.option("--halt-after", type=click.IntRange(1), default=1, show_default=True, help="Failures that end the run.")
@click.option("--wait", type=DURATION, default="10m", show_default=True, help="How long each may take to come back.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@quiet_option
@pass_node
def upgrade(
    node: Node,
    aps: tuple[str, ...],
    file: Path,
    sha256: str | None,
    canary: int,
    wave: int | None,
    halt_after: int,
    wait: int,
    yes: bool,
    dry_run: bool,
) -> None:
    """Flash an image on OpenWrt access points that are alike, keeping their settings: a canary, then waves.

    Each one gets the image into its memory, compares its SHA-256, has `sysupgrade -T` read it, and is flashed only if
    it keeps all that it needs to come back as the same: what is configured here, the controller's key, its host key.
    It is done when it is back with the image's version and its configuration unchanged. Programs that are not in the
    image are gone then: build them in. There is no way back from here to the firmware before.

    \b
    hotspot firmware upgrade tag:canary --image openwrt-24.10.1-sysupgrade.bin
    hotspot firmware upgrade kind:openwrt --image … --sha256 9f86d0… --canary 2 --wave 10%
    """
    inventory = node.revision().inventory
    image, jobs = _image(file, sha256), _jobs(node, inventory, aps)
    if dry_run:
        would(node, f"would be flashed with {image.name}", jobs)
        return
    contact, key = contact_of(node), private_key(node, inventory).get_base64()
    asked(f"Flash {image.name}", jobs, yes=yes, always=True)
    record_begin(node, "firmware", jobs, sha256=image.sha256, version=image.name)
    pace = Pace(len(jobs), canaries=canary, wave=wave or 10, halt_after=halt_after)
    ends, why = on_each(node, jobs, partial(_upgraded, contact, image, key, wait), pace)
    record_ends(node, "firmware", ends)
    show_ends(node, ends, why)


# -- one access point --------------------------------------------------------------------------------------------


class _StoppedError(Exception):
    """Why an access point is left as it is."""

    def __init__(self, ap: str, outcome: Outcome, why: str):
        super().__init__(why)
        self.ran = Ran(ap, outcome, why)


def _asked_about(contact: Contact, job: Job) -> tuple[Ran, Firmware]:
    ran = contact.run(job, remote.command(steps.ABOUT))
    return ran, steps.parse(ran.output)


def _running(contact: Contact, job: Job) -> Firmware:
    ran, running = _asked_about(contact, job)
    if not ran.outcome.good:
        raise _StoppedError(job.ap, ran.outcome, ran.detail)
    return running


def _prepared(contact: Contact, job: Job, image: Image, key: str, running: Firmware) -> Observed:
    """Brings the image into its memory; what it carries, once all speaks for the upgrade."""

    def stop(outcome: Outcome, why: str) -> _StoppedError:
        return _StoppedError(job.ap, outcome, why)

    if running.runs(image):
        raise stop(Outcome.IN_SYNC, f"it runs {image.name} already")
    refused = steps.obstacle(running, image)
    if refused:
        raise stop(Outcome.INVALID, refused)
    result, observed = contact.observe(job)
    if observed is None:
        raise stop(result.outcome, result.detail)
    if observed.pending is not None:
        raise stop(Outcome.BUSY, f"push {observed.pending.tx} waits for its confirmation")
    sent = contact.run(job, steps.upload(image), steps.UPLOAD_SECONDS, image.data)
    if not sent.outcome.good:
        raise stop(sent.outcome, "what arrived is not what was sent" if sent.code is not None else sent.detail)
    ran = contact.run(job, steps.tested(observed.committed, key))
    if ran.code:
        said = " / ".join(ran.output.decode("utf-8", "replace").split("\n"))[-300:]
        raise stop(Outcome.INVALID, f"sysupgrade refuses it: {said}")
    if not ran.outcome.good:
        raise stop(ran.outcome, ran.detail)
    lost = steps.lost(ran.output)
    if lost:
        raise stop(Outcome.INVALID, f"the upgrade would lose {', '.join(lost)}")
    return observed


def _upgraded(contact: Contact, image: Image, key: str, wait: int, job: Job) -> Ran:
    try:
        before = _running(contact, job)
        try:
            observed = _prepared(contact, job, image, key, before)
        except _StoppedError:
            contact.run(job, steps.REMOVE)
            raise
    except _StoppedError as stopped:
        return stopped.ran
    begun = contact.run(job, steps.FLASH)
    return _awaited(contact, job, image, before, observed, wait) if begun.outcome.good else begun


def _awaited(contact: Contact, job: Job, image: Image, before: Firmware, was: Observed, wait: int) -> Ran:
    """Waits until it has restarted, and says whether it is what was wanted."""
    end = time.monotonic() + wait
    last = "it has not restarted"
    while time.monotonic() < end:
        time.sleep(_LOOK_EVERY)
        ran, after = _asked_about(contact, job)
        if ran.outcome is Outcome.WRONG_KEY:
            return Ran(job.ap, Outcome.FAILED, f"it came back without its settings: {ran.detail}")
        if ran.outcome.good and after.values.get("boot") != before.values.get("boot"):
            return _back(contact, job, image, (before, after), was)
        last = ran.detail or "it has not restarted"
    return Ran(job.ap, Outcome.FAILED, f"not back after {wait} s: {last}")


def _back(contact: Contact, job: Job, image: Image, versions: tuple[Firmware, Firmware], was: Observed) -> Ran:
    """Whether one that has restarted is what was wanted: `versions` are those before and after."""
    before, after = versions
    back = f"it is back with {after.version}"
    if (image.version and not after.runs(image)) or (not image.version and after.version == before.version):
        return Ran(job.ap, Outcome.FAILED, f"{back}, not with {image.name}")
    result, observed = contact.observe(job)
    if observed is None:
        return Ran(job.ap, result.outcome, f"{back}: {result.detail}")
    if observed.current != was.current:
        return Ran(job.ap, Outcome.FAILED, f"{back}, without its configuration")
    changed = sorted(set(plan(Desired(()), observed).drifted) - set(plan(Desired(()), was).drifted))
    if changed:
        return Ran(job.ap, Outcome.FAILED, f"{back}, but these files changed: {', '.join(changed)}")
    return Ran(job.ap, Outcome.APPLIED, f"{before.version} -> {after.version}")
