"""Why a Windows VM cannot be read over WinRM: from an exception of pypsrp or requests to one clear problem.

WSManFault codes are Windows' own numbers; no text of a server is interpreted.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import requests
from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
from spnego.exceptions import SpnegoError

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets.output import printable
from backup_preflight.targets.spec import Spec

ACCESS_DENIED = 5
QUOTA = 2150859173
SHELL_LIMITS = {QUOTA, 2150859174, 2150859172}
NO_SUCH_ENDPOINT = 2150858817
_NSG = "check that the VM runs and that its network security group and firewalls let this machine in on TCP port"
_NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM, errno.EACCES)


class TooLarge(requests.exceptions.ContentDecodingError):
    """An answer went past the limit."""


def problem(spec: Spec, error: BaseException) -> ConnectionProblem:
    """The problem that an exception stands for. It holds no secret: exceptions of these libraries name the user, never the password."""
    if isinstance(error, AuthenticationError):
        return _refused(spec)
    if isinstance(error, WSManFaultError):
        return _fault(spec, error)
    if isinstance(error, WinRMTransportError):
        return _http(spec, error)
    if isinstance(error, ImportError):
        extra = "credssp" if spec.winrm.auth == "credssp" else "kerberos"
        detail = f"{where(spec)}: auth={spec.winrm.auth} needs a Python package that is not installed here ({error.name or 'unknown'})"
        return ConnectionProblem(Problem.TRANSPORT, detail, f"pip install 'pypsrp[{extra}]', or use auth=ntlm")
    if isinstance(error, SpnegoError):
        detail = f"{where(spec)}: no login with auth={spec.winrm.auth}: {printable(str(error))[:200]}"
        return ConnectionProblem(
            Problem.AUTHENTICATION, detail, "for Kerberos get a ticket first (kinit; see it with klist), or use auth=ntlm"
        )
    if isinstance(error, (requests.RequestException, OSError, WinRMError)):
        return _connection(spec, error)
    detail = f"{where(spec)}: {type(error).__name__}: {printable(str(error))[:200]}"
    return ConnectionProblem(Problem.TRANSPORT, detail, "see what happens with: Test-WSMan on a Windows machine, or curl -v")


def where(spec: Spec) -> str:
    """The VM and its port."""
    return f"{spec.name} port {spec.port or spec.winrm.port}"


def _refused(spec: Spec) -> ConnectionProblem:
    user = spec.user or "the certificate"
    detail = f"{where(spec)}: {user} is refused (auth={spec.winrm.auth})"
    remedy = (
        "check user and password (a local account is USER or .\\USER, a domain account DOMAIN\\USER or user@domain), and that the VM "
        "offers this way to log in (winrm get winrm/config/service/auth there); another one: ?auth="
    )
    return ConnectionProblem(Problem.AUTHENTICATION, detail, remedy)


def _fault(spec: Spec, error: WSManFaultError) -> ConnectionProblem:
    code = int(error.code or 0)
    if code == ACCESS_DENIED:
        detail = f"{where(spec)}: the password is right, but {spec.user} may not use PowerShell remoting (code 5)"
        remedy = (
            "make the account a member of Administrators, or of Remote Management Users; for a local administrator other than the built-in "
            "one set LocalAccountTokenFilterPolicy=1 there (Enable-PSRemoting does)"
        )
        return ConnectionProblem(Problem.AUTHENTICATION, detail, remedy)
    if code in SHELL_LIMITS:
        detail = f"{where(spec)}: {spec.user} has reached a quota of WinRM there (code {code}), such as its number of open shells"
        remedy = "close open sessions of this account (Get-WSManInstance -ResourceURI shell -Enumerate on the VM), or restart WinRM there"
        return ConnectionProblem(Problem.TRANSPORT, detail, remedy)
    if spec.winrm.is_restricted or code == NO_SUCH_ENDPOINT:
        detail = f"{where(spec)}: the endpoint {spec.winrm.configuration_name} cannot be used (code {code})"
        remedy = "see on the VM whether it exists and whether this account may use it: Get-PSSessionConfiguration"
        return ConnectionProblem(Problem.TRANSPORT, detail, remedy)
    detail = f"{where(spec)}: WinRM answers with code {code}: {printable(str(error.message or '')).strip()[:200]}"
    return ConnectionProblem(Problem.TRANSPORT, detail, f"look the code up on the VM: winrm helpmsg 0x{code:X}")


def _http(spec: Spec, error: WinRMTransportError) -> ConnectionProblem:
    code = int(error.code or 0)
    detail = f"{where(spec)} answers with HTTP {code}, which is no answer of WinRM"
    remedy = "check that this port is WinRM's (winrm enumerate winrm/config/listener on the VM); a Linux VM needs ssh://"
    if code == 500 and not spec.winrm.ssl:
        detail = f"{where(spec)} refuses the request (HTTP 500 without a reason): perhaps it wants other encryption"
        remedy = "use HTTPS (drop no_ssl), or auth=negotiate"
    return ConnectionProblem(Problem.TRANSPORT, detail, remedy)


def _connection(spec: Spec, error: BaseException) -> ConnectionProblem:
    place, port = where(spec), spec.port or spec.winrm.port
    causes = list(_causes(error))
    if isinstance(error, TooLarge):
        return ConnectionProblem(Problem.OUTPUT, f"{place}: {error}", "check that this port is WinRM's")
    if tls := next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None):
        return _tls(spec, tls)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        detail = f"{spec.name}: the name is not known"
        return ConnectionProblem(Problem.DNS, detail, "correct the name or this machine's DNS, or use the VM's IP address")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        listener = "https" if spec.winrm.ssl else "http"
        remedy = (
            f"check that WinRM runs on the VM and has a listener for {listener} (winrm quickconfig -transport:{listener}); "
            "a Linux VM needs ssh://"
        )
        return ConnectionProblem(Problem.REFUSED, f"{place} refuses the connection", remedy)
    if isinstance(error, requests.ConnectTimeout):
        return ConnectionProblem(Problem.TIMEOUT, f"{place}: no TCP answer in {spec.timeout:g} s", f"{_NSG} {port}")
    if isinstance(error, requests.Timeout):
        detail = f"{place}: no answer in {spec.winrm.read_timeout} s"
        return ConnectionProblem(Problem.TIMEOUT, detail, "look at the load of the VM, or set a longer ?read_timeout_sec=")
    if any(getattr(cause, "errno", None) in _NO_ROUTE for cause in causes):
        return ConnectionProblem(Problem.NO_ROUTE, f"{place}: no route", "check this machine's routes, VPN and firewall")
    both = "; if the port wants TLS, drop no_ssl" if not spec.winrm.ssl else ""
    return ConnectionProblem(Problem.DROPPED, f"{place}: the connection was cut", f"try again; then see the VM's WinRM log{both}")


def _tls(spec: Spec, error: ssl.SSLError) -> ConnectionProblem:
    if isinstance(error, ssl.SSLCertVerificationError):
        detail = f"{where(spec)}: its certificate is not trusted: {error.verify_message}"
        remedy = (
            "give the certificate of its issuer, or its own when it is self-signed, as ?ca_cert=FILE; the entry must name the VM as the "
            "certificate does. ?no_verify_ssl=true checks nothing, so anybody on the way can read along"
        )
        return ConnectionProblem(Problem.CERTIFICATE, detail, remedy)
    detail = f"{where(spec)} does not speak TLS ({error.reason or 'no handshake'})"
    return ConnectionProblem(Problem.TRANSPORT, detail, "check the port; for WinRM over HTTP with message encryption: ?no_ssl=true")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and everything it wraps, as requests and urllib3 do it: chained, in ``reason``, or as an argument."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        found = pending.pop()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        pending += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
