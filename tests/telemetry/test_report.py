"""The pack: the same bytes every time, readable pages, and a check that finds every change."""

import hashlib
import io
import json
import os
import re
from pathlib import Path
from typing import Any, Final

import pytest
from babel.messages.pofile import read_po
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pypdf import PdfReader

from hotspot.catalogue import LANGUAGES
from hotspot.errors import ConfigError
from hotspot.people.identity import Keys
from telemetry.report.check import State, verify
from telemetry.report.numerals import Numerals
from telemetry.report.pack import (
    fingerprint,
    libraries,
    pack,
    public_pem,
    render,
    report_number,
    signing_key,
    unprintable,
    write,
)
from telemetry.report.words import report_texts
from telemetry.uptime.coverage import Inputs, cover

from .worlds import JAKARTA, SITES_TOML, november, utc

KEY = signing_key(Keys(bytes(32)))
TEXTS = report_texts()
PARTIAL = utc("2026-11-20 03:00")


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def test_the_same_inputs_are_the_same_bytes() -> None:
    first = pack(november(), TEXTS, KEY)
    assert pack(november(), TEXTS, KEY) == first
    again = Inputs.model_validate_json(first["inputs.json"])
    assert pack(again, TEXTS, KEY) == first


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_pdf_has_its_text(language: str) -> None:
    _, files = render(november(language=language, generated_at=PARTIAL), TEXTS)
    text = "\n".join(pages(files["laporan.pdf"]))
    keys = re.findall(r"\b(?:section|column|indicator|formula|method|cover|verdict|kind|map|tile)\.[a-z_]+", text)
    assert keys == []
    assert "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_lists_sites_that_have_not_been_open_yet(language: str) -> None:
    """At 00:05 on the 1st, where two schools open at six."""
    first = november(language=language, generated_at=utc("2026-10-31 17:05"), access_points={}, usage={})
    text = " ".join("\n".join(pages(render(first, TEXTS)[1]["laporan.pdf"])).split())
    for site in cover(first).sites:
        assert site.site.name in text
    assert text.count("TIDAK DAPAT DINILAI") >= 6


def test_the_pdf_tells_the_figures() -> None:
    _, files = render(november(), TEXTS)
    found = pages(files["laporan.pdf"])
    text = "\n".join(found)
    for expected in (
        "Laporan Cakupan dan Ketersediaan",
        "Diskominfo Kota Tangerang Selatan",
        "November 2026",
        "99,30",
        "LULUS",
        "GAGAL",
        "Rawa Mekar Jaya",
        "Bakti Jaya",
        "Penggantian sakelar",
        "Dicatat <setelah>",
        "belum berakhir",
        "Pengesahan",
        "1.904",
    ):
        assert expected in text, expected
    assert "SEMENTARA" not in text
    assert all(f"Halaman {number}" in page for number, page in enumerate(found, 1))


def test_an_open_period_says_so_everywhere() -> None:
    files = pack(november(generated_at=PARTIAL), TEXTS, KEY)
    assert all("SEMENTARA" in page for page in pages(files["laporan.pdf"]))
    properties = PdfReader(io.BytesIO(files["laporan.pdf"])).metadata
    assert properties is not None
    assert "SEMENTARA" in str(properties.title)
    assert b'"provisional": true' in files["manifest.json"]
    assert b'"status": "SEMENTARA"' in files["manifest.json"]


def test_the_font_is_embedded() -> None:
    _, files = render(november(), TEXTS)
    assert b"/FontFile2" in files["laporan.pdf"]


def test_a_city_without_sites_still_has_a_report() -> None:
    text = november().inventory
    inputs = november(inventory=text[: text.index("# -- gateways")], access_points={}, usage={})
    _, files = render(inputs, TEXTS)
    assert "Ringkasan indikator" in "\n".join(pages(files["laporan.pdf"]))


