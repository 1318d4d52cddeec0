"""A node with RADIUS over TLS, and the authority that signs for it and its gateways."""

import re
from pathlib import Path

from tests.certificates import Authority
from tests.node import Node, free_port

UDP = 'sources = ["127.0.0.1/32"], secret = "env:TK1_RADIUS"'
TLS = 'certificate = "gw1.example"'


class Secured:
    """Two of its gateways come by certificate: `tk1-gw` is gw1.example, `pamulang-gw` is gw6.example. `coa` is the
    first one's."""

    def __init__(self, folder: Path, coa: str | None = None):
        self.authority = Authority(folder)
        self.port = free_port()
        (folder / "node").mkdir()
        self.node = Node(folder / "node")
        certificate, key = self.authority.issue("radius.example")
        self.node.environment |= {
            "HOTSPOT_RADSEC_LISTEN": f"127.0.0.1:{self.port}",
            "HOTSPOT_RADSEC_CERT": str(certificate),
            "HOTSPOT_RADSEC_KEY": str(key),
            "HOTSPOT_RADSEC_CA": str(self.authority.file),
        }
        text = self.node.sites.read_text()
        text = re.sub(r', coa = "127.0.0.1:\d+" }', f', coa = "{coa}" }}' if coa else " }", text, count=1)
        text = re.sub(r'sources = \["10.20.6.0/28"\].* }', 'certificate = "gw6.example" }', text)
        self.node.write({UDP: TLS}, text)
        self.node.activate()
