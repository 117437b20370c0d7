"""What the guest's own firewall does with the agent's traffic: a new TCP connection of root's to the wire server.

Only what can be decided from a rule's text counts. Of a rule with a match we do not know, an accept is taken as matching and
everything else as not matching, because a wrong accusation is worse than a missed one: whether the traffic passes is measured by
NET-01 and NET-02.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from backup_preflight.facts.network import Block
from backup_preflight.facts.observation import is_number, json_value, quoted

WIRESERVER = ipaddress.ip_address("168.63.129.16")


def iptables_block(saved: str, port: int) -> Block | None:
    """The first rule or policy in ``iptables-save`` output that stops root's connection to that port; None when none does."""
    for table, chains, policies in _iptables_tables(saved):
        rule = _walk_iptables(chains, "OUTPUT", port, set())
        if rule and _target(rule) in {"DROP", "REJECT"}:
            return Block(f"iptables table {table}: {rule}", f"sudo iptables -t {table} {quoted(rule).replace('-A ', '-D ', 1)}")
        if rule is None and policies.get("OUTPUT") == "DROP":
            allow = f"sudo iptables -t {table} -I OUTPUT -d {WIRESERVER} -p tcp --dport {port} -j ACCEPT"
            return Block(f"iptables table {table}: the policy of OUTPUT is DROP", allow)
    return None


def iptables_tables(saved: str) -> set[str]:
    """Names of the tables in ``iptables-save`` output: nft lists the same ones again when iptables runs on nft."""
    return set(re.findall(r"(?m)^\*(\w+)", saved))


def _iptables_tables(saved: str) -> Iterator[tuple[str, dict[str, list[str]], dict[str, str]]]:
    for block in re.split(r"(?m)^COMMIT$", saved):
        if name := re.search(r"(?m)^\*(\w+)", block):
            chains: dict[str, list[str]] = {}
            for line in re.findall(r"(?m)^-A .*$", block):
                chains.setdefault(line.split(" ")[1], []).append(line)
            yield name[1], chains, dict(re.findall(r"(?m)^:(\S+) (\S+)", block))


def _walk_iptables(chains: dict[str, list[str]], chain: str, port: int, walked: set[str]) -> str | None:
    """The rule that decides, or None when the chain ends without one; a chain that has done so once does it again."""
    walked.add(chain)
    for rule in chains.get(chain, []):
        target = _target(rule)
        matches = _iptables_match(rule, port)
        if not matches and not (matches is None and target == "ACCEPT"):
            continue
        if target in {"DROP", "REJECT", "ACCEPT"}:
            return rule
        if target == "RETURN":
            return None
        if target in chains and target not in walked and (decided := _walk_iptables(chains, target, port, walked)):
            return decided
        if f" -g {target}" in rule:
            return None
    return None


def _target(rule: str) -> str:
    match = re.search(r" (?:-j|-g) (\S+)", rule)
    return match[1] if match else ""


def _iptables_match(rule: str, port: int) -> bool | None:
    """Whether the rule matches; None when we cannot tell."""
    try:
        words = shlex.split(rule)[2:]
    except ValueError:
        return None
    expected: dict[str, Callable[[str], bool]] = {
        "-p": lambda value: value in {"tcp", "all", "0", "6"},
        "-o": _through,
        "-d": lambda value: WIRESERVER in ipaddress.ip_network(value, strict=False),
        "--dport": lambda value: _in_ports(port, value.replace(":", "-")),
        "--dports": lambda value: any(_in_ports(port, part.replace(":", "-")) for part in value.split(",")),
        "--uid-owner": lambda value: value in {"0", "root"},
        "--ctstate": lambda value: "NEW" in value.split(","),
        "--state": lambda value: "NEW" in value.split(","),
        "-m": lambda value: value in {"tcp", "owner", "conntrack", "state", "multiport", "comment"},
        "--comment": lambda _: True,
        "--reject-with": lambda _: True,
    }
    certain = True
    index = 0
    while index < len(words):
        word = words[index]
        if word in {"-j", "-g"}:
            index += 2
            continue
        negated = word == "!"
        index += negated
        option, value = (words[index], words[index + 1]) if index + 1 < len(words) else ("", "")
        try:
            if expected[option](value) == negated:
                return False
        except (KeyError, ValueError):
            certain = False
        index += 2
    return True if certain else None


def _through(interface: str) -> bool:
    """Whether traffic to the wire server leaves by it: never by the loopback, else we cannot tell (ValueError)."""
    if interface == "lo":
        return False
    raise ValueError(interface)


