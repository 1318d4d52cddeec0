"""`hotspot firmware`: which firmware access points run, whether an image fits, and upgrades in waves."""

import hmac
from functools import partial
from pathlib import Path

import click
import paramiko

from controller import firmware as steps
from controller.desired import Desired
from controller.firmware import Firmware, Image
from controller.flashing import Flasher
from controller.hands import Hands, until_restarted
from controller.job import Job, Outcome, Ran, StoppedError
from controller.kinds import FLASHED
from controller.mikrotik import npk
from controller.plan import Observed, plan
from controller.push import Contact
from controller.transport.ssh import SshError
from controller.waves import Pace
from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError, PeerError
from hotspot.node.terminal import DURATION, Group, Node, pass_node, quiet_option

from .apply import wave_option
from .jobs import SELECTOR, contact_of, dry_run_option, jobs_of, private_key, selectors_argument
from .life import asked, on_each, record_begin, record_ends, show_ends, would

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group(cls=Group)
def firmware() -> None:
    """The firmware of OpenWrt and RouterOS access points."""


def _jobs(node: Node, inventory: Inventory, aps: tuple[str, ...]) -> list[Job]:
    """Those that are meant; those that have no firmware of that kind cannot be done."""
    found = jobs_of(node, node.revision(), aps, files=False)
    kinds = {ap.id: ap.kind for _, ap in inventory.access_points()}
    return [
        job
        if kinds[job.ap] in FLASHED
        else Job(job.ap, problem=(Outcome.CONFIG, f"kind {kinds[job.ap]} has no firmware that is changed from here"))
        for job in found
    ]


def _images(files: tuple[Path, ...], sums: tuple[str, ...]) -> tuple[Image, ...]:
    """The images in the order they are given; packages must be of one version, and --sha256 as many as images."""
    images = tuple(_image(file) for file in files)
    if sums and len(sums) != len(files):
        raise ConfigError(f"there are {len(sums)} --sha256 for {len(files)} images: give one for each, in their order")
    for file, image, sha256 in zip(files, images, sums, strict=False):
        if not hmac.compare_digest(sha256.lower().encode(), image.sha256.encode()):
            raise ConfigError(f"{file} has the SHA-256 {image.sha256}, not {sha256}")
    if len({image.version for image in images}) > 1:
        raise ConfigError("the images are of different versions")
    return images


def _image(file: Path) -> Image:
    data = file.read_bytes()
    return npk.image_of(file.name, data) if npk.is_package(file.name) else steps.image_of(data)


_sha256_option = click.option(
    "--sha256", "sums", metavar="HEX", multiple=True, help="What the image must have, as its maker tells it."
)


@firmware.command()
@selectors_argument
@click.option(
    "--image", "files", type=_FILE, multiple=True, help="Whether it fits: it is sent, read there, and removed again."
)
@_sha256_option
@pass_node
def check(node: Node, aps: tuple[str, ...], files: tuple[Path, ...], sums: tuple[str, ...]) -> None:
    """Which firmware access points run; with --image whether they would take that one and keep their settings.

    \b
    hotspot firmware check kind:openwrt
    hotspot firmware check tk2-ap1 --image openwrt-24.10.1-sysupgrade.bin
    """
    inventory = node.revision().inventory
    images = _images(files, sums)
    jobs, contact = _jobs(node, inventory, aps), contact_of(node)
    key = private_key(node, inventory)
    ends, why = on_each(node, jobs, lambda job: _tried(contact, job, images, key))
    show_ends(node, ends, why)


