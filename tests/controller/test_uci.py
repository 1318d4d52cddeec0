"""The UCI reader: libuci's grammar, and that whatever is written is read back. libuci is in no Debian package."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.posix.uci import Section, Value, parse, quoted
from hotspot.errors import ConfigError

NAMES = st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
OPTIONS = st.dictionaries(NAMES, st.one_of(VALUES, st.lists(VALUES, min_size=1, max_size=3).map(tuple)), max_size=5)


def written(sections: list[tuple[str, str | None, dict[str, Value]]]) -> str:
    text = ""
    for kind, name, options in sections:
        text += f"config {kind}{f' {quoted(name)}' if name else ''}\n"
        for key, value in options.items():
            if isinstance(value, str):
                text += f"\toption {key} {quoted(value)}\n"
            else:
                text += "".join(f"\tlist {key} {quoted(one)}\n" for one in value)
        text += "\n"
    return text


SECTIONS = st.lists(
    st.tuples(NAMES, st.one_of(st.none(), NAMES), OPTIONS), max_size=4, unique_by=lambda one: one[1] or object()
)


@given(SECTIONS)
def test_whatever_is_written_is_read_back(sections: list[tuple[str, str | None, dict[str, Value]]]) -> None:
    assert parse(written(sections)) == tuple(Section(*one) for one in sections)


@given(VALUES)
def test_a_shell_reads_a_value_as_uci_does(value: str) -> None:
    """OpenWrt's init scripts get their values by way of a shell."""
    assert shlex.split(quoted(value)) == [value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("'a b'", "a b"),
        ('"a b"', "a b"),
        ("'it'\\''s'", "it's"),
        ('"it\'s"', "it's"),
        ('"a \\"b\\" \\c"', 'a "b" c'),
        ("a\\ b", "a b"),
        ("'a\\b'", "a\\b"),
        ("a'b c'd", "ab cd"),
        ("'a#b' # said", "a#b"),
        ("a#b", "a"),
        ("'two\nlines'", "two\nlines"),
        ("'a'\\\n'b'", "ab"),
        ("'☕ é'", "☕ é"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_quoting(text: str, value: str) -> None:
    assert parse(f"config x 'y'\n\toption z {text}\n")[0].options == {"z": value}


def test_a_file_with_comments_lists_and_unnamed_sections() -> None:
    text = "# head\nconfig a\n\tlist l '1'\n\tlist l '2'\n\n   # in between\nconfig 'b' 'name'\r\n\toption o 'v'\r\n"
    assert parse(text) == (Section("a", None, {"l": ("1", "2")}), Section("b", "name", {"o": "v"}))
    assert parse("") == parse("\n# nothing\n") == ()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("option x 'y'", 1, "before the first section"),
        ("config a\n\toption x 'y", 2, "' is not closed"),
        ("config a\n\toption x 'it's'\n", 2, "' is not closed"),
        ("config a\n\toption x y z\n", 2, "no command"),
        ("config a\n\toption x\n", 2, "no command"),
        ("config a\n\toption x ''\n", 2, "x is empty"),
        ("config a\n\toption x-y z\n", 2, "option's name"),
        ("config a b-c\n", 1, "section's name"),
        ("config a b c\n", 1, "no command"),
        ("config a b\n\nconfig c b\n", 3, "section 'b' stands twice"),
        ("config a\n\toption x 1\n\toption x 2\n", 3, "x stands twice"),
        ("config a\n\toption x 1\n\tlist x 2\n", 3, "an option and a list"),
        ("config a\n\toption x 1; option y 2\n", 2, "unquoted ';'"),
        ("config a\n\toption x 'a\nb'\n\tnonsense\n", 4, "no command"),
        ("config \x00", 0, "NUL"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert [fault.line for fault in caught.value.faults] == [line]
    assert words in str(caught.value)


@given(st.text(st.sampled_from("config option list a'\"\\#;\n\t é"), max_size=60))
def test_any_text_is_sections_or_a_fault(text: str) -> None:
    try:
        parse(text)
    except ConfigError as error:
        assert all(fault.line >= 0 for fault in error.faults)


@pytest.mark.parametrize("value", ["", "two\nlines", "a\tb", "a\0b", "\x7f"])
def test_what_uci_would_not_keep_is_not_written(value: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a value"):
        quoted(value)
