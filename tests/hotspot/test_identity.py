import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from hotspot.errors import ConfigError, RequestError
from hotspot.people.identity import Keys, is_randomised, new_id, parse_mac

KEYS = Keys(bytes(range(32)))


@pytest.mark.parametrize("text", ["02-00-5E-AA-BB-01", "02:00:5e:aa:bb:01", "02005eaabb01", "0200.5eaa.bb01"])
def test_every_spelling_of_a_mac_is_one_mac(text: str) -> None:
    assert parse_mac(text) == "02:00:5e:aa:bb:01"


@pytest.mark.parametrize("text", ["", "02:00:5e:aa:bb", "02:00:5e:aa:bb:0g", "02:00:5e:aa:bb:01:02", "ENC1234"])
def test_what_is_no_mac_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="bad-mac"):
        parse_mac(text)


def test_private_addresses_of_phones_are_recognised() -> None:
    assert is_randomised("02:00:5e:aa:bb:01")
    assert not is_randomised("5c:1d:d9:20:a0:c1")


@given(st.text(max_size=80), st.sampled_from(["mac", "member"]))
def test_a_sealed_value_opens_only_as_its_own_kind(value: str, kind: str) -> None:
    sealed = KEYS.seal(kind, value)
    assert KEYS.open(kind, sealed) == value
    assert value.encode() not in sealed or len(value) < 3
    with pytest.raises(InvalidTag):
        KEYS.open("other", sealed)


def test_keys_differ_by_purpose_and_by_master() -> None:
    assert KEYS.derive("ticket") != KEYS.derive("identity index")
    assert KEYS.index("mac", "x") != Keys(bytes(32)).index("mac", "x")
    assert KEYS.index("mac", "x") != KEYS.index("member", "x")
    assert Keys.from_text(Keys.new_text()).derive("a") != KEYS.derive("a")
    for wrong in ("short", "AAAA"):
        with pytest.raises(ConfigError, match="hotspot secrets create"):
            Keys.from_text(wrong)
    assert len({new_id() for _ in range(100)}) == 100
