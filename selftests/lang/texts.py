"""Every text that people read, found in the code; and the files of translations, brought up to date with them.

``python -m selftests.lang.texts`` adds new texts to each file with no translation (which is then for somebody who speaks the
language), and takes out those that the code no longer has.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import jinja2
import polib
from jinja2.ext import extract_from_ast

from backup_preflight.causes import ERRORS
from backup_preflight.checks import PACKAGES, Level, Needs, catalogue
from backup_preflight.errors import Problem
from backup_preflight.lang import LANGUAGES, catalogue_path
from backup_preflight.report.summary import State
from backup_preflight.verdict import Verdict

_ROOT = Path(__file__).parents[2]
_CALLS = {"tr": 1, "trn": 2, "mark": 1, "sentences": 99, "not_applicable": 1, "Part": 1, "_part": 1}
"""Function → how many of its first arguments are texts."""

_KEYWORDS = {"fix", "problem", "remedy"}
"""Arguments, and names of variables, whose texts are translated where the finding is made."""

_REMEDIED = {"ConnectionProblem", "NotObserved"}
"""Their third argument is a remedy."""

Text = tuple[str, str]
"""A text, and its plural where it has one."""


def texts() -> dict[Text, str]:
    """Each text → the file it stands in."""
    found: dict[Text, str] = {}
    for check in catalogue().values():
        where = check.function.__module__.replace(".", "/") + ".py"
        for text in (check.title, check.problem, check.fix, check.reads):
            found.setdefault((text, ""), where)
    for module in _modules():
        where = str(Path(module.__file__ or "").relative_to(_ROOT))
        for text in _in_module(module):
            found.setdefault(text, where)
    for text in _in_templates():
        found.setdefault(text, "backup_preflight/report/html/page.html.jinja")
    for words, where in (
        ((error.portal for error in ERRORS), "backup_preflight/causes.py"),
        ((need.value for need in Needs), "backup_preflight/checks.py"),
        ((problem.value for problem in Problem), "backup_preflight/errors.py"),
        ((level.value for level in Level), "backup_preflight/checks.py"),
        ((verdict.value for verdict in Verdict), "backup_preflight/verdict.py"),
        ((state.value for state in State), "backup_preflight/report/summary.py"),
    ):
        for word in filter(None, words):
            found.setdefault((word, ""), where)
    return found


def _modules() -> Iterator[ModuleType]:
    for package in ("backup_preflight", *PACKAGES):
        path = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}."):
            yield importlib.import_module(module.name)


def _in_module(module: ModuleType) -> Iterator[Text]:
    for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            said = [text for argument in node.args[: _CALLS.get(name, 0)] if (text := _value(argument, module))]
            if name == "trn" and len(said) == 2:
                yield said[0], said[1]
            else:
                yield from ((text, "") for text in said)
            if name in _REMEDIED and len(node.args) == 3 and (text := _value(node.args[2], module)):
                yield text, ""
        yield from ((text, "") for value in _named(node) if (text := _value(value, module)))


def _in_templates() -> Iterator[Text]:
    environment = jinja2.Environment(autoescape=True)
    for path in sorted((_ROOT / "backup_preflight/report/html").glob("*.jinja")):
        tree = environment.parse(path.read_text(encoding="utf-8"))
        for _, name, said in extract_from_ast(tree, ("tr", "trn", "part"), babel_style=False):
            yield said[0] or "", (said[1] or "") if name == "trn" else ""


def _named(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.keyword) and node.arg in _KEYWORDS:
        yield node.value
    if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id in _KEYWORDS for target in node.targets):
        yield node.value


def _value(node: ast.expr, module: ModuleType) -> str:
    """The text of an expression, where it is the same on every VM; else nothing."""
    if not isinstance(node, ast.Constant | ast.JoinedStr | ast.Name | ast.IfExp):
        return ""
    if isinstance(node, ast.IfExp):
        return _value(node.body, module)
    try:
        value = eval(compile(ast.Expression(node), "", "eval"), vars(module))
    except Exception:  # noqa: BLE001  (it has a value of the VM in it)
        return ""
    return value if isinstance(value, str) else ""


def update(path: Path) -> polib.POFile:
    """The file at ``path`` with exactly the texts of the code, in the order of the code; what is translated stays so."""
    known = {(entry.msgid, entry.msgid_plural): entry for entry in polib.pofile(str(path))} if path.exists() else {}
    file = polib.POFile(wrapwidth=140)
    file.metadata = {
        "Language": path.parents[1].name,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    for (text, plural), where in texts().items():
        old = known.get((text, plural))
        entry = polib.POEntry(msgid=text, msgid_plural=plural, occurrences=[(where, "")])
        if plural:
            entry.msgstr_plural = old.msgstr_plural if old else {0: ""}
        else:
            entry.msgstr = old.msgstr if old else ""
        file.append(entry)
    return file


if __name__ == "__main__":
    for language in LANGUAGES[1:]:
        update(catalogue_path(language)).save(str(catalogue_path(language)))
