"""Faults of the account that logs in: real accounts, real PAM, real sudo."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from backup_preflight.errors import Problem
from selftests.reliability.lab import Fault, Lab

_PAM = "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n"


def faults(lab: Lab) -> Iterator[Fault]:
    """Each with an account of its own."""
    Path("/etc/pam.d/sshd").write_text(_PAM)
    with_pam = lab.sshd("UsePAM yes")
    without = lab.sshd()

    user = lab.account("expiredpw")
    subprocess.run(["chage", "-d", "0", user], check=True)
    lab.vm("password-expired", with_pam, user=user)
    yield Fault("password-expired", "chage -d 0: PAM wants a new password at the next login", Problem.ACCOUNT)
    lab.vm("account-expired", with_pam, user=lab.account("expired", "-e", "2020-01-01"))
    yield Fault("account-expired", "useradd -e 2020-01-01: PAM refuses the account", (Problem.AUTHENTICATION, Problem.DROPPED))
    user = lab.account("locked")
    subprocess.run(["passwd", "-q", "-l", user], check=True)
    lab.vm("account-locked", without, user=user)
    yield Fault("account-locked", "passwd -l, without PAM", Problem.AUTHENTICATION)
    lab.vm("account-nologin", without, user=lab.account("nologin", shell="/usr/sbin/nologin"))
    yield Fault("account-nologin", "the login shell is /usr/sbin/nologin", Problem.NOT_LINUX)
    lab.vm("forced-command", lab.sshd(forced="echo 'Welcome to the menu. 1) backup 2) restore'"))
    yield Fault("forced-command", "ForceCommand runs another program", Problem.NOT_LINUX)
    without_key = lab.sshd("AuthorizedKeysFile none", "PasswordAuthentication no")
    lab.vm("key-not-authorized", without_key)
    yield Fault("key-not-authorized", "the key is in no authorized_keys file", Problem.AUTHENTICATION)
    lab.vm("no-session", lab.sshd("MaxSessions 0"))
    yield Fault("no-session", "MaxSessions 0", Problem.TRANSPORT)
    yield from _sudo(lab)


def _sudo(lab: Lab) -> Iterator[Fault]:
    """sudo that says no: the VM is read without it, and the report says so."""
    programs = lab.directory / "programs"
    programs.mkdir()
    # "sh -s" of these VMs is a recorded answer, so that the suite's own command line for sudo runs as it is.
    answer = (lab.directory / "answer.sh").read_text().replace('"$1"', f"{lab.directory}/unprivileged.recording")
    shell = programs / "sh"
    shell.write_text(answer.replace("#!/bin/sh\n", '#!/bin/sh\n[ "$1" = -s ] || exec /bin/sh "$@"\n'))
    shell.chmod(0o755)
    for name in ("cat", "head", "id", "sed", "stat"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    server = lab.sshd(f"SetEnv PATH={programs}:/usr/bin:/bin")
    user = lab.account("wantspassword")
    Path(f"/etc/sudoers.d/{user}").write_text(f"{user} ALL=(ALL) ALL\n")
    lab.vm("sudo-wants-password", server, user=user)
    yield Fault("sudo-wants-password", "a sudoers line without NOPASSWD, and --sudo", None, sudo=True)
    user = lab.account("wantstty")
    Path(f"/etc/sudoers.d/{user}").write_text(f"Defaults:{user} requiretty\n{user} ALL=(ALL) NOPASSWD: ALL\n")
    lab.vm("sudo-wants-tty", server, user=user)
    yield Fault("sudo-wants-tty", "Defaults requiretty, and --sudo", None, sudo=True)
    lab.vm("sudo-missing", lab.sshd(f"SetEnv PATH={programs}"), user=lab.account("nosudo"))
    yield Fault("sudo-missing", "no sudo in PATH, and --sudo", None, sudo=True)
