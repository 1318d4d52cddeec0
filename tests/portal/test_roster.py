"""Lists of members as spreadsheets and people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.methods.roster import MOST, Entry, read


def faults(text: str) -> list[str]:
    return [str(fault) for fault in sorted(read(text)[1])]


@pytest.mark.parametrize(
    "text",
    [
        "name,password\nDewi  Lestari,rahasia sekali\nbudi,\n",
        "Password;NAME\r\nrahasia sekali;Dewi Lestari\r\n;budi\r\n;\r\n",
        "sep=;\nname;password\nDewi Lestari;rahasia sekali\nbudi;\n",
        "sep=,\r\nname,password\r\nDewi Lestari,rahasia sekali\r\nbudi,\r\n",
        "name\tpassword\nDewi\u00a0Lestari\trahasia sekali\nbudi\t\n",
        "name, password\nDewi Lestari, rahasia sekali\nbudi, \n",
        'name, password\n"Dewi Lestari", "rahasia sekali"\nbudi, ""\n',
        "name,password,,\nDewi Lestari,rahasia sekali,,\nbudi,,,\n",
        "name;password;\nDewi Lestari;rahasia sekali\nbudi;;\n",
        "name,password\nＤｅｗｉ Lestari\u200b,rahasia sekali\nbudi,\n",
        '\n"name","password"\n\n" Dewi Lestari ","rahasia sekali"\nBUDI,""',
    ],
)
def test_spellings(text: str) -> None:
    entries, wrong = read(text)
    assert not wrong
    assert [(entry.name, entry.password) for entry in entries] == [("dewi lestari", "rahasia sekali"), ("budi", None)]


def test_names_alone() -> None:
    assert read("name\nsari\n\nwati\n")[0] == [Entry(2, "sari", None), Entry(4, "wati", None)]


def test_everything_that_is_wrong_at_once_and_where() -> None:
    text = f"name,password\nsari,short\n,rahasia sekali\nwati\nSARI,rahasia sekali\nbudi,{'x' * 129}\na\x07b,\n"
    assert faults(text) == [
        "line 2: password: must have at least 8 characters, at most 128",
        "line 3: name: must have 1 to 64 printable characters",
        "line 4: has 1 columns, the head has 2",
        "line 5: name: 'sari' stands on line 2 already",
        "line 6: password: must have at least 8 characters, at most 128",
        "line 7: name: must have 1 to 64 printable characters",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: name: this column is missing; the first line names the columns: name,password"),
        ("name,password\n", "there is nobody in it"),
        ("name,name\n", "line 1: name: is there twice"),
        ("name,email\nsari,x\n", "line 1: email: is no column; there are name and password"),
        ('name\n"sari\n', "this is no CSV: unexpected end of data"),
    ],
)
def test_what_is_no_list(text: str, fault: str) -> None:
    assert fault in faults(text)


def test_a_record_over_several_lines_counts_them() -> None:
    assert [str(fault) for fault in read('name\n"sa\nri"\n""\n"x",y\n')[1]] == [
        "line 5: has 2 columns, the head has 1",
    ]


def test_no_more_than_so_many() -> None:
    text = "name\n" + "".join(f"m{number}\n" for number in range(MOST + 1))
    assert faults(text) == [f"line {MOST + 2}: there are more than {MOST} members; import them in parts"]


@given(st.text())
def test_any_text_is_a_list_or_has_faults(text: str) -> None:
    entries, wrong = read(text)
    assert entries or wrong
