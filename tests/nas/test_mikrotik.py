from hotspot.grant import Limits
from hotspot.nas import mikrotik


def test_rate_limit_is_upload_then_download_in_k() -> None:
    """`rx/tx` of the router: rx is what it receives from the client, the client's upload."""
    attributes = dict(mikrotik.accept(Limits(session=60, idle=60, down=5_000_000, up=2_000_000, total=2**33 + 7)))
    assert attributes["Mikrotik-Rate-Limit"] == "2000k/5000k"
    assert attributes["Mikrotik-Total-Limit"] == 7
    assert attributes["Mikrotik-Total-Limit-Gigawords"] == 2
    assert dict(mikrotik.accept(Limits(session=60, idle=60, down=512_000)))["Mikrotik-Rate-Limit"] == "0/512k"


def test_counters_are_the_routers_view() -> None:
    assert mikrotik.client_counters(None, 10, 20) == (20, 10)
