"""A Debian access point that lets no root in: an account of its own configures it through the real sudo."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.posix.account import ALLOWS_EXEC, PROGRAM
from tests.bed.city import AP, bridged_toml
from tests.bed.net import Bed, missing

from .test_push import City

pytestmark = pytest.mark.long

HOME = "/var/lib/nirkabel-login"


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    if os.geteuid() != 0 or missing():
        pytest.fail(f"needs root and {', '.join(missing()) or 'nothing else'}")
    with Bed(tmp_path) as bed:
        yield City(bed, tmp_path)


def test_an_account_that_is_not_root_configures_an_access_point(city: City) -> None:
    ap = city.bed.ap
    text = bridged_toml().replace(", bridge = true", "")
    city.sites.write_text(text.replace("[controller]\n", '[controller]\nuser = "nirkabel"\n'))
    city.hotspot("secrets", "create", "--sites", str(city.sites))
    city.hotspot("activate", str(city.sites))
    line = city.hotspot("keys", "create").strip()
    script = city.hotspot("keys", "account", AP)
    for _ in range(2):  # as often as one likes
        done = ap.run("sh", "-c", script)
        assert done.returncode == 0, done.stderr
    ap.run("mv", "/etc/sudoers.d/nirkabel", "/etc/nirkabel.sudoers")
    city.hotspot("adopt", AP, "--yes")
    assert "sudo does not let nirkabel run" in city.hotspot("apply", "--yes", "--confirm", "20s", code=1)
    ap.run("mv", "/etc/nirkabel.sudoers", "/etc/sudoers.d/nirkabel")
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "120s")
    assert city.state_of() == "in-sync"
    said = city.hotspot("exec", "id", AP, "--yes")
    assert "uid=0" not in said
    assert ALLOWS_EXEC in said
    ap.run("touch", ALLOWS_EXEC)
    assert "uid=0" in city.hotspot("exec", "id", AP, "--yes")
    assert "kind       debian" in city.hotspot("status", AP)
    login = ("su", "-s", "/bin/sh", "nirkabel", "-c")
    assert ap.run(*login, "sudo -n /bin/sh -c id").returncode != 0
    assert ap.run(*login, f"sudo -n {PROGRAM} x").returncode != 0, "it takes no arguments"
    ap.run("sh", "-c", "mv /usr/local/lib/nirkabel-entry/allowed_signers /run/kept")
    ap.run("sh", "-c", "echo '# mine' >>/etc/nirkabel/nftables.nft")
    assert "another signature" in city.hotspot("apply", "--yes", "--confirm", "20s", code=1)
    ap.run("sh", "-c", "mv /run/kept /usr/local/lib/nirkabel-entry/allowed_signers")
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "40s")
    assert "result bad-payload" in ap.run(*login, f"echo 'passwd root' | sudo -n {PROGRAM}").stdout
    city.hotspot("keys", "rotate", "--yes")
    assert city.state_of() == "in-sync"
    assert line.split()[1] not in ap.read(f"{HOME}/.ssh/authorized_keys")
    assert ap.read("/root/.ssh/authorized_keys") == ""