@firmware.command()
@click.argument("aps", nargs=-1, metavar="SELECTOR...", type=SELECTOR, required=True)
@click.option(
    "--image",
    "files",
    type=_FILE,
    multiple=True,
    required=True,
    help="The sysupgrade image; for RouterOS every package.",
)
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
    files: tuple[Path, ...],
    sums: tuple[str, ...],
    canary: int,
    wave: int | None,
    halt_after: int,
    wait: int,
    yes: bool,
    dry_run: bool,
) -> None:
    """Flash an image on access points that are alike, keeping their settings: a canary, then waves.

    Each OpenWrt one gets the image into its memory, compares its SHA-256, has `sysupgrade -T` read it, and is flashed
    only if it keeps all that it needs to come back as the same: what is configured here, the controller's key, its host
    key. It is done when it is back with the image's version and its configuration unchanged. Programs that are not in
    the image are gone then: build them in. A RouterOS one gets all its packages, reads them, and restarts. There is no
    way back from here to the firmware before.

    \b
    hotspot firmware upgrade tag:canary --image openwrt-24.10.1-sysupgrade.bin
    hotspot firmware upgrade kind:openwrt --image … --sha256 9f86d0… --canary 2 --wave 10%
    hotspot firmware upgrade kind:routeros --image routeros-7.16.1-arm64.npk --image wifi-qcom-7.16.1-arm64.npk
    """
    inventory = node.revision().inventory
    images, jobs = _images(files, sums), _jobs(node, inventory, aps)
    name = images[0].name
    if dry_run:
        would(node, f"would be flashed with {name}", jobs)
        return
    contact, key = contact_of(node), private_key(node, inventory)
    asked(f"Flash {name}", jobs, yes=yes, always=True)
    record_begin(node, "firmware", jobs, sha256=" ".join(image.sha256 for image in images), version=name)
    pace = Pace(len(jobs), canaries=canary, wave=wave or 10, halt_after=halt_after)
    ends, why = on_each(node, jobs, partial(_upgraded, contact, images, key, wait), pace)
    record_ends(node, "firmware", ends)
    show_ends(node, ends, why)


# -- one access point --------------------------------------------------------------------------------------------


def _tried(contact: Contact, job: Job, images: tuple[Image, ...], key: paramiko.PKey) -> Ran:
    """What it runs and, where images are given, whether it would take them; they do not stay there."""

    def work(hands: Hands) -> Ran:
        flasher = hands.flasher(images, key)
        running = flasher.running()
        if not images:
            return Ran(job.ap, Outcome.DONE, running.version, running.text.encode(), 0)
        try:
            _prepared(contact, job, flasher, images, running)
        finally:
            flasher.drop()
        return Ran(job.ap, Outcome.DONE, f"takes {images[0].name}; it runs {running.version}")

    return contact.does(job, work)


def _prepared(contact: Contact, job: Job, flasher: Flasher, images: tuple[Image, ...], running: Firmware) -> Observed:
    """Brings the images there; what it carries, once all speaks for the upgrade."""
    if running.runs(images[0]):
        raise StoppedError(Outcome.IN_SYNC, f"it runs {images[0].name} already")
    result, observed = contact.observe(job)
    if observed is None:
        raise StoppedError(result.outcome, result.detail)
    if observed.pending is not None:
        raise StoppedError(Outcome.BUSY, f"push {observed.pending.tx} waits for its confirmation")
    flasher.bring(running, observed.committed)
    return observed


def _upgraded(contact: Contact, images: tuple[Image, ...], key: paramiko.PKey, wait: int, job: Job) -> Ran:
    def work(hands: Hands) -> Ran:
        flasher = hands.flasher(images, key)
        before, start = flasher.running(), hands.start()
        try:
            observed = _prepared(contact, job, flasher, images, before)
        except PeerError:
            flasher.drop()
            raise
        flasher.flash()
        try:
            last = until_restarted(hands, start, wait)
        except SshError as error:
            return Ran(job.ap, Outcome.FAILED, f"it came back without its settings: {error}")
        if last:
            return Ran(job.ap, Outcome.FAILED, f"not back after {wait} s: {last}")
        return _back(contact, job, images[0], (before, flasher.running()), observed)

    return contact.does(job, work)


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
