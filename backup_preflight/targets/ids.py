"""Target ids: unique, stable, without a secret, of characters that every report format takes."""

from __future__ import annotations

import urllib.parse
from collections import defaultdict

from backup_preflight.targets.spec import SSH_SCHEMES, Spec

_SAFE = "._:@/%+[]-"
_LONGEST = 200  # a recording may claim any name


def assign(specs: list[Spec]) -> list[str]:
    """One id for each; a host is told by its name alone unless another entry has the same one."""
    ids = [""] * len(specs)
    groups: dict[str, list[int]] = defaultdict(list)
    forms = [_forms(spec) for spec in specs]
    for index, form in enumerate(forms):
        groups[form[0]].append(index)
    for members in groups.values():
        for level in range(len(forms[members[0]])):
            candidates = [forms[index][min(level, len(forms[index]) - 1)] for index in members]
            if len(set(candidates)) == len(members):
                break
        for number, (index, candidate) in enumerate(zip(members, candidates, strict=True), 1):
            ids[index] = candidate if candidates.count(candidate) == 1 else f"{candidate}+{number}"
    return ids


def clean(text: str) -> str:
    """The text with every character that an id may not have percent-encoded."""
    return urllib.parse.quote(text, safe=_SAFE)


def _forms(spec: Spec) -> list[str]:
    """Ways to write the id, the shortest first."""
    if spec.scheme == "local" and not spec.label:
        return ["local"]
    name = clean(spec.label or spec.name)
    if spec.scheme == "recorded":
        if name.startswith("::"):
            name = name.replace(":", "%3A")  # what a recording claims must be no command to the CI that reads along
        return [name[:_LONGEST], f"recorded://{clean(spec.name)}"]
    if spec.scheme not in (*SSH_SCHEMES, "winrm", "local"):
        user = f"{clean(spec.user)}@" if spec.user else ""
        return [f"{spec.scheme}://{user}{name}"]
    host = f"[{name}]" if ":" in name else name
    user = f"{clean(spec.user)}@" if spec.user else ""
    port = f":{spec.port or (spec.winrm.port if spec.scheme == 'winrm' else 22)}"
    return [name, f"{host}{port}", f"{user}{host}", f"{user}{host}{port}", f"{spec.scheme}://{user}{host}{port}"]
