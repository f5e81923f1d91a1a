"""The words of the page: every language has all of them, with the same names to fill in, and no stranger in between."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.config.options import STATIC

FOLDER = STATIC / "i18n"
LINE = re.compile(r"^  '([^']+)': '(.*)',$", re.MULTILINE)
LANGUAGES = ("de", "fr", "es", "pt-BR", "pl", "ja", "ar")
SCRIPTS = {"ja": r"[\u3040-\u30ff\u4e00-\u9fff]", "ar": r"[\u0600-\u06ff]"}
ALIKE = 0.12
"""Share of the words that may be the English ones: names, units, and what is the same in both."""

SHORT = 2  # words


def words(code: str) -> dict[str, str]:
    text = (FOLDER / f"strings.{code}.js").read_text("utf-8")
    found = LINE.findall(text)
    assert len(found) == text.count("\n  '")  # each has a line of its own
    assert len(dict(found)) == len(found)  # and none is there twice
    return dict(found)


ENGLISH = words("en")


def test_there_are_these_languages_and_all_can_be_chosen() -> None:
    assert {path.name for path in FOLDER.glob("strings.*.js")} == {
        f"strings.{code}.js" for code in ("en", *LANGUAGES)
    }
    offered = Path(FOLDER / "strings.js").read_text("utf-8")
    assert all(f"import('./strings.{code}.js')" in offered for code in LANGUAGES)


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_word_is_missing_or_left_in_english(code: str) -> None:
    translated = words(code)
    assert translated.keys() == ENGLISH.keys()
    for key, english in ENGLISH.items():
        assert translated[key].strip(), key
        assert set(re.findall(r"\{\w+\}", translated[key])) == set(re.findall(r"\{\w+\}", english)), key
    same = [key for key, english in ENGLISH.items() if translated[key] == english]
    assert len(same) < ALIKE * len(ENGLISH), same
    if code in SCRIPTS:
        sentences = [key for key, english in ENGLISH.items() if english.endswith(".")]
        assert [key for key in sentences if not re.search(SCRIPTS[code], translated[key])] == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_is_the_same_in_english_is_the_same_in_translation(code: str) -> None:
    """Sentences: single words may be short for a button; of a camera and a microphone one may be feminine."""
    translated, said = words(code), dict[str, set[str]]()
    for key, english in ENGLISH.items():
        if len(english.split()) > SHORT and not key.startswith("problem."):
            said.setdefault(english, set()).add(translated[key])
    assert [english for english, ways in said.items() if len(ways) > 1] == []


@pytest.mark.parametrize(("code", "wrong"), [("fr", r" [:;?!»]|« "), ("de", r"\w…|\w\.\.\.")])
def test_spaces_around_marks_are_those_of_the_language(code: str, wrong: str) -> None:
    """French marks stay on the line of the word before; a German ellipsis stands for whole words."""
    assert [text for text in words(code).values() if re.search(wrong, text)] == []
