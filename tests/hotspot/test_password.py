from hotspot.password import HASHER, matches


def test_a_password_matches_its_hash_and_no_other() -> None:
    hashed = HASHER.hash("rahasia sekali")
    assert matches(hashed, "rahasia sekali")
    assert not matches(hashed, "rahasia")
    assert not matches(None, "nobody's password"), "what stands in for a missing hash admits nobody"
    assert not matches("not a hash", "rahasia sekali")
