import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot.errors import RequestError
from hotspot.people import voucher
from hotspot.people.voucher import ALPHABET, VoucherState


def test_codes_are_read_as_people_write_them() -> None:
    code = voucher.new_code()
    printed = voucher.format_code(code)
    assert len(printed.replace("-", "")) == 11
    for typed in (code, printed, printed.lower(), f"  {printed} ", printed.replace("0", "o").replace("1", "l")):
        assert voucher.parse_code(typed) == code


FULL_WIDTH = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
JAVANESE = str.maketrans("0123456789", "꧐꧑꧒꧓꧔꧕꧖꧗꧘꧙")


@pytest.mark.parametrize(
    "between", ["\u2013", "\u2014", "\u2011", "\u2212", "\u00a0", "\u202f", "\t", ".", "_", " - ", "\u200b"]
)
def test_what_parts_a_codes_groups_may_be_anything(between: str) -> None:
    code = voucher.new_code()
    assert voucher.parse_code(between.join((code[:4], code[4:8], code[8:]))) == code


@pytest.mark.parametrize("keyboard", [FULL_WIDTH, ARABIC, PERSIAN, JAVANESE])
def test_digits_and_letters_of_any_keyboard(keyboard: dict[int, str]) -> None:
    code = next(one for one in (voucher.new_code() for _ in range(999)) if any(c.isdigit() for c in one))
    assert voucher.parse_code(f"\ufeff{voucher.format_code(code).translate(keyboard)}\u200d") == code


@pytest.mark.parametrize(
    "link",
    [
        "https://wifi.example.go.id/v/{}",
        "HTTPS://WIFI.EXAMPLE.GO.ID/V/{}",
        "wifi.example.go.id/v/{}?lang=en",
        " http://x/v/{}#a",
    ],
)
def test_the_link_of_a_card_is_its_code(link: str) -> None:
    code = voucher.new_code()
    assert voucher.parse_code(link.format(code)) == code
    assert voucher.parse_code(link.format(voucher.format_code(code))) == code


@given(st.integers(0, 10), st.integers(0, 31))
def test_every_single_wrong_symbol_is_noticed(position: int, symbol: int) -> None:
    good = voucher.new_code()
    if good[position] == ALPHABET[symbol]:
        return
    with pytest.raises(RequestError, match="voucher-mistyped"):
        voucher.parse_code(good[:position] + ALPHABET[symbol] + good[position + 1 :])


def test_swapped_neighbours_are_noticed() -> None:
    missed = 0
    for _ in range(200):
        code = voucher.new_code()
        for i in range(9):
            swapped = code[:i] + code[i + 1] + code[i] + code[i + 2 :]
            if swapped != code:
                try:
                    voucher.parse_code(swapped)
                    missed += 1
                except RequestError:
                    pass
    assert missed == 0


@given(st.text(max_size=30))
def test_any_text_is_a_code_or_mistyped(text: str) -> None:
    try:
        assert len(voucher.parse_code(text)) == 11
    except RequestError as error:
        assert error.code == "voucher-mistyped"


def test_states() -> None:
    def at(now: int, used_at: int | None = None, revoked_at: int | None = None) -> VoucherState:
        return voucher.state(now, used_at=used_at, expires_at=1000, valid=500, revoked_at=revoked_at)

    assert at(999) is VoucherState.NEW
    assert at(1000) is VoucherState.EXPIRED
    assert at(1400, used_at=999) is VoucherState.ACTIVE
    assert at(1499, used_at=999) is VoucherState.USED_UP
    assert at(10, revoked_at=5) is VoucherState.REVOKED
