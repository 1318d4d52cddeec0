from hotspot.admission import ticket

KEY = bytes(32)
MAC = "02:00:00:00:00:01"
NOW = 1_790_000_000


def test_an_id_tells_when_it_was_issued() -> None:
    ids = {ticket.new_id(NOW) for _ in range(100)}
    assert len(ids) == 100
    assert all(ticket.is_ticket_id(name) and ticket.issued_at(name) == NOW for name in ids)
    assert ticket.issued_at(ticket.new_id(2**32 - 1)) == 2**32 - 1


def test_the_password_proves_id_gateway_and_device() -> None:
    issued = ticket.new_id(NOW)
    later = f"{NOW + 60:08x}{issued[8:]}"
    right = ticket.password(KEY, issued, "gw", MAC)
    assert len(right) == ticket.PASSWORD_LENGTH
    others = [(later, "gw", MAC), (issued, "gw2", MAC), (issued, "gw", "02:00:00:00:00:02")]
    assert right not in [ticket.password(KEY, *other) for other in others]
    assert right != ticket.password(bytes([1]) * 32, issued, "gw", MAC)
