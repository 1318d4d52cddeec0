from argon2 import PasswordHasher

from hotspot.people.password import hashed, matches


def test_a_password_matches_its_hash_and_no_other() -> None:
    stored = hashed("rahasia sekali")
    assert matches(stored, "rahasia sekali")
    assert not matches(stored, "rahasia")
    assert not matches(None, "nobody's password"), "what stands in for a missing hash admits nobody"
    assert not matches("not a hash", "rahasia sekali")


def test_letters_may_be_composed_by_any_phone() -> None:
    composed, apart = "kafé di Bandung", "kafe\u0301\u00a0di Bandung"
    assert matches(hashed(composed), apart)
    assert matches(hashed(apart), composed)
    older = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(apart)
    assert matches(older, apart), "what an earlier version hashed as it was typed"
    assert not matches(hashed("①23456789"), "123456789"), "a password is not folded further"
