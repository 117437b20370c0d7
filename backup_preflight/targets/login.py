"""Logging in over paramiko: keys of the agent and of files, then the password; each at most once, never asking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import paramiko

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets.host_config import HostConfig
from backup_preflight.targets.identities import Agent, Attempt, candidates, open_agent
from backup_preflight.targets.secret import Secret

_REFUSED = "refused"
_ONLY_OPENSSH = ("certificatefile", "pkcs11provider", "securitykeyprovider")


def log_in(transport: paramiko.Transport, config: HostConfig, *, identity: Path | None, password: Secret | None, timeout: float) -> None:
    """Authenticate as ``config.user``, or raise ConnectionProblem. A refused password is not sent again."""
    attempt = Attempt()
    transport.auth_timeout = timeout
    agent = open_agent(config, timeout)
    try:
        failure = _try_all(transport, config, agent, identity, password, attempt)
    finally:
        if agent is not None:
            agent.close()
    if failure is not None:
        raise _problem(failure, config, attempt)


def _try_all(
    transport: paramiko.Transport,
    config: HostConfig,
    agent: Agent | None,
    identity: Path | None,
    password: Secret | None,
    attempt: Attempt,
) -> str | None:
    """None after a login, else why there was none."""
    user = config.user
    keys = candidates(config, agent, identity, attempt)
    first = next(keys, None)
    # To ask for the methods costs a round trip, and a key that is accepted makes it needless.
    failure = _try_keys(transport, user, iter([first]), attempt) if first else _REFUSED
    if failure != _REFUSED:
        return failure
    if not attempt.methods:
        try:
            transport.auth_none(user)
        except paramiko.BadAuthenticationType as error:
            attempt.methods = list(error.allowed_types)
        except (paramiko.SSHException, EOFError, OSError) as error:
            return str(error)
        else:
            return None
        failure = _try_keys(transport, user, keys, attempt) if "publickey" in attempt.methods else _REFUSED
        if failure != _REFUSED:
            return failure
    if password is not None and {"password", "keyboard-interactive"} & set(attempt.methods):
        attempt.password_sent = True
        try:
            remaining = transport.auth_password(user, password.reveal())
        except (paramiko.SSHException, EOFError, OSError) as error:
            return str(error)
        if not remaining:
            return None
        attempt.methods = list(remaining)
    return _REFUSED


def _try_keys(transport: paramiko.Transport, user: str, keys: Iterator[paramiko.PKey], attempt: Attempt) -> str | None:
    """None after a login, else why there was none."""
    for key in keys:
        try:
            remaining = transport.auth_publickey(user, key)
        except (paramiko.SSHException, EOFError, OSError, ValueError) as error:
            if not transport.is_active() or "timeout" in str(error):
                return str(error)
            continue
        if not remaining:
            return None
        attempt.methods = list(remaining)  # the key is accepted, and the server wants something more
        break
    return _REFUSED


def _problem(failure: str, config: HostConfig, attempt: Attempt) -> ConnectionProblem:
    where = f"{config.user}@{config.host}"
    if "timeout" in failure.lower():
        return ConnectionProblem(
            Problem.TIMEOUT,
            f"no answer to the login of {where}",
            "log in by hand with ssh to see what takes so long (UseDNS, GSSAPI or PAM on the VM); or set a longer ?timeout=",
        )
    tried = [*attempt.keys, *(["the password"] if attempt.password_sent else [])]
    methods = ",".join(attempt.methods) or "unknown"
    detail = f"{where} is refused; tried: {', '.join(tried) or 'no key'}; the server takes: {methods}"
    remedies = []
    if attempt.locked:
        detail += f"; locked by a passphrase: {', '.join(attempt.locked)}"
        remedies.append(f"unlock the key with: ssh-add {attempt.locked[0]}")
    if attempt.unusable:
        detail += f"; unusable: {', '.join(attempt.unusable)}"
    if "transport shut down" in failure and len(attempt.keys) > 1:
        detail += "; then the server closed the connection"
        remedies.append("the agent holds more keys than the server lets us try: set IdentitiesOnly yes and IdentityFile")
    only = [keyword for keyword in _ONLY_OPENSSH if config.get(keyword)]
    if only or "gssapi-with-mic" in attempt.methods or attempt.locked:
        because = f" (it knows {', '.join(only)})" if only else ""
        remedies.append(f"use ssh:// for this VM{because}")
    if not remedies:
        remedies.append("check the user name (user@host) and that the public key stands in the VM's authorized_keys; ")
        remedies.append(f"see what works with: ssh -v -p {config.port} {where}")
    return ConnectionProblem(Problem.AUTHENTICATION, detail, "; ".join(part.rstrip("; ") for part in remedies))
