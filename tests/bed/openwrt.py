"""A blank access point that stands in for OpenWrt, whose root file system is in no package: busybox is all its tools,
its shell is ash, /var is in memory, there is no SFTP, and configuration is /etc/config. dropbear, nft and dnsmasq are
real; uci, netifd and procd are stood in for by `procd.py`.

Its root is a folder, so that what is on its flash outlives a restart.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.controller.local import NOT_ON_OPENWRT

from .ap import BlankAp

_PROCD: Final = Path(__file__).parent / "procd.py"
_INIT: Final = Path(__file__).parent / "openwrt.sh"
_REAL: Final = ("nft", "dnsmasq", "dropbear", "dbclient", "ip", "bridge", "flock", "curl", "python3")
_OPENNDS: Final = ("usr/bin/opennds", "usr/bin/ndsctl")
_SERVICES: Final = ("network", "firewall", "dnsmasq", "dropbear", "system", "opennds")

_FILES: Final = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/ash\nnobody:*:65534:65534:nobody:/var:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/shells": "/bin/ash\n",
    "etc/openwrt_release": "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='stand-in'\n",
    "etc/resolv.conf": "nameserver 10.199.0.1\n",
    "etc/config/network": """
config interface 'wan'
	option device 'wan0'
	option proto 'static'
	option ipaddr '10.199.0.2'
	option netmask '255.255.255.0'
	option gateway '10.199.0.1'
""",
    "etc/config/dropbear": "\nconfig dropbear\n\toption Port '22'\n",
    "etc/config/dhcp": "\nconfig dnsmasq\n\toption port '0'\n",
    "etc/rc.common": """#!/bin/sh
# Stands in for OpenWrt's: scripts of /etc/init.d are run by it.
script=$1 verb=${2:-}
name=${script##*/}
enable() { ln -sf "../init.d/$name" "/etc/rc.d/S$START$name"; }
disable() { rm -f "/etc/rc.d/S$START$name"; }
procd_open_instance() { :; }
procd_close_instance() { :; }
procd_set_param() {
	[ "$1" = command ] || return 0
	shift
	"$@" </dev/null >/tmp/standin/"$name".log 2>&1 &
	echo $! >/tmp/standin/"$name".pid
}
start() { start_service; }
stop() {
	[ ! -s /tmp/standin/"$name".pid ] || kill "$(cat /tmp/standin/"$name".pid)" 2>/dev/null
	rm -f /tmp/standin/"$name".pid
}
restart() { stop; start; }
boot() { start; }
mkdir -p /tmp/standin
echo "$name $verb" >>/tmp/standin/calls
. "$script"
"$verb"
""",
}


class BlankOpenwrt(BlankAp):
    """One access point with the address that an admin gave it in /etc/config/network."""

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def init_script(self) -> Path:
        if not self.root.exists():
            install(self.root)
        return Path(shutil.copy(_INIT, self.folder / "init.sh"))

    def restart(self) -> None:
        """Power off and on: what was in memory is gone, what was on flash is not."""
        self.close()
        self.start()


def install(root: Path) -> None:
    """Lays out a root file system of busybox."""
    for name in ("bin", "sbin", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc/init.d", "etc/rc.d"):
        (root / name).mkdir(parents=True)
    for name in ("dev", "sys", "proc", "tmp", "root", "old"):
        (root / name).mkdir()
    for name, target in (("var", "tmp"), ("lib", "usr/lib"), ("lib64", "usr/lib64")):
        (root / name).symlink_to(target)
    shutil.copy(which("busybox"), root / "bin/busybox")
    listed = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in {*listed, "ash"} - {"busybox", *NOT_ON_OPENWRT, *_REAL, "brctl"}:
        (root / "bin" / applet).symlink_to("busybox")
    for name in _REAL:
        shutil.copy(which(name), root / "usr/sbin" / name)
    for path, text in _FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "usr/bin/env").symlink_to("/bin/env")
    shutil.copy(_PROCD, root / "usr/sbin/procd.py")
    for name in (*(f"etc/init.d/{name}" for name in _SERVICES), "sbin/uci", "sbin/wifi", *_OPENNDS):
        (root / name).symlink_to("/usr/sbin/procd.py")
    for path in ("etc/rc.common", "usr/sbin/procd.py"):
        (root / path).chmod(0o755)


def which(name: str) -> str:
    """The program itself: the system's python3 is what its library belongs to."""
    path = "/usr/bin/python3" if name == "python3" else shutil.which(name)
    assert path, name
    return str(Path(path).resolve())
