"""docs/proof.md: what was broken, what the suite said, and what mended it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from backup_preflight.checks import catalogue
from lab.faults import UNREACHABLE
from lab.images.recipe import RECIPES
from lab.prove import Outcome

_MARKS = {"fail": "F", "advice": "a", "undetermined": "?", UNREACHABLE: "U"}

_HEAD = """\
# Proof

Written by `make prove`: do not edit. Each row is a guest of the [lab](lab.md). On it the suite was run three times over SSH, as a
user who may use sudo: healthy (nothing found), broken, and repaired (nothing found again). The repair is what the finding prints,
run word for word; where no command in the guest is the fix, the row says who repairs, and the lab does what they would do.
After the repair the agent had to report itself and its extensions as ready to the fabric. A guest in which nothing is found any
more, and in which the repair has left nothing, serves for another fault; that reading is then the first of its three.
"""


def write_proof(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the page."""
    causes = sum(bool(outcome.fault.expect) for outcome in outcomes)
    found = sum(bool(outcome.fault.expect) and not outcome.problems for outcome in outcomes)
    false = sum(len(outcome.false_causes) for outcome in outcomes)
    summary = f"{len(outcomes)} guests: {found} of {causes} faults found, {len(outcomes) - causes} controls, {false} false causes.\n"
    if again := [outcome.fault.name for outcome in outcomes if outcome.tries > 1]:
        summary += f"\nProven in a second try, with few others beside: {', '.join(again)}.\n"
    parts = [
        _HEAD,
        summary,
        "## Faults\n",
        "\n".join(_table(outcomes)),
        "",
        "## Fault x check\n",
        _LEGEND,
        *_matrix(outcomes),
        "",
        "## Guests\n",
    ]
    used = {outcome.fault.image for outcome in outcomes}
    parts += [f"- `{name}`: {recipe.label}" for name, recipe in RECIPES.items() if name in used]
    path.write_text("\n".join(parts) + "\n")


_LEGEND = "`F` fails, `a` advises, `?` could not be seen, `U` unreachable, `.` met or not applicable.\n"


def _table(outcomes: Iterable[Outcome]) -> Iterable[str]:
    yield "| fault | what is wrong | found | in 2017 | repaired by |"
    yield "|---|---|---|---|---|"
    for outcome in outcomes:
        fault = outcome.fault
        found = ", ".join(f"{id_} {verdict}" for id_, verdict in outcome.found.items()) or "nothing"
        in_2017 = (
            "" if fault.expect_2017 is None else ", ".join(f"{id_} {verdict}" for id_, verdict in fault.expect_2017.items()) or "nothing"
        )
        repaired = fault.repaired_by or (f"{len(outcome.commands)} printed commands" if outcome.commands else "nothing to repair")
        says = fault.says.replace("|", "\\|")
        yield f"| {fault.name} | {says} | {found} | {in_2017} | {repaired} |"


def _matrix(outcomes: Sequence[Outcome]) -> Iterable[str]:
    columns = [*catalogue(), "CONNECTION"]
    used = [id_ for id_ in columns if any(id_ in outcome.found for outcome in outcomes)]
    width = max(len(outcome.fault.name) for outcome in outcomes)
    yield "```"
    for line in range(max(map(len, used), default=0)):
        yield f"{'':{width}}  {' '.join(id_[line] if line < len(id_) else ' ' for id_ in used)}".rstrip()
    for outcome in outcomes:
        cells = " ".join(_MARKS[outcome.found[id_]] if id_ in outcome.found else "." for id_ in used)
        yield f"{outcome.fault.name:{width}}  {cells}"
    yield "```"