def test_texts_of_both_languages_take_the_same_values() -> None:
    folder = Path(__file__).parents[2] / "telemetry" / "locale"
    for domain in ("report", "dashboard"):
        shapes = []
        for language in LANGUAGES:
            with (folder / language / f"{domain}.po").open("rb") as file:
                texts = {str(m.id): str(m.string) for m in read_po(file, abort_invalid=True) if m.id}
            assert all(texts.values())
            shapes.append({key: sorted(re.findall(r"\{\w+\}", text)) for key, text in texts.items()})
        assert shapes[0] == shapes[1]


# -- the check -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, pack(november(), TEXTS, KEY))
    return tmp_path


def bad(folder: Path, trusted: str | None = None) -> list[str]:
    return [finding.subject for finding in verify(folder, TEXTS, trusted).findings if not finding.good]


def test_a_pack_holds(folder: Path) -> None:
    mark = fingerprint(public_pem(KEY.public_key()))
    assert bad(folder) == []
    assert bad(folder, mark) == []
    assert bad(folder, mark.upper()) == []


def test_every_changed_file_is_found(folder: Path) -> None:
    for name in ("laporan.pdf", "titik.csv", "titik.geojson"):
        path = folder / name
        original = path.read_bytes()
        path.write_bytes(original[:-1] + b"X")
        assert name in bad(folder)
        path.write_bytes(original)
    path = folder / "inputs.json"
    path.write_bytes(path.read_bytes().replace(b'"sessions": 8123', b'"sessions": 9123'))
    assert {"inputs.json", "rendered again: titik.csv", "rendered again: laporan.pdf"} <= set(bad(folder))


