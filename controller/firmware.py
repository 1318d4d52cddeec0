"""A firmware upgrade of an OpenWrt access point: what its image says of itself, and the shell texts on the way. Pure.

The image is sent to memory and compared by SHA-256 there, `sysupgrade -T` reads it, and nothing is flashed unless
`sysupgrade -l` lists every file that the access point needs to be the same one afterwards: what the controller manages,
its own state, the controller's key, the host keys.
"""

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from .transport import remote

IMAGE: Final = "/tmp/nirkabel-firmware.bin"  # noqa: S108 - an access point's memory
STATE: Final = "/etc/nirkabel/state/current"
UPLOAD_SECONDS: Final = 600.0
_TAIL: Final = 128 * 1024
"""Bytes at the end of an image in which its metadata stand (OpenWrt's fwtool)."""

ABOUT: Final = r"""
. /etc/openwrt_release || exit 1
echo "release $DISTRIB_RELEASE"
echo "revision $DISTRIB_REVISION"
echo "board $(cat /tmp/sysinfo/board_name 2>/dev/null)"
echo "model $(cat /tmp/sysinfo/model 2>/dev/null)"
echo "boot $(cat /proc/sys/kernel/random/boot_id)"
echo "free_kb $(df -k /tmp | tail -n 1 | tr -s ' ' | cut -d' ' -f4)"
command -v sysupgrade >/dev/null && echo "sysupgrade yes"
:
"""


@dataclass(frozen=True)
class Image:
    """A firmware file. Version, revision and boards as its own metadata say; empty where it has none. Package and
    architecture of a RouterOS package, as its name says.
    """

    data: bytes
    version: str = ""
    revision: str = ""
    boards: tuple[str, ...] = ()
    file: str = ""
    package: str = ""
    architecture: str = ""

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def name(self) -> str:
        return f"{self.version} {self.revision}".strip() or f"sha256 {self.sha256[:12]}"


def image_of(data: bytes) -> Image:
    """An image with what its metadata say, if it has any."""
    tail = data[-_TAIL:].decode("latin-1")
    at = tail.rfind('"metadata_version"')
    start = tail.rfind("{", 0, at) if at >= 0 else -1
    try:
        found, _ = json.JSONDecoder().raw_decode(tail[start:]) if start >= 0 else ({}, 0)
        version = found.get("version", {})
        boards = tuple(str(board) for board in found.get("supported_devices", []))
        return Image(data, str(version.get("version", "")), str(version.get("revision", "")), boards)
    except (ValueError, AttributeError, TypeError):
        return Image(data)


@dataclass(frozen=True)
class Firmware:
    """What an access point runs."""

    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return f"{self.values.get('release', '')} {self.values.get('revision', '')}".strip()

    @property
    def text(self) -> str:
        """For people, a line each."""
        shown = ((name, value) for name, value in self.values.items() if name not in ("boot", "sysupgrade"))
        return "\n".join(f"{name:9} {value}" for name, value in shown)

    def runs(self, image: Image) -> bool:
        """Whether it is what the image says of itself; never of an image that says nothing."""
        return bool(image.version) and self.version == f"{image.version} {image.revision}".strip()


def parse(output: bytes) -> Firmware:
    """The answer to `ABOUT`."""
    lines = output.decode("utf-8", "replace").splitlines()
    return Firmware({name: value for name, _, value in (line.partition(" ") for line in lines) if name and value})


def obstacle(firmware: Firmware, image: Image) -> str:
    """Why an image cannot be put there, as far as can be told from here."""
    if "sysupgrade" not in firmware.values:
        return "it has no sysupgrade"
    board = firmware.values.get("board", "")
    names = {one.replace(",", "_") for one in image.boards}
    if board and names and board.replace(",", "_") not in names:
        return f"the image is for {', '.join(image.boards)}, and it is {board}"
    free = int(firmware.values.get("free_kb") or 0) * 1024
    if free < len(image.data) * 5 // 4:
        return f"it has {free // 1024} kB of memory free for an image of {len(image.data) // 1024} kB"
    return ""


def upload(image: Image) -> str:
    """Takes the image on stdin; exit code 1 where what arrived is not what was sent."""
    part = f"{IMAGE}.part"
    return (
        f"umask 077; cat >{part} && set -- $(sha256sum <{part}) && "
        f'[ "$1" = {image.sha256} ] && mv {part} {IMAGE}; code=$?; rm -f {part}; echo; echo result exit $code'
    )


def tested(paths: Iterable[str], key: str) -> str:
    """Has `sysupgrade` read the image, and names every needed file that it would not keep (`lost PATH`).

    `key` is the base64 text of the controller's public key.
    """
    named = " ".join(shlex.quote(path) for path in (*paths, STATE))
    return remote.command(f"""
sysupgrade -T {IMAGE} || exit 2
sysupgrade -l | sed 's|^/*|/|' >{IMAGE}.kept || exit 3
for file in {named} /etc/dropbear/*host_key; do
	[ ! -f "$file" ] || grep -Fxq "$file" {IMAGE}.kept || echo "lost $file"
done
key=
for file in /etc/dropbear/authorized_keys /root/.ssh/authorized_keys; do
	grep -Fq {shlex.quote(key)} "$file" 2>/dev/null && grep -Fxq "$file" {IMAGE}.kept && key=kept
done
[ "$key" ] || echo "lost the controller's key"
rm -f {IMAGE}.kept
""")


def lost(output: bytes) -> list[str]:
    """The files that an upgrade would lose."""
    lines = output.decode("utf-8", "replace").splitlines()
    return [line.removeprefix("lost ") for line in lines if line.startswith("lost ")]


REMOVE: Final = remote.command(f"rm -f {IMAGE} {IMAGE}.part {IMAGE}.kept")
FLASH: Final = remote.detached(f"sleep 1; sysupgrade {IMAGE}")
