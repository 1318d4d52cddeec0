"""Every refusal has its words, in both languages."""

import re
from pathlib import Path

import pytest

import radius
from hotspot.admission.grant import Reason
from hotspot.catalogue import LANGUAGES, load

HERE = Path(radius.__file__).parent
SOURCES = [
    HERE / "access.py",
    HERE / "members.py",
    HERE / "service.py",
    HERE.parent / "hotspot/store/stays/redemption.py",
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_has_its_text(language: str) -> None:
    codes = {
        code for path in SOURCES for code in re.findall(r'(?:Refusal|Refused|Spent)\("([a-z-]+)"', path.read_text())
    }
    assert {"unknown-user", "ticket-spent", "member-wrong", "too-many-attempts"} <= codes
    codes |= {"unknown-device", "no-plan", "denied.blocked-until", *(f"denied.{reason}" for reason in Reason)}
    texts = load(HERE, "radius").texts[language]
    assert codes - texts.keys() == set()
    assert all(0 < len(text.encode()) <= 250 for text in texts.values())
    assert len(set(texts.values())) == len(texts), "each its own"