def test_a_changed_manifest_or_another_key_is_found(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"revision": 7', b'"revision": 8'))
    assert bad(folder) == ["manifest.sig"]
    write(folder, pack(november(), TEXTS, Ed25519PrivateKey.generate()))
    assert bad(folder, fingerprint(public_pem(KEY.public_key()))) == ["manifest.sig"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"files": {"../x": ""}, "public_key": "x"}', b"\xff"])
def test_what_is_no_pack_is_said(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ConfigError):
        verify(folder, TEXTS, None)


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig", "titik.csv", "inputs.json"])
@pytest.mark.parametrize("trap", ["fifo", "device", "loop", "huge", "deep"])
def test_no_file_of_a_pack_keeps_its_reader(folder: Path, name: str, trap: str) -> None:
    path = folder / name
    path.unlink()
    if trap == "fifo":
        os.mkfifo(path)
    elif trap == "huge":
        with path.open("wb") as file:
            file.truncate(300 << 20)
    elif trap == "deep":
        path.write_text("[" * 100_000)
    else:
        path.symlink_to("/dev/zero" if trap == "device" else path)
    if trap == "deep" and name != "manifest.json":
        assert not all(finding.good for finding in verify(folder, TEXTS, None).findings)
        return
    with pytest.raises(ConfigError, match=r"cannot be read|not JSON"):
        verify(folder, TEXTS, None)


def _signed_again(folder: Path, changes: dict[str, Any], contents: dict[str, bytes]) -> None:
    """The pack as another version made it: signed by the same key."""
    manifest = json.loads((folder / "manifest.json").read_bytes()) | changes
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        manifest["files"][name] = hashlib.sha256(content).hexdigest()
    content = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(content)
    (folder / "manifest.sig").write_bytes(KEY.sign(content))


OLDER: Final = {"software": "nirkabel 0.0.9", "libraries": {"babel": "2.16", "reportlab": "4.2"}}


def test_an_older_versions_pack_holds_by_its_data(folder: Path) -> None:
    mark = fingerprint(public_pem(KEY.public_key()))
    rows = (folder / "titik.csv").read_bytes().decode().split("\r\n")
    fewer = "\r\n".join(line.rpartition(",")[0] for line in rows)  # it had a column less
    _signed_again(folder, OLDER, {"laporan.pdf": b"%PDF by another version", "titik.csv": fewer.encode()})
    checked = verify(folder, TEXTS, mark)
    assert checked.verdict is State.HOLDS
    told = {finding.subject: finding for finding in checked.findings}
    assert told["rendered again: laporan.pdf"].state is State.OPEN
    assert "nirkabel 0.0.9" in told["rendered again: laporan.pdf"].detail
    assert "satuan_waktu" in told["rendered again: titik.csv"].detail


def test_another_figure_does_not_hold_whatever_version_made_it(folder: Path) -> None:
    mark = fingerprint(public_pem(KEY.public_key()))
    content = (folder / "titik.geojson").read_bytes()
    assert content.count(b'"jumlah_sesi": ') > 1
    forged = re.sub(rb'"jumlah_sesi": \d+', b'"jumlah_sesi": 99999', content, count=1)
    _signed_again(folder, OLDER, {"titik.geojson": forged})
    checked = verify(folder, TEXTS, mark)
    assert checked.verdict is State.BROKEN
    [broken] = [finding for finding in checked.findings if not finding.good]
    assert (broken.subject, "jumlah_sesi is 99999 in the pack" in broken.detail) == (
        "rendered again: titik.geojson",
        True,
    )


def test_without_a_key_a_pack_is_nobodys(folder: Path) -> None:
    stranger = Ed25519PrivateKey.generate()
    write(folder, pack(november(), TEXTS, stranger))
    checked = verify(folder, TEXTS, None)
    assert (checked.verdict, checked.signer) == (State.OPEN, fingerprint(public_pem(stranger.public_key())))


def test_inputs_of_another_shape_are_a_finding(folder: Path) -> None:
    (folder / "inputs.json").write_text('{"format": 2}')
    assert "rendered again: inputs.json" in bad(folder)


def test_nothing_is_left_beside_the_pack(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "inputs.json",
        "laporan.pdf",
        "manifest.json",
        "manifest.sig",
        "titik.csv",
        "titik.geojson",
    ]


def test_the_number_names_the_inputs() -> None:
    number = report_number(cover(november()))
    assert number.startswith("36.74/2026-11/")
    assert number != report_number(cover(november(revision=8)))


# -- numbers for people ----------------------------------------------------------------------------------------------


def test_numbers_are_written_as_the_reader_writes_them() -> None:
    indonesian, english = Numerals("id"), Numerals("en")
    assert indonesian.percent(9999) == "99,99"
    assert english.percent(9999) == "99.99"
    assert indonesian.percent(10000) == "100,00"
    assert indonesian.percent(None) == "–"
    assert indonesian.count(1234567) == "1.234.567"
    assert indonesian.gigabytes(1_032_345_678_901) == "1.032,35"
    assert indonesian.volume(1_530_000_000) == "1,5 GB"
    assert indonesian.duration(93784) == "1 hari 2 jam"
    assert indonesian.duration(0) == "0 dtk"
    assert english.duration(3600) == "1 h"
    assert indonesian.moment(utc("2026-11-21 18:05"), JAKARTA) == "22 Nov 2026 01.05"


def test_names_in_other_scripts_are_drawn_and_the_fonts_named() -> None:
    named = november(inventory=SITES_TOML.replace('name = "Taman Kota 1"', 'name = "ꦠꦩꦤ꧀ Kota☕ & 1"'))
    if unprintable(named):
        pytest.skip("fonts-noto-core and fonts-symbola are not there")
    assert {"NotoSansJavanese-Regular", "Symbola_hint"} <= libraries(named).keys()
    assert libraries(named).keys() - libraries(november()).keys() == {"NotoSansJavanese-Regular", "Symbola_hint"}
    assert render(named, TEXTS) == render(named, TEXTS)
    nowhere = november(inventory=SITES_TOML.replace('name = "Taman Kota 1"', 'name = "Taman \ue000"'))
    assert unprintable(nowhere) == "\ue000"
    assert render(nowhere, TEXTS)[1]["laporan.pdf"].startswith(b"%PDF")
