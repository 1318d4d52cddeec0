"""What is asked of a RouterOS router beside its configuration: console texts, and how their answers are read. Pure.

Texts go over SSH as they are; what stands in one is in the router's log, so no secret ever does.

Source: RouterOS documentation (Scripting, Resource, RouterBOARD, WiFi, Hotspot, User); never tried on a RouterOS.
"""

import hashlib
import re
from dataclasses import replace
from typing import Final

import paramiko

from controller.transport.remote import Facts, parse_facts
from hotspot.errors import PeerError

from .routeros import quoted

_END: Final = "nirkabel end"
_OWNER: Final = "nirkabel"
"""The comment of the line that `hotspot keys show` prints, and the beginning of those of later keys."""
_UPTIME: Final = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+):(\d+):(\d+)|(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?)")


def _told(name: str, value: str) -> str:
    """A line of the answer; none where the router has no such thing."""
    return f':do {{ :put ("{name} " . {value}) }} on-error={{ }}'


def command(text: str) -> str:
    """An admin's command as it is. What fails ends all that stands on the line: the mark says that it did not."""
    return f'{text}; :put "{_END}"'


def ended(output: str) -> tuple[str, bool]:
    """What a command said, and whether it ran to its end."""
    said = output.replace("\r", "").rstrip("\n")
    return said.removesuffix(_END), said.endswith(_END)


_EACH_MAC: Final = (
    ":foreach one in=[{menu}/find] do={{ :do {{ "
    ':put ("mac " . [{menu}/get $one mac-address] . " " . [{menu}/get $one name]) }} on-error={{ }} }}'
)
FACTS: Final = command(
    "; ".join(
        (
            ':put "kind routeros"',
            _told("model", "[/system/resource/get board-name]"),
            _told("model", "[/system/routerboard/get model]"),
            _told("serial", "[/system/routerboard/get serial-number]"),
            _told("system", '"RouterOS " . [/system/resource/get version]'),
            _told("bootloader", "[/system/routerboard/get current-firmware]"),
            _told("machine", "[/system/resource/get architecture-name]"),
            _told("name", "[/system/identity/get name]"),
            _told("uptime", "[/system/resource/get uptime]"),
            _told("load", '[/system/resource/get cpu-load] . " %"'),
            _told("memory_kb", "([/system/resource/get free-memory] / 1024)"),
            _told("flash_kb", "([/system/resource/get free-hdd-space] / 1024)"),
            _told("flash_folder", '[:len [/file/find name="flash"]]'),
            _told("guests", "[:len [/ip/hotspot/active/find]]"),
            _told("stations", "[:len [/interface/wifi/registration-table/find]]"),
            _EACH_MAC.format(menu="/interface/ethernet"),
            _EACH_MAC.format(menu="/interface/wifi"),
            ":foreach one in=[/system/package/find where disabled=no] do={ "
            ':put ("version " . [/system/package/get $one name] . " " . [/system/package/get $one version]) }',
        )
    )
)
"""Prints `name value` lines; the last model counts."""
UPTIME: Final = command(_told("uptime", "[/system/resource/get uptime]"))
REBOOT: Final = ':execute script="/system/reboot"'
"""In the background, where nobody is asked whether that is meant, and the answer is not cut off."""


def locate(seconds: int) -> str:
    """The lights of its Ethernet ports blink, in the background."""
    blink = f"/interface/ethernet/blink [find] duration={seconds}s"
    none = "it has no Ethernet port whose light can blink"
    return command(
        f':if ([:len [/interface/ethernet/find]] = 0) do={{ :error "{none}" }}; :execute script={quoted(blink)}'
    )


def key_owner(key: paramiko.PKey) -> str:
    """What a key of the controller is called there: routers tell no key itself, only the comment of its line."""
    return f"{_OWNER}-{hashlib.sha256(key.get_base64().encode()).hexdigest()[:12]}"


def key_file(key: paramiko.PKey) -> str:
    return f"{key_owner(key)}.pub"


def import_key(key: paramiko.PKey, user: str) -> str:
    """Lets a key in whose file was sent; the file goes."""
    name = quoted(key_file(key))
    return command(f"/user/ssh-keys import public-key-file={name} user={quoted(user)}; /file remove [find name={name}]")


def forget_keys(user: str, but: str) -> str:
    """Takes away the keys of an account that are ours by their name, but for one."""
    kept = f" and key-owner!={quoted(but)}" if but else ""
    return command(f'/user/ssh-keys remove [find where user={quoted(user)} and key-owner~"^{_OWNER}"{kept}]')


def parse(output: str) -> Facts:
    """The answer to `FACTS`. PeerError when it is none."""
    said, whole = ended(output)
    facts = parse_facts(said)
    if not whole or "uptime" not in facts.values:
        raise PeerError(f"the router answered {said[-200:].strip()!r}")
    values = {**facts.values, "uptime": str(seconds_of(facts.values["uptime"]))}
    return replace(facts, values=values)


def uptime_of(output: str) -> int:
    """Seconds, from the answer to `UPTIME`. PeerError when it is none."""
    return seconds_of(parse_facts(ended(output)[0]).values.get("uptime", ""))


def seconds_of(text: str) -> int:
    """Of a time as RouterOS writes it: `1w2d03:04:05`, `4m5s`. PeerError when it is none."""
    found = _UPTIME.fullmatch(text.strip())
    if found is None or not text.strip():
        raise PeerError(f"the router told no time: {text[:100]!r}")
    weeks, days, h, m, s, hours, minutes, seconds = (int(one or 0) for one in found.groups())
    return ((weeks * 7 + days) * 24 + h + hours) * 3600 + (m + minutes) * 60 + s + seconds
