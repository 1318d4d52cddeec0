"""What is asked of an access point beside its configuration: shell texts and how their answers are read. Pure.

They run under dash and busybox ash, and end with the `result` line that every contact ends with.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

FACTS: Final = r"""
one() { printf '%s %s\n' "$1" "$(printf %s "$2" | tr -d '\000-\037' | cut -c1-200)"; }
first() { for file; do [ -r "$file" ] && tr -d '\0' <"$file" && return; done; }
kind=debian; [ -f /etc/openwrt_release ] && kind=openwrt
one kind "$kind"
one model "$(first /tmp/sysinfo/model /proc/device-tree/model /sys/class/dmi/id/product_name)"
one system "$(. /etc/os-release 2>/dev/null; echo "${PRETTY_NAME:-unknown}")"
one kernel "$(uname -r)"
one machine "$(uname -m)"
one name "$(uname -n)"
one boot "$(cat /proc/sys/kernel/random/boot_id)"
one uptime "$(cut -d. -f1 /proc/uptime)"
one load "$(cut -d' ' -f1-3 /proc/loadavg)"
one memory_kb "$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)"
one flash_kb "$(df -k / | tail -n 1 | tr -s ' ' | cut -d' ' -f4)"
one time "$(date +%s)"
for link in /sys/class/net/*; do
	[ -e "$link/device" ] && one mac "$(cat "$link/address") ${link##*/}"
done
for program in hostapd opennds dnsmasq dropbear; do
	command -v $program >/dev/null 2>&1 && one has "$program"
done
packages() { opkg list-installed || apk list --installed --manifest || dpkg-query -W -f '${Package} - ${Version}\n'; }
packages 2>/dev/null |
	grep -E '^(hostapd|wpad[a-z-]*|opennds|uspot|dnsmasq(-full|-base)?|dropbear(-bin)?|openssh-server|nftables) ' |
	while read -r package version; do one version "$package ${version#- }"; done
"""
"""Prints `name value` lines."""


def command(text: str) -> str:
    """The shell text that runs an admin's command: its output, stderr among it, and its exit code as the result."""
    return f"sh -c {shlex.quote(text)} </dev/null 2>&1; code=$?; echo; echo result exit $code"


def detached(text: str) -> str:
    """The same for what is to go on when the connection has ended."""
    return f"(trap '' HUP; {text}) </dev/null >/dev/null 2>&1 & echo result exit 0"


REBOOT: Final = detached("sleep 1; reboot")
BOOT: Final = command("cat /proc/sys/kernel/random/boot_id")


def locate(seconds: int | str) -> str:
    """Has every LED blink for a while, and then do what it did before."""
    blink = f"""for led in /sys/class/leds/*; do
	[ -w "$led/trigger" ] || continue
	was=$(sed 's/.*\\[\\(.*\\)\\].*/\\1/' "$led/trigger")
	bright=$(cat "$led/brightness")
	echo timer >"$led/trigger"
	( sleep {seconds}; echo "$was" >"$led/trigger"; [ "$was" != none ] || echo "$bright" >"$led/brightness" ) &
done; wait"""
    return f"ls /sys/class/leds/*/trigger >/dev/null 2>&1 || {{ echo result exit 1; exit; }}; {detached(blink)}"


def add_key(known: str, line: str) -> str:
    """Lets a second public key in, in the same files as the one that is known there (its base64 text)."""
    quoted, known = shlex.quote(line), shlex.quote(known)
    return command(
        f"done=1; for file in ~/.ssh/authorized_keys /etc/dropbear/authorized_keys; do "
        f'grep -Fq {known} "$file" 2>/dev/null || continue; '
        f'{{ grep -Fxq {quoted} "$file" || {{ cp -p "$file" "$file.new" && echo {quoted} >>"$file.new" && '
        f'sync && mv "$file.new" "$file"; }}; }} && done=0; done; exit $done'
    )


def forget_key(base64: str) -> str:
    """Takes a public key out of the authorized keys of the account, in all places where dropbear and OpenSSH look."""
    quoted = shlex.quote(base64)
    return command(
        f"for file in ~/.ssh/authorized_keys /etc/dropbear/authorized_keys; do "
        f'[ -f "$file" ] || continue; grep -Fv {quoted} "$file" >"$file.new"; '
        f'cat "$file.new" >"$file" && rm -f "$file.new"; ! grep -Fq {quoted} "$file" || exit 1; done'
    )


@dataclass(frozen=True)
class Facts:
    """What an access point says of itself. `values` by name, `macs` by interface, `versions` by package."""

    values: Mapping[str, str] = field(default_factory=dict)
    macs: Mapping[str, str] = field(default_factory=dict)
    programs: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def differs_from(self, kind: str, mac: str) -> list[str]:
        """Sentences about what `sites.toml` has otherwise."""
        found = []
        if self.values.get("kind", kind) != kind:
            found.append(f"it looks like kind {self.values['kind']!r}, sites.toml has {kind!r}")
        if self.macs and mac not in self.macs.values():
            found.append(f"none of its interfaces has the MAC {mac}; it has {', '.join(sorted(self.macs.values()))}")
        return found


def parse_facts(text: str) -> Facts:
    """The answer to `FACTS`."""
    values: dict[str, str] = {}
    macs: dict[str, str] = {}
    programs: list[str] = []
    versions: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        match name:
            case "mac":
                address, _, interface = value.partition(" ")
                macs[interface] = address.lower()
            case "version":
                package, _, version = value.partition(" ")
                versions[package] = version
            case "has":
                programs.append(value)
            case "result" | "":
                continue
            case _:
                values[name] = value.strip()
    return Facts(values, macs, tuple(programs), versions)
