"""Every text of a finding is there in Korean, and a missing one is English instead of nothing."""

from __future__ import annotations

import functools
import re
import string
import warnings
from pathlib import Path

import polib
import pytest

from backup_preflight import lang
from backup_preflight.causes import CAUSES
from selftests.checks.case import ADVICE, FAIL, UNDETERMINED, Case
from selftests.checks.test_cases import CASES
from selftests.lang.texts import texts, update

LANGUAGES = lang.LANGUAGES[1:]
HANGUL = re.compile("[가-힣]")
MEND = "run `make docs`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_file_has_the_texts_of_the_code(language: str) -> None:
    """After a change: make docs."""
    path = lang.catalogue_path(language)
    there = {(entry.msgid, entry.msgid_plural) for entry in polib.pofile(str(path))}
    assert not (missing := texts().keys() - there), f"not in {path}: {sorted(missing)}: {MEND}"
    assert not (gone := there - texts().keys()), f"{path} has texts that the code has not: {sorted(gone)}: {MEND}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_not_translated_is_listed(language: str) -> None:
    """It does not fail: who adds a check need not speak the language."""
    if left := _untranslated(language):
        warnings.warn(f"shown in English with --lang {language}: {sorted(left)}", UserWarning, stacklevel=1)


@functools.cache
def _untranslated(language: str) -> set[str]:
    return {entry.msgid for entry in polib.pofile(str(lang.catalogue_path(language))) if not entry.translated()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_places_commands_and_links_of_its_text(language: str) -> None:
    for entry in polib.pofile(str(lang.catalogue_path(language))):
        for said in [entry.msgstr] if entry.msgstr else entry.msgstr_plural.values():
            kept = _unchanging(entry.msgid)
            assert kept == _unchanging(said) or not said, (entry.msgid, said)


def _unchanging(text: str) -> set[str]:
    """What no language changes: places for values, ids of checks, addresses, paths, options."""
    places = {f"{{{name}}}" for _, name, _, _ in string.Formatter().parse(text) if name} if "{" in text else set()
    patterns = (
        r"\b(?:LIN|WIN|NET|DSK|CP)-\d\d",
        r"https://[\w./?=#-]*[\w/]",
        r"(?<![\w<])/(?:etc|var|usr|proc|dev)/[\w./*-]*[\w*]",
        r"--[a-z-]+",
    )
    return places.union(*(re.findall(pattern, text, re.ASCII) for pattern in patterns))


@pytest.mark.usefixtures("korean")
@pytest.mark.parametrize("case", [case for case in CASES if case.verdict in {FAIL, ADVICE, UNDETERMINED}], ids=lambda case: case.check_id)
def test_a_finding_is_korean(case: Case) -> None:
    """All of it but what was found, the commands and the links, on whatever way the check comes to it."""
    result = case.result()
    said = {result.problem, result.wanted, result.cause, result.fix, result.remedy} - _untranslated("ko")
    assert not [text for text in said if text and not HANGUL.search(text)]


def test_only_the_words_change() -> None:
    """Ids, verdicts, commands and what was found are the same in every language."""
    case = next(case for case in CASES if case.check_id == "LIN-02" and case.verdict == FAIL)
    english = case.result()
    lang.use("ko")
    try:
        korean = case.result()
    finally:
        lang.use("en")
    same = ("target", "check", "verdict", "causes", "level", "found", "commands", "link", "page_date")
    assert [getattr(korean, name) for name in same] == [getattr(english, name) for name in same]
    assert korean.problem != english.problem


@pytest.mark.usefixtures("korean")
def test_what_is_not_translated_is_english() -> None:
    assert lang.tr("nobody has translated {what}", what="this") == "nobody has translated this"
    assert lang.trn("{number} stone", "{number} stones", 2) == "2 stones"
    assert lang.tr("") == ""


def test_every_cause_has_a_korean_name() -> None:
    assert not [cause.id for cause in CAUSES if not HANGUL.search(cause.title_ko)]


def test_a_new_text_is_added_and_what_is_translated_stays(tmp_path: Path) -> None:
    """What `make docs` does with a check that has no Korean yet."""
    path = tmp_path / "ko/LC_MESSAGES/preflight.po"
    path.parent.mkdir(parents=True)
    old = polib.POFile()
    old.append(polib.POEntry(msgid="the clock is wrong", msgstr="시계가 맞지 않습니다"))
    old.append(polib.POEntry(msgid="a text that is gone", msgstr="없어진 문장"))
    old.save(str(path))
    new = {entry.msgid: entry.msgstr for entry in update(path)}
    assert new["the clock is wrong"] == "시계가 맞지 않습니다"
    assert new["the clock is off"] == ""
    assert "a text that is gone" not in new
