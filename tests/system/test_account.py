"""A Debian access point that lets no root in: an account of its own configures it through the real sudo."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.city import AP, bridged_toml
from tests.bed.net import Bed, missing
from tests.system.test_push import City

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
    line = city.hotspot("keys", "show").strip()
    for command in (
        f"useradd --system --create-home --home-dir {HOME} --shell /bin/sh nirkabel",
        f"install -d -m 700 -o nirkabel -g nirkabel {HOME}/.ssh",
        f"echo 'restrict {line}' >{HOME}/.ssh/authorized_keys && chown nirkabel: {HOME}/.ssh/authorized_keys",
    ):
        done = ap.run("sh", "-c", command)
        assert done.returncode == 0, done.stderr
    city.hotspot("adopt", AP, "--yes")
    assert "sudo does not let nirkabel run" in city.hotspot("apply", "--yes", "--confirm", "20s", code=1)
    ap.run("sh", "-c", "echo 'nirkabel ALL=(root) NOPASSWD: /bin/sh' >/etc/sudoers.d/nirkabel")
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "120s")
    assert city.state_of() == "in-sync"
    assert "uid=0" in city.hotspot("exec", "id", AP, "--yes")
    city.hotspot("keys", "rotate", "--yes")
    assert city.state_of() == "in-sync"
    assert line.split()[1] not in ap.read(f"{HOME}/.ssh/authorized_keys")
    assert ap.read("/root/.ssh/authorized_keys") == ""
