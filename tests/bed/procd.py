#!/usr/sbin/python3 -SE
"""Stands in for uci, netifd, procd and their services where no OpenWrt runs; which one, its name says.

uci reads files as a shell reads words. network makes bridges and addresses of /etc/config/network, firewall loads what
/etc/config/firewall includes, dnsmasq runs the real one with what /etc/config/dhcp says. The others only keep a record.
Every call is written to /tmp/standin/calls.
"""

import contextlib
import ipaddress
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

STANDIN = Path("/tmp/standin")
Options = dict[str, list[str]]
Section = tuple[str, str, Options]


def read(file: Path) -> list[Section]:
    """(type, name, options) of every section; an option is a list of one."""
    found: list[Section] = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            sys.exit(f"uci: Parse error ({error}) at line {number}")
        if words[:1] == ["config"] and len(words) in (2, 3):
            found.append((words[1], words[2] if len(words) == 3 else "", {}))
        elif words[:1] == ["option"] and len(words) == 3:
            found[-1][2][words[1]] = [words[2]]
        elif words[:1] == ["list"] and len(words) == 3:
            found[-1][2].setdefault(words[1], []).append(words[2])
        elif words:
            sys.exit(f"uci: Parse error at line {number}")
    return found


def config(name: str) -> list[Section]:
    file = Path("/etc/config") / name
    return read(file) if file.exists() else []


def one(options: Options, key: str, default: str = "") -> str:
    return options.get(key, [default])[0]


def sh(*command: str, must: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if must and done.returncode:
        sys.exit(f"{command}: {done.stderr}")
    return done.stdout


def uci(arguments: list[str]) -> int:
    folder = Path("/etc/config")
    if arguments[:1] == ["-c"]:
        folder, arguments = Path(arguments[1]), arguments[2:]
    words = [word for word in arguments if not word.startswith("-")]
    if words[0] == "show":
        for kind, name, options in read(folder / words[1]):
            print(f"{words[1]}.{name or '@' + kind}={kind}", options)
    return 0


def network() -> None:
    sections = config("network")
    bridges = {one(options, "name"): options for _, _, options in sections if one(options, "type") == "bridge"}
    made = STANDIN / "bridges"
    for old in made.read_text().split() if made.exists() else []:
        if old not in bridges:
            sh("ip", "link", "del", old, must=False)
    made.write_text(" ".join(bridges))
    for bridge, options in bridges.items():
        if not Path("/sys/class/net", bridge).exists():
            sh("ip", "link", "add", bridge, "type", "bridge")
        for port in options.get("ports", []):
            sh("ip", "link", "set", port, "master", bridge, "up", must=False)
        sh("ip", "link", "set", bridge, "up")
    for kind, _, options in sections:
        if kind == "device" and one(options, "isolate") == "1":
            sh("bridge", "link", "set", "dev", one(options, "name"), "isolated", "on", must=False)
        if kind == "interface" and one(options, "proto") == "static" and one(options, "device") != "lo":
            address(options)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def address(options: Options) -> None:
    device = one(options, "device")
    length = ipaddress.ip_network(f"0.0.0.0/{one(options, 'netmask')}").prefixlen
    sh("ip", "-4", "addr", "flush", "dev", device, must=False)
    sh("ip", "addr", "add", f"{one(options, 'ipaddr')}/{length}", "dev", device, must=False)
    sh("ip", "link", "set", device, "up", must=False)
    if one(options, "gateway"):
        sh("ip", "route", "replace", "default", "via", one(options, "gateway"), must=False)


def firewall() -> None:
    for kind, _, options in config("firewall"):
        if kind == "include" and one(options, "type") == "nftables":
            sh("nft", "-f", one(options, "path"))


def devices() -> dict[str, str]:
    """The device of each interface of /etc/config/network."""
    return {name: one(options, "device") for kind, name, options in config("network") if kind == "interface"}


def opennds() -> None:
    """Not openNDS: a web server in its place, which the probe after a push asks."""
    sh("busybox", "httpd", "-p", "2050", "-h", str(STANDIN), must=False)  # one that runs already keeps its port


FLAGS = {
    "noresolv": "no-resolv",
    "nohosts": "no-hosts",
    "domainneeded": "domain-needed",
    "boguspriv": "bogus-priv",
    "noping": "no-ping",
    "filter_aaaa": "filter-AAAA",
    "authoritative": "dhcp-authoritative",
}


def dnsmasq() -> None:
    pid = STANDIN / "dnsmasq.pid"
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        number = int(pid.read_text())
        os.kill(number, signal.SIGTERM)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            os.kill(number, 0)
            time.sleep(0.05)
        os.kill(number, signal.SIGKILL)
    lines = ["user=root", "bind-dynamic", f"pid-file={pid}"]
    for kind, _, options in config("dhcp"):
        if kind == "dnsmasq":
            lines += name_service(options)
        elif kind == "dhcp" and one(options, "ignore") != "1":
            lines += leases(options)
        elif kind == "ipset":
            table = f"4#{one(options, 'table_family')}#{one(options, 'table')}#{one(options, 'name')}"
            lines.append(f"nftset=/{'/'.join(options['domain'])}/{table}")
    conf = STANDIN / "dnsmasq.conf"
    conf.write_text("\n".join(lines) + "\n")
    if "port=0" not in lines:
        sh("dnsmasq", f"--conf-file={conf}")


def name_service(options: Options) -> list[str]:
    found = [text for key, text in FLAGS.items() if one(options, key) == "1"]
    found += [f"{key}={value}" for key in ("server", "address", "port") for value in options.get(key, [])]
    found += [f"interface={devices()[value]}" for value in options.get("interface", [])]
    return found + [f"dhcp-leasefile={value}" for value in options.get("leasefile", [])]


def leases(options: Options) -> list[str]:
    shown = sh("ip", "-4", "-o", "addr", "show", "dev", devices()[one(options, "interface")]).split()
    network = ipaddress.ip_interface(shown[shown.index("inet") + 1]).network
    first = network.network_address + int(one(options, "start"))
    last = first + int(one(options, "limit")) - 1
    found = [f"dhcp-range={first},{last},{network.netmask},{one(options, 'leasetime')}"]
    found += [f"dhcp-option={value}" for value in options.get("dhcp_option", [])]
    return found + [f"dhcp-option-force={value}" for value in options.get("dhcp_option_force", [])]


def main(name: str, arguments: list[str]) -> int:
    STANDIN.mkdir(parents=True, exist_ok=True)
    if name == "uci":
        return uci(arguments)
    if name == "ndsctl":
        return 0
    with (STANDIN / "calls").open("a") as calls:
        calls.write(f"{name} {' '.join(arguments)}\n")
    if arguments[:1] in (["reload"], ["restart"], ["start"], ["boot"]):
        services = {"network": network, "firewall": firewall, "dnsmasq": dnsmasq, "opennds": opennds}
        services.get(name, lambda: None)()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[0]).name, sys.argv[1:]))
