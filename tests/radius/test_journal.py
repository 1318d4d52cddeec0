"""The journal's bytes: whatever a crash or a bad disk does to them, a frame is read as it was written or not at all."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot.admission.session import Record, RecordKind
from radius.accounting import Restart
from radius.away.journal import Batch, Cipher, Damage, Frame, Told, Torn

KEY = bytes(range(32))
PAYLOADS = [b"first", b"", b"the third \xf7NKF" * 9, os.urandom(300), b"last"]

integers = st.integers(0, 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
records = st.builds(
    Record,
    kind=st.sampled_from(RecordKind),
    gateway=texts,
    acct_session_id=texts,
    device=st.just(""),
    ticket=st.none() | texts,
    site=texts,
    at=integers,
    seconds=integers,
    down=integers,
    up=integers,
    cause=st.none() | texts,
)
batches = st.builds(
    Batch,
    at=integers,
    told=st.lists(st.builds(Told, mac=texts, record=records), max_size=4).map(tuple),
    restarts=st.lists(st.builds(Restart, gateway=texts, at=integers, cause=texts), max_size=2).map(tuple),
)


def written(payloads: list[bytes] = PAYLOADS) -> tuple[Cipher, bytes, list[int]]:
    """A file, and where each of its frames ends."""
    cipher = Cipher.new(KEY)
    data, ends = cipher.header, []
    for number, payload in enumerate(payloads):
        data += cipher.frame(number, number, payload)
        ends.append(len(data))
    return cipher, data, ends


def read(data: bytes, key: bytes = KEY) -> list[Frame | Damage | Torn]:
    cipher = Cipher.of(key, data)
    assert cipher is not None
    return list(cipher.frames(data))


def payloads_in(found: list[Frame | Damage | Torn]) -> list[bytes]:
    return [item.payload for item in found if isinstance(item, Frame)]


@given(batches)
def test_a_batch_is_read_as_it_was_written(batch: Batch) -> None:
    assert Batch.decode(batch.encode()) == batch


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_frames_are_read_as_they_were_written(payloads: list[bytes]) -> None:
    _, data, ends = written(payloads)
    found = read(data)
    assert found == [Frame(i, payload, end) for i, (payload, end) in enumerate(zip(payloads, ends, strict=True))]


def test_every_cut_is_a_torn_tail_and_costs_only_what_was_cut() -> None:
    cipher, data, ends = written()
    for length in range(len(data)):
        if length < len(cipher.header):
            assert Cipher.of(KEY, data[:length]) is None
            continue
        found = read(data[:length])
        whole = [end for end in ends if end <= length]
        assert payloads_in(found) == PAYLOADS[: len(whole)]
        rest = found[len(whole) :]
        last = whole[-1] if whole else len(cipher.header)
        assert rest == ([] if length == last else [Torn(last)])


@pytest.mark.parametrize("zeroes", [1, 27, 28, 4096])
def test_a_tail_of_zeroes_is_torn(zeroes: int) -> None:
    """A power cut may leave a file longer than what reached the disk."""
    _, data, ends = written()
    assert read(data + bytes(zeroes))[-1] == Torn(ends[-1])
    missing = data[: ends[-2] + 40]  # the head of the last frame, and a part of its body
    assert read(missing + bytes(len(data) - len(missing)))[-1] == Torn(ends[-2])


def test_every_changed_byte_is_reported_and_costs_no_other_frame() -> None:
    cipher, data, ends = written()
    starts = [len(cipher.header), *ends[:-1]]
    for position in range(len(cipher.header), len(data)):
        changed = data[:position] + bytes([data[position] ^ 0x41]) + data[position + 1 :]
        hit = next(i for i, end in enumerate(ends) if position < end)
        found = read(changed)
        assert payloads_in(found) == PAYLOADS[:hit] + PAYLOADS[hit + 1 :]
        assert [item for item in found if not isinstance(item, Frame)] == [Damage(starts[hit], ends[hit])]


@given(st.data())
def test_any_bytes_are_read_to_their_end(data: st.DataObject) -> None:
    """Nothing that was not written comes out, and nothing raises, whatever stands in the file."""
    cipher, whole, _ = written()
    start = data.draw(st.integers(len(cipher.header), len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    found = read(whole[:start] + data.draw(st.binary(max_size=100)) + whole[end:])
    assert all(payload in PAYLOADS for payload in payloads_in(found))


def test_frames_that_are_gone_or_come_twice_are_reported() -> None:
    cipher, data, ends = written()
    without = data[: ends[0]] + data[ends[1] :]
    assert [type(item) for item in read(without)] == [Frame, Damage, Frame, Frame, Frame]
    twice = data + data[len(cipher.header) : ends[0]]
    assert Damage(ends[-1], ends[-1]) in read(twice)
    assert read(cipher.header + data[ends[0] :])[0] == Damage(len(cipher.header), len(cipher.header))


def test_a_frame_is_of_its_file_and_its_key_alone() -> None:
    cipher, data, ends = written()
    other = Cipher.new(KEY)
    moved = other.header + data[len(cipher.header) :]
    assert payloads_in(read(moved)) == []
    assert payloads_in(read(data, bytes(32))) == []
    assert cipher.frame(0, 0, b"first") != other.frame(0, 0, b"first")
    assert b"the third" not in data
    assert ends[-1] == len(data)


def test_a_frame_written_again_after_a_failure_shares_no_nonce() -> None:
    cipher = Cipher.new(KEY)
    first, again = cipher.frame(0, 0, b"one thing"), cipher.frame(0, 1, b"another")
    assert payloads_in(read(cipher.header + again)) == [b"another"]
    assert payloads_in(read(cipher.header + first)) == [b"one thing"]
    assert first[28:36] != again[28:36]
