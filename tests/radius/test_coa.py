"""Disconnect-Requests byte by byte, and as pyrad reads them. The answers: tests/radius/test_service.py."""

from typing import Any

import pytest
from pyrad import packet as rp

from hotspot.nas import RADIUS_DIALECTS
from hotspot.store.orders import Order
from radius.coa import disconnect
from radius.packet import is_signed, parse, request_authenticator
from tests.doubles.coovachilli import dictionary

SECRET = b"a secret of the park"
ORDER = Order("0" * 32, "tk1-gw", 0, "1" * 32, "5e6792ce00000006", "f" * 32, "02:00:5e:aa:bb:01")


@pytest.mark.parametrize("kind", sorted(RADIUS_DIALECTS))
def test_an_order_is_authentic_and_signed_unless_the_kind_takes_nothing_but_names(kind: str) -> None:
    data = disconnect(ORDER, RADIUS_DIALECTS[kind], SECRET, 7, 1_790_000_000)
    packet = parse(data)
    assert packet.authenticator == request_authenticator(packet, SECRET)
    bare = kind == "uspot"
    assert is_signed(packet, SECRET, bytes(16)) is (None if bare else True)
    theirs: Any = rp.Packet(dict=dictionary(), packet=data, secret=SECRET)
    extra = set() if bare else {"Message-Authenticator", "Event-Timestamp"}
    if kind == "cisco":
        extra |= {"Service-Type"}
    assert set(theirs.keys()) == {"User-Name", "Acct-Session-Id", "Calling-Station-Id", *extra}
    assert theirs["User-Name"] == [ORDER.user_name]