def nft_block(ruleset: str, port: int, skip: set[str]) -> Block | None:
    """The same for ``nft -j list ruleset``; ``skip``: tables of family ip that iptables has shown. Raises ValueError."""
    items = json_value(ruleset)["nftables"]
    rules: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    bases = []
    for item in items:
        if rule := item.get("rule"):
            rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule)
        elif (chain := item.get("chain")) and chain.get("hook") == "output" and chain["family"] in {"ip", "inet"}:
            bases.append(chain)
    for chain in sorted(bases, key=lambda found: int(found.get("prio", 0)) if str(found.get("prio", 0)).lstrip("-").isdigit() else 0):
        if chain["family"] == "ip" and chain["table"] in skip:
            continue
        where = f"{chain['family']} {chain['table']} {chain['name']}"
        verdict, decided = _walk_nft(rules, (chain["family"], chain["table"], chain["name"]), port, set())
        if decided and verdict in {"drop", "reject"}:
            place = f"{decided['family']} {decided['table']} {decided['chain']}"
            return Block(f"nft chain {place}: {_nft_text(decided)}", f"sudo nft delete rule {place} handle {decided['handle']}")
        if not verdict and chain.get("policy") == "drop":
            allow = f"sudo nft insert rule {where} ip daddr {WIRESERVER} tcp dport {port} accept"
            return Block(f"nft chain {where}: the policy is drop", allow)
    return None


def _walk_nft(rules: dict[Any, list[dict[str, Any]]], chain: tuple[str, str, str], port: int, walked: set[Any]) -> tuple[str, Any]:
    walked.add(chain)
    for rule in rules.get(chain, []):
        verdict = _nft_verdict(rule, port)
        if verdict in {"accept", "drop", "reject"}:
            return verdict, rule
        if verdict == "return":
            return "", None
        if verdict.startswith(("jump ", "goto ")):
            target = (chain[0], chain[1], verdict[5:])
            found, decided = _walk_nft(rules, target, port, walked) if target not in walked else ("", None)
            if found:
                return found, decided
            if verdict.startswith("goto "):
                return "", None
    return "", None


def _nft_verdict(rule: dict[str, Any], port: int) -> str:
    """What the rule does with the connection; empty when it does not match, or we cannot tell."""
    certain = True
    for expression in rule.get("expr", []):
        kind, value = next(iter(expression.items()))
        if kind == "match":
            matches = _nft_match(value, port)
            if matches is False:
                return ""
            certain = certain and matches is not None
        elif kind in {"accept", "drop", "reject", "return"}:
            return str(kind) if certain or kind == "accept" else ""
        elif kind in {"jump", "goto"}:
            return f"{kind} {value['target']}" if certain else ""
        elif kind not in {"counter", "log", "comment"}:
            certain = False
    return ""


def _nft_match(match: dict[str, Any], port: int) -> bool | None:
    """Whether the traffic matches; None when we cannot tell."""
    left, right = match["left"], match["right"]
    payload, meta = left.get("payload", {}), left.get("meta", {})
    field = (payload.get("protocol"), payload.get("field"))
    if field == ("ip", "daddr"):
        found = any(WIRESERVER in network for network in _nft_networks(right))
    elif field in {("tcp", "dport"), ("th", "dport")}:
        found = any(_in_ports(port, word) for word in _nft_words(right))
    elif meta.get("key") in {"l4proto", "skuid", "nfproto"}:
        accepted = {"l4proto": {"tcp", "6"}, "skuid": {"0", "root"}, "nfproto": {"ipv4", "2"}}[meta["key"]]
        found = any(word in accepted for word in _nft_words(right))
    elif meta.get("key") in {"oif", "oifname"} and _nft_words(right) == ["lo"]:
        found = False
    elif left.get("ct", {}).get("key") == "state":
        found = "new" in _nft_words(right)
    else:
        return None
    return found != (match.get("op") == "!=")


def _nft_words(right: Any) -> list[str]:
    values = right.get("set", [right]) if isinstance(right, dict) else right if isinstance(right, list) else [right]
    ranges = ("-".join(map(str, value["range"])) if isinstance(value, dict) and "range" in value else str(value) for value in values)
    return list(ranges)


def _nft_networks(right: Any) -> list[Any]:
    values = right.get("set", [right]) if isinstance(right, dict) else [right]
    networks = []
    for value in values:
        prefix = value.get("prefix") if isinstance(value, dict) else None
        word = f"{prefix['addr']}/{prefix['len']}" if prefix else value
        try:
            networks.append(ipaddress.ip_network(word, strict=False))
        except (TypeError, ValueError):
            continue
    return networks


def _nft_text(rule: dict[str, Any]) -> str:
    """A rule in a few words, for people."""
    words = []
    for expression in rule.get("expr", []):
        kind, value = next(iter(expression.items()))
        if kind == "match":
            left = value["left"].get("payload") or value["left"].get("meta") or value["left"].get("ct") or {}
            name = " ".join(str(left[key]) for key in ("protocol", "field", "key") if key in left)
            words.append(f"{name} {'!= ' if value.get('op') == '!=' else ''}{','.join(_nft_words(value['right']))}")
        elif kind != "counter":
            words.append(str(kind))
    return " ".join(words)[:200]


def _in_ports(port: int, word: str) -> bool:
    first, _, last = word.partition("-")
    return is_number(first) and is_number(last or first) and int(first) <= port <= int(last or first)
