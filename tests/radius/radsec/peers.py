"""The real programs that speak RADIUS over TLS to us, each as a gateway: UDP on one side, TLS on the other."""

import os
import shutil
import socket
from pathlib import Path

from tests.node import Service, free_port

SECRET = "a secret on the gateway's own side"

_RADSECPROXY = """
ListenUDP 127.0.0.1:{port}
tls default {{
    CACertificateFile {authority}
    CertificateFile {certificate}
    CertificateKeyFile {key}
    TlsVersion {version}
}}
client radclient {{
    host 127.0.0.1
    type udp
    secret "{secret}"
}}
server nirkabel {{
    host 127.0.0.1
    port {server}
    type tls
    secret radsec
    certificateNameCheck off
    statusServer on
}}
realm * {{
    server nirkabel
    accountingServer nirkabel
}}
"""

_FREERADIUS = """
prefix = /usr
logdir = {folder}
run_dir = {folder}
libdir = {modules}
max_request_time = 30
security {{
    allow_core_dumps = no
}}
client radclient {{
    ipaddr = 127.0.0.1
    secret = "{secret}"
}}
home_server nirkabel {{
    ipaddr = 127.0.0.1
    port = {server}
    type = auth+acct
    proto = tcp
    secret = radsec
    status_check = status-server
    check_interval = 6
    tls {{
        private_key_file = {key}
        certificate_file = {certificate}
        ca_file = {authority}
        tls_min_version = "{version}"
        tls_max_version = "{version}"
    }}
}}
home_server_pool nirkabel {{
    type = fail-over
    home_server = nirkabel
}}
realm nirkabel {{
    auth_pool = nirkabel
    acct_pool = nirkabel
    nostrip
}}
server gateway {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {accounting}
    }}
    authorize {{
        update control {{
            Proxy-To-Realm := nirkabel
        }}
    }}
    preacct {{
        update control {{
            Proxy-To-Realm := nirkabel
        }}
    }}
}}
"""


class Gateway:
    """A running peer. `auth` and `acct` are its UDP ports on loopback, `service` its process."""

    def __init__(self, service: Service, auth: int, acct: int):
        self.service, self.auth, self.acct = service, auth, acct

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: object) -> None:
        self.service.stop()


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"package {name} is missing"
    return found


def radsecproxy(folder: Path, server: int, authority: Path, certificate: Path, key: Path, tls: str) -> Gateway:
    """`tls` is 1.2 or 1.3."""
    port = free_port(socket.SOCK_DGRAM)
    version = f"TLS{tls.replace('.', '_')}"
    file = folder / "radsecproxy.conf"
    file.write_text(
        _RADSECPROXY.format(
            port=port, server=server, authority=authority, certificate=certificate, key=key, version=version,
            secret=SECRET,
        )
    )  # fmt: skip
    command = [program("radsecproxy"), "-f", "-d", "5", "-c", str(file)]
    return Gateway(Service(command, os.environ, "listening for udp"), port, port)


def freeradius(folder: Path, server: int, authority: Path, certificate: Path, key: Path, tls: str) -> Gateway:
    auth, acct = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    modules = next(path.parent for path in Path("/usr/lib").rglob("libfreeradius-radius.so"))
    (folder / "radiusd.conf").write_text(
        _FREERADIUS.format(
            folder=folder, modules=modules, port=auth, accounting=acct, server=server, authority=authority,
            certificate=certificate, key=key, version=tls, secret=SECRET,
        )
    )  # fmt: skip
    command = [program("freeradius"), "-X", "-d", str(folder)]
    return Gateway(Service(command, os.environ, "Ready to process requests"), auth, acct)
