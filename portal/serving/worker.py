"""A process of the web server that serves the portal."""

import gc
import sys
from typing import Final

from hotspot import cores
from hotspot.node import logs
from hotspot.node.clock import Clock
from hotspot.node.service import end_with_parent
from hotspot.settings import Settings
from hotspot.store.deadline import PERSON
from hotspot.store.keyed import open_keyed
from portal.app import create
from portal.channels import unifi
from portal.desk import Desk

from .entrance import Entrance

_SWITCH: Final = 0.02
"""Seconds after which a thread that computes lets another do so: longer than what any request computes, as who is
interrupted waits for a whole round of the others."""


def from_environment() -> Entrance:
    """The entrance to this process's application, made from its environment: what the server's workers load."""
    end_with_parent()
    logs.configure(for_good=True)
    settings = Settings.load()
    if settings.portal_tls is None:  # else the server's own threads have as much to do as ours
        cores.settle()
    sys.setswitchinterval(_SWITCH)
    store, keys = open_keyed(settings, seconds=PERSON)
    clock = Clock(store)
    clock.start()
    desk = Desk(settings, store, keys, clock.now)
    entrance = Entrance(create(desk), at_end=unifi.start(desk))
    gc.collect()
    gc.freeze()  # what lives as long as the process need not be looked through again and again
    gc.set_threshold(50_000, 20, 50)
    return entrance
