"""Who gives way when more is begun than there is room for."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot.crowd import Crowd, Room, sender_of


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa:bbbb:cccc:dddd", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_one_sender_has_one_name(address: str, sender: str) -> None:
    assert sender_of(address) == sender


def test_the_oldest_of_a_sender_who_has_its_share_goes() -> None:
    crowd: Crowd[int] = Crowd(Room(of_one=3, in_all=100))
    assert [crowd.begin("attacker", one) for one in range(5)] == [[], [], [], [0], [1]]
    assert crowd.begin("honest", 10) == []
    assert len(crowd) == 4


def test_when_all_is_taken_whoever_holds_most_gives_way_not_the_newcomer() -> None:
    crowd: Crowd[str] = Crowd(Room(of_one=10, in_all=10))
    for number in range(4):
        crowd.begin("small", f"small {number}")
    for number in range(6):
        crowd.begin("large", f"large {number}")
    assert crowd.begin("honest", "honest") == ["large 0"]
    assert crowd.begin("honest", "more") == ["large 1"]
    assert "honest" in crowd
    assert "small 0" in crowd


def test_among_equals_the_first_goes() -> None:
    crowd: Crowd[int] = Crowd(Room(of_one=10, in_all=3))
    for one in range(3):
        crowd.begin(f"sender {one}", one)
    assert crowd.begin("another", 3) == [0]


def test_whoever_holds_most_bytes_gives_way() -> None:
    crowd: Crowd[str] = Crowd(Room(of_one=10, in_all=10, size=100))
    crowd.begin("slow", "slow")
    crowd.begin("large", "large 1")
    crowd.begin("large", "large 2")
    assert crowd.grow("large 1", 40) == []
    assert crowd.grow("large 2", 40) == []
    assert crowd.grow("slow", 21) == ["large 1"]
    assert crowd.grow("large 1", 1000) == [], "it is gone already"
    assert crowd.grow("large 2", 70) == ["large 2"]


def test_what_is_finished_makes_room() -> None:
    crowd: Crowd[int] = Crowd(Room(of_one=2, in_all=2, size=10))
    crowd.begin("a", 1)
    crowd.begin("a", 2)
    crowd.grow(1, 10)
    crowd.end(1)
    crowd.end(1)
    assert crowd.begin("a", 3) == []
    assert crowd.grow(3, 10) == []


_STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "grow", "end"]), st.sampled_from("abc"), st.integers(0, 12)), max_size=80
)


@given(_STEPS)
def test_no_bound_is_ever_passed_and_nothing_is_lost(steps: list[tuple[str, str, int]]) -> None:
    room = Room(of_one=3, in_all=5, size=20)
    crowd: Crowd[int] = Crowd(room)
    living: dict[int, list[int | str]] = {}
    for number, (step, sender, value) in enumerate(steps):
        if step == "begin":
            gone = crowd.begin(sender, number)
            living[number] = [sender, 0]
        elif step == "grow" and living:
            one = list(living)[value % len(living)]
            living[one][1] += value  # type: ignore[operator]
            gone = crowd.grow(one, value)
        elif living:
            one = list(living)[value % len(living)]
            crowd.end(one)
            gone = [one]
        else:
            gone = []
        for one in gone:
            del living[one]
        assert set(living) == {one for one in range(number + 1) if one in crowd}
        assert len(crowd) == len(living) <= room.in_all
        assert max(Counter(sender for sender, _ in living.values()).values(), default=0) <= room.of_one
        assert sum(int(size) for _, size in living.values()) <= (room.size or 0)
