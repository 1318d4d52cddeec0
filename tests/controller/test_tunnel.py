"""The keys of tunnels, read by the real ssh-keygen and dropbearkey, and what is said where a tunnel cannot be."""

import subprocess
from pathlib import Path

import pytest

from controller.kinds.setup import tunnel_secret
from controller.kinds.tunnel import authorized_line, dropbear_key, openssh_key
from hotspot.city.inventory import load
from hotspot.errors import ConfigError

from .rendering import changed, rendered, text_of

SECRET = b"what the master key gives"
AP = changed("openwrt").ap_by_id["bare"][1]


def test_both_servers_read_the_same_key(tmp_path: Path) -> None:
    kind, base64 = authorized_line(SECRET, AP).split()[1:3]
    for name, data in (("openssh", openssh_key(SECRET)), ("dropbear", dropbear_key(SECRET))):
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)
    for program, name in (("ssh-keygen", "openssh"), ("dropbearkey", "dropbear")):
        said = subprocess.run([program, "-y", "-f", tmp_path / name], capture_output=True, text=True, check=True).stdout
        assert f"{kind} {base64}" in said


def test_a_key_is_the_same_each_time_and_its_own_for_each_access_point() -> None:
    assert openssh_key(SECRET) == openssh_key(SECRET)
    assert openssh_key(SECRET) != openssh_key(b"of another")
    assert tunnel_secret(AP) == "derived:access point tunnel bare"
    assert authorized_line(SECRET, AP).startswith(
        'restrict,port-forwarding,permitlisten="127.0.0.1:22001",permitopen="127.0.0.1:1",command='
    )


def test_its_ssh_server_stays_where_it_is_when_it_is_reached_by_the_relay() -> None:
    city = changed("openwrt", ('"10.20.4.5:2222"', '"127.0.0.1:22001"'), ("wifi = { ssh_port = 22 }", ""))
    files = {one.path: one.data.decode("utf-8", "replace") for one in rendered(city, "bare").files}
    assert "option Port '22'" in files["/etc/config/dropbear"]
    assert "127.0.0.1:22001:127.0.0.1:22 " in files["/etc/init.d/nirkabel-tunnel"]
    assert "127.0.0.1" not in city.management


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ((("[controller.tunnel]", "[controller.x]"),), r"controller\.x: unknown key"),
        (
            (('host_key = "ssh-ed25519 AAAA', 'host_key = "ssh-ed25519 BBBB'),),
            r"controller\.tunnel\.host_key: must be an SSH",
        ),
        ((("tunnel = 22001", "tunnel = 22"),), r"ap\[\d\]\.tunnel: .*1024"),
        ((("tunnel = 22001", 'tunnel = 22001\n  tags = ["x"]\n  tunnel = 22001'),), "not TOML"),
    ],
)
def test_what_a_tunnel_cannot_be(pairs: tuple[tuple[str, str], ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        changed("openwrt", *pairs)


def test_a_port_is_one_access_points_and_needs_a_relay() -> None:
    text = text_of("openwrt")
    twice = text.replace('id = "gate-1"\n  mac', 'id = "gate-1"\n  tunnel = 22001\n  mac')
    with pytest.raises(ConfigError, match="tunnel"):
        load(twice)
    head, _, rest = text.partition("[controller.tunnel]")
    with pytest.raises(ConfigError, match=r"ap\[\d\]\.tunnel: needs the relay"):
        load(head + rest.partition("\n\n")[2])
