from hotspot.password import hashed, matches


def test_a_password_matches_its_hash_and_no_other() -> None:
    stored = hashed("rahasia sekali")
    assert matches(stored, "rahasia sekali")
    assert not matches(stored, "rahasia")
    assert not matches(None, "nobody's password"), "what stands in for a missing hash admits nobody"
    assert not matches("not a hash", "rahasia sekali")
