"""A large text, parsed piece by piece, is what the parser makes of it whole."""

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from hotspot.city.inventory import load, trusted
from hotspot.entry import pieces
from tests.bench.revision.__main__ import more_of
from tests.node import EXAMPLE

LARGE = more_of(EXAMPLE.read_text(encoding="utf-8"), 300)
FILLER = "# " + "x" * 20_000 + "\n"


def test_a_large_city() -> None:
    assert len(pieces._pieces(LARGE)) > 3
    assert pieces.loads(LARGE) == tomli.loads(LARGE)
    assert trusted(LARGE) == load(LARGE)


@pytest.mark.parametrize(
    "text",
    [
        f'[[site]]\nid = "a"\n{FILLER}[[gateway]]\nid = "g"\n[[site.ap]]\nid = "late"\n',
        f'[[site]]\nid = "a"\n{FILLER}[[gateway]]\nid = "g"\n{FILLER}[[gateway]]\n[[site.ap]]\nid = "late"\n',
        f'[[site]]\nid = """\n{FILLER}\n[[site]]\n{FILLER}\n[[site]]\n"""\n[[site]]\nid = "b"\n',
        f'[[site]]\nid = "a"\n{FILLER}[[site]]\nid = "b"\n[plans.umum]\nname = "x"\n{FILLER}[[site]]\n[plans.guru]\n',
        f'[plans]\na = 1\n{FILLER}[[site]]\n{FILLER}[[gateway]]\n[regions]\na = "x"\n{FILLER}[[site]]\n[regions.b]\n',
    ],
)
def test_what_cannot_be_parted_is_parsed_whole(text: str) -> None:
    assert pieces.loads(text) == tomli.loads(text)


@pytest.mark.parametrize("text", [f"[[site]]\n{FILLER}[[site]]\nid = \n", f"[site]\n{FILLER}[[site]]\n", FILLER + "["])
def test_a_fault_is_told_of_the_whole_text(text: str) -> None:
    with pytest.raises(tomli.TOMLDecodeError) as whole:
        tomli.loads(text)
    with pytest.raises(tomli.TOMLDecodeError) as parted:
        pieces.loads(text)
    assert str(parted.value) == str(whole.value)


PARTS = [
    "[[site]]",
    "[[gateway]]",
    "[[site.ap]]",
    "[plans.a]",
    "[plans]",
    'a = """',
    '"""',
    "a = 1",
    "b = [",
    "]",
    FILLER,
]


@given(st.lists(st.sampled_from(PARTS), max_size=12))
def test_any_text_that_is_toml(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        whole = tomli.loads(text)
    except tomli.TOMLDecodeError:
        return
    assert pieces.loads(text) == whole
