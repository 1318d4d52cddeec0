"""Serving the portal's application with granian, over TLS where a certificate is set."""

import os
import threading

from granian.constants import Interfaces, Loops, RuntimeModes, SSLProtocols
from granian.log import LogLevels
from granian.server import Server

from hotspot.node.logs import LIBRARIES
from hotspot.node.service import announce_web, must_be_free
from hotspot.node.web_server import patience
from hotspot.settings import Settings
from hotspot.store.keyed import open_keyed


def main(settings: Settings, stop: threading.Event) -> None:
    """The portal service. Errors of the configuration and the stores show here, before any worker starts."""
    open_keyed(settings)[0].close()
    must_be_free("HOTSPOT_PORTAL_LISTEN", settings.portal_listen)
    host, port = settings.portal_listen
    certificate, key = settings.portal_tls or (None, None)
    os.environ["HOTSPOT_STATE"] = str(settings.state)  # the workers read their settings themselves
    server = Server(
        "portal.serving.worker:from_environment",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        workers=settings.portal_workers,
        runtime_mode=RuntimeModes.st,
        loop=Loops.asyncio,
        **patience(),
        log_dictconfig=LIBRARIES,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        ssl_cert=certificate,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls12,  # phones older than Android 10
    )
    server.on_startup(lambda: announce_web("portal", "https" if certificate else "http", (host, port), stop))
    server.serve()
    stop.set()
