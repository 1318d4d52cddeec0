from pathlib import Path
from string import Formatter

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


ROOT = Path(__file__).parents[2]
FILES = sorted(ROOT.glob("*/locale/id/*.po"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_every_language_has_every_text_with_the_same_values_in_it(file: Path) -> None:
    folder = file.parents[1]
    texts = load(folder.parent, file.stem, sorted(path.name for path in folder.iterdir())).texts
    meant = {key: values_in(text) for key, text in texts["id"].items()}
    assert len(texts) >= 2
    for language, found in texts.items():
        assert {key: values_in(text) for key, text in found.items() if text} == meant, language


def values_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}
