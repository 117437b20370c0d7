"""The language of what people read. English text is the key; locale/*/LC_MESSAGES/preflight.po holds what it is in another language.

Commands, ids, verdicts in JSON and what was found on a VM stay as they are, and what has no translation stays English. LANG and
LC_ALL do not count: the output of a gate must not depend on the machine it runs on.
"""

from __future__ import annotations

import gettext
import io
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ko")
LOCALE = Path(__file__).with_name("locale")


class _Current:
    """The language of this process: one run has one."""

    language = "en"
    texts = gettext.NullTranslations()


def use(language: str) -> None:
    """From now on, speak this one of LANGUAGES."""
    if language != _Current.language:
        _Current.language, _Current.texts = language, _load(language)


def language() -> str:
    """The language in use, one of LANGUAGES."""
    return _Current.language


def tr(text: str, **values: object) -> str:
    """The text in the language in use, with the values at their ``{names}``. Without values braces mean nothing."""
    said = _Current.texts.gettext(text) if text else ""
    return said.format(**values) if values else said


def trn(one: str, many: str, number: int, **values: object) -> str:
    """Like ``tr``, in the form for this number, which is a value named ``number``."""
    return _Current.texts.ngettext(one, many, number).format(number=number, **values)


def sentences(*parts: str) -> str:
    """Each part in the language in use, one behind the other; empty ones are left out."""
    return " ".join(tr(part) for part in parts if part)


def mark(text: str) -> str:
    """The text itself: it is kept in a table, and goes through ``tr`` where it is shown."""
    return text


def catalogue_path(language: str) -> Path:
    """Where the translations of a language are."""
    return LOCALE / language / "LC_MESSAGES/preflight.po"


@cache
def _load(language: str) -> gettext.NullTranslations:
    """The translations. Read as they are written, so that there is no binary to build, and none to be stale."""
    if language == "en":
        return gettext.NullTranslations()
    import polib

    return gettext.GNUTranslations(io.BytesIO(polib.pofile(str(catalogue_path(language))).to_binary()))
