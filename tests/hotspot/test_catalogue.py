from pathlib import Path

import pytest

from hotspot.catalogue import load
from hotspot.errors import ConfigError

HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'


def write(folder: Path, language: str, body: str) -> None:
    path = folder / "locale" / language / "pages.po"
    path.parent.mkdir(parents=True)
    path.write_text(HEAD + body, encoding="utf-8")


def test_texts_fall_back_to_indonesian_and_then_to_the_key(tmp_path: Path) -> None:
    write(tmp_path, "id", 'msgid "hello"\nmsgstr "Halo, {name}"\n\nmsgid "bye"\nmsgstr "Sampai jumpa – 100 %"\n')
    write(tmp_path, "en", 'msgid "hello"\nmsgstr "Hello, {name}"\n\nmsgid "bye"\nmsgstr ""\n')
    texts = load(tmp_path, "pages")
    assert texts.text("en", "hello", name="Siti") == "Hello, Siti"
    assert texts.text("id", "hello", name="Siti") == "Halo, Siti"
    assert texts.text("en", "bye") == "Sampai jumpa – 100 %"
    assert texts.text("fr", "bye") == "Sampai jumpa – 100 %"
    assert texts.text("en", "unknown.key") == "unknown.key"


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, "id", "")
    with pytest.raises(ConfigError, match=r"en/pages\.po cannot be read"):
        load(tmp_path, "pages")
    write(tmp_path, "en", "this is not gettext\n")
    with pytest.raises(ConfigError, match=r"is no \.po file"):
        load(tmp_path, "pages")
