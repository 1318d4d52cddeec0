"""Names in any script on paper, with the fonts that Debian's packages bring."""

import io
import subprocess
from pathlib import Path

import pytest
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate

from hotspot.letters import PACKAGES, Piece, borrowed, marked, missing, pieces, placed

JAVANESE, ARABIC, EAST, EMOJI = "ꦠꦩꦤ꧀ꦏꦺꦴꦠ", "حديقة المدينة", "城市公园 도시 カフェ", "☕🌳📶"
NOWHERE = "\ue000"
"""A letter of nobody's (private use)."""


@pytest.fixture(autouse=True, scope="module")
def vera() -> None:
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
    if missing(JAVANESE + EAST + EMOJI, "Vera"):
        pytest.skip(f"{PACKAGES} are not there")


def fonts(text: str, font: str = "Vera") -> list[str | None]:
    return [piece.font for piece in pieces(text, font)]


@pytest.mark.parametrize(
    ("text", "font"),
    [
        (JAVANESE, "NotoSansJavanese-Regular"),
        (ARABIC, "NotoSansArabic-Regular"),
        ("ᮊᮧᮒ", "NotoSansSundanese-Regular"),
        ("ᬓᭀᬢ", "NotoSansBalinese-Regular"),
        ("城市公园도시", "wqy-microhei"),
        (EMOJI, "Symbola_hint"),
    ],
)
def test_every_script_has_a_font(text: str, font: str) -> None:
    for own in ("Vera", "Helvetica"):
        assert fonts(text, own) == [font]
        assert missing(text, own) == ""


def test_letters_of_ours_that_the_documents_font_lacks() -> None:
    assert fonts("Ǻỗ") in (["DejaVuSans"], ["NotoSans-Regular"])


def test_the_packages_are_the_same_wherever_they_are_named() -> None:
    root = Path(__file__).parents[2]
    assert PACKAGES in (root / "docs/operator.md").read_text(), "what an admin installs"
    listed = {line.split()[0] for line in (root / "tools/peers.txt").read_text().splitlines() if line[:1].isalpha()}
    assert set(PACKAGES.split()) <= listed, "what the tests meet"


def test_only_what_the_documents_font_lacks_is_borrowed() -> None:
    assert pieces("Taman Kota é", "Vera") == [Piece("Vera", "Taman Kota é")]
    assert marked("A & B <c>", "Vera") == "A &amp; B &lt;c&gt;"
    assert fonts(f"Taman {JAVANESE} 1") == ["Vera", "NotoSansJavanese-Regular", "Vera"]
    assert borrowed(["Taman Kota"], "Vera") == {}
    found = borrowed([f"Taman {JAVANESE}", EMOJI], "Vera")
    assert sorted(found) == ["NotoSansJavanese-Regular", "Symbola_hint"]
    assert all(len(digest) == 16 for digest in found.values())


def test_words_from_the_right_keep_their_order() -> None:
    [before, words, after] = pieces(f"Taman {ARABIC} 2", "Vera")
    assert (before.text, after.text) == ("Taman ", " 2")
    assert words.text == ARABIC.replace(" ", "\N{NO-BREAK SPACE}")


def test_marks_stay_with_their_letters_and_signs_without_a_shape_go() -> None:
    assert fonts("☕\ufe0f") == ["Symbola_hint"], "the sign for a coloured one"
    assert "".join(piece.text for piece in pieces("👨\u200d👩", "Vera")).replace("\u200d", "") == "👨👩"
    assert len(fonts(JAVANESE)) == 1


def test_a_letter_that_no_font_has_is_named_and_left_out() -> None:
    text = f"Taman {NOWHERE}{NOWHERE} 1"
    assert missing(text, "Vera") == NOWHERE
    assert marked(text, "Vera") == "Taman  1"
    runs, width = placed(text, "Vera", 10)
    assert "".join(run.text for run in runs) == "Taman  1"
    assert width == pytest.approx(pdfmetrics.stringWidth("Taman  1", "Vera", 10))


def test_a_word_of_two_fonts_is_drawn_with_both() -> None:
    """reportlab shapes a word with the font of its first letter: all of it that the font lacks would be a box."""
    for text in (f"Kota{EMOJI}x", f"{JAVANESE}{EAST}", f"{EMOJI}Kota"):
        markup = marked(text, "Vera").replace('<font size="0.5"> </font>', " ").replace("<font name", "<font-name")
        words = markup.split()
        assert all(word.count("<font") <= 1 for word in words)
        assert all("<font" not in word or word.startswith("<font") for word in words)


def test_paper_has_the_letters(tmp_path: Path) -> None:
    """As a PDF reader finds them; the letters of Java and Arabia stand there as they are joined."""
    style = ParagraphStyle("x", fontName="Vera", shaping=1)
    SimpleDocTemplate(str(tmp_path / "a.pdf"), invariant=1).build(
        [Paragraph(marked(f"Taman {EAST} {JAVANESE}", "Vera"), style)]
    )
    out = io.BytesIO()
    canvas = Canvas(out, invariant=1)
    for run in placed(f"Taman {EAST} {JAVANESE}", "Helvetica", 10)[0]:
        canvas.setFont(run.font, 10)
        canvas.drawString(50 + run.left, 700, run.text)
    canvas.save()
    (tmp_path / "b.pdf").write_bytes(out.getvalue())
    for name in ("a.pdf", "b.pdf"):
        read = ["pdftotext", "-layout", str(tmp_path / name), "-"]
        text = subprocess.run(read, capture_output=True, text=True, check=True).stdout
        assert "Taman" in text
        assert "城市公园" in text
        assert "도시" in text
        assert "カフェ" in text
        assert "ꦠꦩ" in text
        assert "?" not in text
