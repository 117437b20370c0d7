"""The Linux collector, run for real in guests made of namespaces."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from backup_preflight.facts.linux import LinuxFacts
from backup_preflight.recording import NotARecording, Status, parse
from selftests.collect.guest import (
    COLLECTOR,
    DOCUMENT,
    EXTENSION,
    NONCE,
    SHELLS,
    Guest,
    installed,
    isolated,
    needs_root,
    parameters,
    shell_path,
)

LIB = "/var/lib/waagent"
LOG = "/var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
ANSWER = """
import http.server, threading, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers.get("Metadata") == "true" or self.server.server_port == 80 and "versions" in self.path
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(self.path.encode())
    def do_CONNECT(self):
        self.send_response(407)
        self.end_headers()
    def log_message(self, *_):
        pass
for port in map(int, sys.argv[1:]):
    server = http.server.ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever).start()
"""
SERVE = """
for address in 168.63.129.16 169.254.169.254; do ip addr add $address/32 dev lo; done
/usr/bin/python3 -c '{code}' {ports} < /dev/null > /dev/null 2>&1 & echo $! >> daemons
for port in {ports}; do until (exec 9<> /dev/tcp/127.0.0.1/$port) 2> /dev/null; do :; done; done
"""
NO_ANSWER = """
ip link add v0 type veth peer name v1
ip addr add 10.0.0.2/24 dev v0
ip link set v0 up
ip link set v1 up
ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev v0
ip route add default via 10.0.0.1
"""


def serve(*ports: int) -> str:
    needs_bash = SERVE.format(code=ANSWER.replace("'", '"'), ports=" ".join(map(str, ports)))
    return needs_bash.replace("(exec 9<> /dev/tcp/127.0.0.1/$port)", "bash -c 'exec 9<> /dev/tcp/127.0.0.1/'$port")


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    return Guest(tmp_path)


def documented_sections() -> set[str]:
    text = DOCUMENT.read_text(encoding="utf-8")
    linux = text[text.index("## Linux sections") : text.find("## Windows sections") if "## Windows sections" in text else len(text)]
    return set(re.findall(r"^\| `([a-z0-9_]+)` \|", linux, re.MULTILINE)) - {status.value for status in Status}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_guest_with_agent(guest: Guest, shell: str) -> None:
    run = installed(guest).run(shell, serve(80, 32526), storage_endpoints="localhost")
    assert run.status == 0
    assert run.errors == ""
    assert run.written == []
    assert run.left == []
    assert {name for name, _ in run.recording.sections} == documented_sections() - {
        "log",
        "later_processes",
        "core_packages" if not shutil.which("rpm") else "",
        "ifupdown" if not Path("/etc/network/interfaces").exists() else "",
        "ifcfg",
    } | ({"core_packages"} if not shutil.which("rpm") else set())
    assert run.values("run")["uid"] == "0"
    assert run.lines("agent_version")[2] == "Goal state agent: 2.7.3.0"
    assert run.values("lib_dir") == {"mode": "700", "xml": "3", "stale_xml": "1"}
    assert run.lines("deployment") == ['<Deployment name="d1" guid="{0}">', '<Service name="s1"/>']
    assert run.lines("provision_guest_agent") == ["true"]
    assert run.lines("extensions") == [EXTENSION]
    assert run.section("extension_state", EXTENSION).text == "Enabled"
    assert run.section("snapshot_status", f"{EXTENSION}/10.status").text.endswith('?sig=***"}}]')
    assert [line.split("\t")[2:] for line in run.lines("snapshot_status_files")] == [
        [EXTENSION, "10.status"],
        [EXTENSION, "9.status"],
    ]
    assert run.lines("snapshot_freeze_tool") == [f"yes\t{EXTENSION}/main/safefreeze/bin/safefreeze"]
    assert run.lines("snapshot_imports") == [
        f"{EXTENSION}\tmain/WaagentLib.py\timport crypt",
        f"{EXTENSION}\tmain/WaagentLib.py\t    from distutils.version import LooseVersion",
    ]
    assert run.lines("snapshot_certificates") == ["AB12\tyes\tno\tunknown"]
    assert run.values("lib_dir_space")["mount"] == "/"
    assert int(run.values("lib_dir_space")["free_kib"]) > 0
    assert re.fullmatch(r"\d+\t.*history/.*waagent_status.json", run.lines("agent_status")[0])
    assert run.section("http", "wireserver").text.startswith("HTTP/1.0 200")
    assert run.section("http", "wireserver").text.endswith("\n/?comp=versions\n")
    assert run.section("http", "hostgaplugin").text.startswith("HTTP/1.0 404")
    assert run.section("http", "imds").text.startswith("HTTP/1.0 200")
    assert run.lines("dns", "localhost") == ["127.0.0.1"]
    assert run.section("https", "localhost").status is Status.ERROR
    assert run.section("https", "localhost").detail == "refused"
    assert run.section("port8443", "localhost").detail == "refused"
    assert run.section("proxy_connect", "localhost").status is Status.ABSENT


def test_the_document_and_the_collector_know_the_same_sections() -> None:
    text = COLLECTOR.read_text(encoding="utf-8")
    assert {name for name in documented_sections() if not re.search(rf"\b{name}\b", text)} == set()


def test_the_collector_passes_shellcheck() -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run([shellcheck, "-s", "sh", COLLECTOR], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert not [line for line in COLLECTOR.read_text(encoding="ascii").splitlines() if len(line) > 130]


@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_answers_and_commands_hang(tmp_path: Path, shell: str) -> None:
    guest = installed(Guest(tmp_path))
    guest.file("/etc/resolv.conf", "nameserver 10.0.0.1\n")
    for name in ("systemctl", "systemd-detect-virt", "nmcli", "df", "rpm", "iptables-save", "nft"):
        guest.program(f"/usr/bin/{name}", "trap '' TERM; sleep 100")
    guest.program("/usr/sbin/waagent", "sleep 100; echo late")
    guest.program("/usr/bin/python3.8", "sleep 100")
    guest.file("/etc/waagent.conf", "HttpProxy.Host=10.9.9.9\nHttpProxy.Port=3128\n")
    setup = NO_ANSWER + "mkdir -p layers/root/run/systemd/system layers/root/run/NetworkManager"
    run = guest.run(shell, setup, storage_endpoints="a.example,b.example")
    assert run.status == 0
    assert run.seconds < 40  # about 13 on an idle machine; what hangs would take 100
    assert run.left == []
    timeouts = {key for key, section in run.recording.sections.items() if section.status is Status.TIMEOUT}
    assert timeouts >= {
        *((name, host) for name in ("dns", "https", "port8443", "proxy_connect") for host in ("a.example", "b.example")),
        *(("http", name) for name in ("wireserver", "hostgaplugin", "imds")),
        *((name, f"{unit}.service") for name in ("unit", "unit_enabled") for unit in ("waagent", "walinuxagent")),
        ("agent_version", ""), ("python", ""), ("nm_connection", "v0"),
    }  # fmt: skip


RESOLVER = """\
import socket
silent, right = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
silent.bind(("10.0.0.2", 53))
right.bind(("10.0.0.3", 53))
print(flush=True)
while True:
    query, client = right.recvfrom(512)
    answer = bytes.fromhex("c00c 0001 0001 00000005 0004 0a000004")
    right.sendto(query[:2] + bytes.fromhex("8400 0001 0001 0000 0000") + query[12:] + answer, client)
"""


def test_a_name_server_answers_when_the_first_one_is_silent(guest: Guest) -> None:
    guest.file("/etc/resolv.conf", "nameserver 10.0.0.2\nnameserver 10.0.0.3\n")
    guest.file("/resolver.py", RESOLVER)
    setup = """
for address in 10.0.0.2 10.0.0.3; do ip addr add $address/32 dev lo; done
python3 layers/root/resolver.py < /dev/null > ready & echo $! >> daemons
until [ -s ready ]; do :; done
"""
    run = guest.run(setup=setup, storage_endpoints="store.example")
    assert run.lines("dns", "store.example") == ["10.0.0.4"]


def test_the_storage_hosts_are_those_of_the_goal_state(guest: Guest) -> None:
    run = installed(guest).run()
    assert sorted(run.recording.subjects("https")) == ["store.blob.core.windows.net", "umsa1.blob.core.windows.net"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_hostile_file_stays_inside_its_section(guest: Guest, shell: str) -> None:
    other = "f" * 32
    forged = f"\n{other} begin os_release\nforged\n{other} end os_release ok\n{other} done 1\n"
    guest.file("/etc/os-release", b"\x00\xff\xfe" + forged.encode() + b"x" * 300_000)
    guest.file(f"{LIB}/WireServerEndpoint", forged)
    run = guest.run(shell)
    assert 65_000 < len(run.section("os_release").body) <= 65_536
    assert forged.encode() in run.section("os_release").body
    assert run.section("wireserver_endpoint").text == forged


def test_no_secret_leaves_the_guest(guest: Guest) -> None:
    installed(guest)
    secret = "hunter2"
    guest.file("/etc/environment", f'export https_proxy="http://joe:{secret}@127.0.0.1:3128"\nTOKEN={secret}\n')
    guest.file("/etc/waagent.conf", f"X=https://joe:{secret}@h/?a=1&sig={secret}\n")
    guest.file(
        "/etc/systemd/system/waagent.service",
        f"[Service]\nEnvironment=http_proxy=joe:{secret}@h:1 https_proxy=http://j:p@{secret}@h\n",
    )
    guest.file("/etc/network/interfaces", f"iface wlan0 inet dhcp\n  wpa-psk {secret}\n")
    guest.file(f"{LIB}/AB12.prv", secret)
    guest.file(f"{LOG}/extension.log", f"hostStatusCodePreSnapshot=200 https://h/?sig={secret}&x\n{secret}\n")
    guest.file(
        "/etc/azure/VMSnapshotScriptPluginConfig.json",
        '{"preScriptLocation": "/etc/pre.sh",\n"preScriptParams": ["a]", "' + secret + '", "\\"]"],\n"postScriptParams": [],\n'
        '"postScriptLocation": "/etc/pre.sh", "otherParams": "' + secret + '"}',
        0o600,
    )
    guest.file("/etc/pre.sh", secret, 0o700)
    guest.program("/usr/bin/curl", f'for each; do case $each in *{secret}*) exit 99 ;; esac; done; exec /usr/bin/curl.real "$@"')
    guest.file("/usr/bin/curl.real", Path("/usr/bin/curl").read_bytes(), 0o755)
    run = guest.run(setup=serve(3128), storage_endpoints="store.example")
    assert secret.encode() not in run.output
    assert secret not in run.errors
    assert run.lines("proxy_environment", "/etc/environment") == ["https_proxy=http://***@127.0.0.1:3128"]
    assert run.values("proxy_connect", "store.example") == {"source": "environment", "code": "407"}
    assert '"preScriptParams": [], "postScriptParams": []' in run.section("script_config").text
    assert run.values("file", "/etc/pre.sh") == {"owner": "root", "group": "root", "mode": "700", "type": "regular file"}
    assert run.lines("snapshot_log") == ["hostStatusCodePreSnapshot=200 https://h/?sig=***&x"]


def test_an_ordinary_user_is_told_denied_and_not_absent(guest: Guest) -> None:
    run = installed(guest).run(wrap="setpriv --reuid 65534 --regid 65534 --clear-groups")
    denied = {name for (name, _), section in run.recording.sections.items() if section.status is Status.DENIED}
    assert denied >= {
        "agent_status", "lib_dir", "disable_agent", "provisioned", "wireserver_endpoint", "deployment",
        "provision_guest_agent",
        "extensions", "snapshot_status_files", "snapshot_freeze_tool", "snapshot_imports", "snapshot_certificates", "mount_open",
        "iptables", "nft",
    }  # fmt: skip
    assert run.section("agent_log").status is Status.OK
    assert run.values("run")["uid"] == "65534"


def test_hidden_processes_are_denied(guest: Guest) -> None:
    setup = "mount -o remount,hidepid=2 -t proc proc layers/root/proc"
    run = guest.run(setup=setup, wrap="setpriv --reuid 65534 --regid 65534 --clear-groups")
    assert run.section("processes").status is Status.DENIED
    assert guest.directory  # root sees them all the same
    assert Guest(guest.directory / "again").run(setup=setup).section("processes").status is Status.OK


def test_the_agents_processes_and_nothing_that_only_names_them(guest: Guest) -> None:
    lines = (
        "/usr/bin/python3 -u /usr/sbin/waagent -daemon",
        "python3 -u bin/WALinuxAgent-2.9.1.1-py3.8.egg -run-exthandlers",
        "sh -c pgrep -f waagent -daemon",
        "/opt/veeam/veeamservice --password hunter2",
        "/sbin/dhclient -4 eth0",
    )
    setup = "".join(f"bash -c 'exec -a \"$0\" sleep 50' '{line}' < /dev/null > /dev/null 2>&1 & echo $! >> daemons\n" for line in lines)
    # exec -a puts the whole line into argv[0]; the blanks read the same as NULs.
    run = guest.run(setup=setup)
    found = [line.split("\t") for line in run.lines("processes")]
    assert [fields[4].removesuffix(" 50") for fields in found] == list(lines[:2])
    assert all(fields[0].isdigit() and fields[1].isdigit() and fields[2] == "S" and fields[3].isdigit() for fields in found)
    assert run.lines("other_backup_processes") == ["veeamservice"]
    assert len(run.lines("dhcp_clients")) == 1
    assert b"hunter2" not in run.output


def test_a_worker_that_ends_is_looked_at_again(guest: Guest) -> None:
    daemon = "/usr/bin/python3 -u /usr/sbin/waagent -daemon"
    worker = "python3 -u /usr/sbin/waagent -run-exthandlers"
    setup = f"""
bash -c 'exec -a "$0" sleep 50' '{daemon}' < /dev/null > /dev/null 2>&1 & echo $! >> daemons
(while :; do bash -c 'exec -a "$0" sleep 0.4' '{worker}'; sleep 0.7; done) < /dev/null > /dev/null 2>&1 & echo $! >> daemons
"""
    agent = LinuxFacts(guest.run(setup=setup).recording).agent
    assert len(agent.looks) == 6
    assert agent.ended_worker or agent.is_mostly_without_worker
    ages = [look[0].age for look in agent.looks[1:]]
    assert all(later - earlier > 0.98 for earlier, later in pairwise(ages)), "each look has its own uptime"


@pytest.mark.parametrize(
    ("daemon", "worker", "is_settled"),  # their ages in hundredths of a second
    [
        (900, None, False),
        (900, 390, False),
        (900, 410, True),
        (9000, 390, False),
        (9000, 6050, True),
        (90000, 6050, False),
        (90000, 6150, True),
    ],
)
def test_a_worker_is_looked_at_again_until_the_check_is_content_whichever_group_read_the_uptime(
    daemon: int, worker: int | None, is_settled: bool
) -> None:
    function = re.search(r"(?ms)^worker_is_settled\(\) \{.*?^\}", COLLECTOR.read_text())
    assert function
    processes = [(daemon, "waagent -daemon"), *([(worker, "waagent -run-exthandlers")] if worker is not None else [])]
    agents = "\n".join(f"1\t1\tS\t{100_000 - age}\t{command}" for age, command in processes)
    done = subprocess.run(
        ["sh", "-c", f"{function[0]}\nworker_is_settled"],
        env={"PATH": os.environ["PATH"], "agents": agents, "uptime": "1000.00", "tab": "\t"},
        check=False,
    )
    assert (done.returncode == 0) == is_settled


@pytest.mark.parametrize("missing", [("curl",), ("curl", "python3", "python3.11", "python")])
def test_http_without_curl(guest: Guest, missing: tuple[str, ...]) -> None:
    if "python3" in missing and not shutil.which("wget", path="/usr/bin:/bin"):
        pytest.skip("wget is not installed")
    for name in missing:
        guest.file(f"/usr/bin/{name}", "", 0o644)  # not executable
    run = guest.run(setup=serve(80), storage_endpoints="localhost")
    assert re.match(r"HTTP/1.\d 200 ", run.section("http", "imds").text)
    assert "storageProfile" in run.section("http", "imds").text
    assert run.section("http", "hostgaplugin").detail == "refused"
    if "python3" in missing:
        assert run.section("https", "localhost").detail == "needs curl or python3"
    else:
        assert run.section("https", "localhost").detail == "refused"
        assert run.section("port8443", "localhost").detail == "refused"


@pytest.mark.parametrize("verified", [True, False])
def test_https(guest: Guest, verified: bool) -> None:
    work = guest.directory
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", work / "key",
         "-out", work / "crt", "-subj", "/CN=Lab Issuer", "-addext", "subjectAltName=DNS:store.example", "-days", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    if verified:
        guest.file("/etc/ssl/certs/ca-certificates.crt", (work / "crt").read_bytes())
    guest.file("/etc/hosts", "127.0.0.1 localhost store.example\n")
    setup = "".join(
        f"openssl s_server -key key -cert crt -www -accept {port} < /dev/null > /dev/null 2>&1 & echo $! >> daemons\n"
        f"until bash -c 'exec 9<> /dev/tcp/127.0.0.1/{port}' 2> /dev/null; do :; done\n"
        for port in (443, 8443)
    )
    run = guest.run(setup=setup, storage_endpoints="store.example")
    values = run.values("https", "store.example")
    assert values["code"] == "200"
    assert values["verified"] == ("yes" if verified else "no")
    assert "Lab Issuer" in values["issuer"]
    assert run.section("port8443", "store.example").status is Status.OK


def test_a_server_that_takes_the_connection_and_is_silent(guest: Guest) -> None:
    """Not the same as traffic that is dropped on the way."""
    guest.file("/etc/hosts", "127.0.0.1 localhost store.example\n")
    server = "import socket, time; s = socket.create_server(('127.0.0.1', 443)); open('up', 'w'); time.sleep(60)"
    setup = f'python3 -c "{server}" & echo $! >> daemons\nuntil [ -e up ]; do :; done\n'
    run = guest.run(setup=setup, storage_endpoints="store.example")
    assert run.section("https", "store.example").status is Status.ERROR
    assert run.section("https", "store.example").detail == "silent (8 s)"


def test_the_primary_interface_is_systemd_networkds(guest: Guest) -> None:
    """Its link is a section once: a recording that holds one twice is refused."""
    guest.file("/etc/systemd/network/99-dhcp.network", "[Network]\nDHCP=yes\n")
    links = "layers/root/run/systemd/netif/links"
    setup = f"mkdir -p {links}\necho NETWORK_FILE=/etc/systemd/network/99-dhcp.network > {links}/1\nip route add default dev lo\n"
    run = guest.run(setup=setup)
    assert list(run.recording.subjects("networkd_link")) == ["/run/systemd/netif/links/1"]
    assert "DHCP=yes" in run.section("networkd_network", "/etc/systemd/network/99-dhcp.network").text


def test_the_lease_of_networkmanagers_own_client(guest: Guest) -> None:
    devices = "layers/root/run/NetworkManager/devices"
    setup = f"mkdir -p {devices}\nprintf '[dhcp4]\\ndhcp4.private_245=a8:3f:81:10\\n' > {devices}/2\necho '[device]' > {devices}/1\n"
    run = guest.run(setup=setup)
    assert list(run.recording.subjects("dhcp_lease")) == ["/run/NetworkManager/devices/2"]


def test_an_image_that_is_not_booted(guest: Guest) -> None:
    run = installed(guest).run(image="yes", setup="umount layers/root/proc")
    assert run.section("processes").status is Status.UNSUPPORTED
    assert run.section("agent_version").status is Status.OK
    assert run.section("python").status is Status.OK
    assert run.values("run")["image"] == "yes"
    assert not run.recording.subjects("http")


def test_only_busybox(guest: Guest) -> None:
    """No coreutils, curl, python, iproute2, systemd, getent, sudo; and no shell but ash."""
    shell_path("busybox sh")
    base = guest.directory / "base" / "bin"
    base.mkdir(parents=True)
    shutil.copy("/usr/bin/busybox" if Path("/usr/bin/busybox").exists() else "/bin/busybox", base / "busybox")
    (guest.directory / "base" / "usr").mkdir()
    (guest.directory / "base" / "usr" / "bin").symlink_to("/bin")
    for applet in subprocess.run([base / "busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            (base / applet).symlink_to("busybox")
    run = installed(guest).run("busybox sh", storage_endpoints="store.example")
    assert run.status == 0
    assert run.left == []
    for name in ("https", "port8443"):
        assert run.section(name, "store.example").status is Status.UNSUPPORTED
        assert run.section(name, "store.example").detail == "needs curl or python3"
    assert run.section("http", "imds").detail == "unreachable"
    assert run.section("dns", "store.example").detail == "dns"
    assert run.section("extension_state", EXTENSION).text == "Enabled"
    assert run.section("meminfo").status is Status.OK


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("bad", ["nonce=x", "storage_endpoints='$(id)'", "storage_endpoints=a,-b", "image=maybe", "sudo='yes;id'"])
def test_bad_parameters_are_refused(shell: str, bad: str) -> None:
    script = f"nonce={NONCE}\n{bad}\n".encode() + COLLECTOR.read_bytes()
    done = subprocess.run(isolated([*shell_path(shell).split(), "-s"]), input=script, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode() == f"linux.sh: the parameter {bad.split('=')[0]} is not valid\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_as_an_allowed_file_it_reads_parameters_and_evaluates_nothing(guest: Guest, shell: str) -> None:
    guest.file("/usr/local/sbin/collect", COLLECTOR.read_bytes())
    run = guest.run("dash", script=b"exec < /input; exec " + shell_path(shell).encode() + b" /usr/local/sbin/collect -\n", setup=(
        f"printf '%s\\n' nonce={NONCE} 'storage_endpoints=' image=yes sudo=yes 'PATH=/x' 'echo evil' > layers/root/input"
    ))  # fmt: skip
    assert run.values("run")["sudo"] == "yes"
    assert b"evil" not in run.output


def test_by_hand_it_draws_a_nonce(guest: Guest) -> None:
    script = b"image=yes\n" + COLLECTOR.read_bytes()
    first = guest.run(script=script).output
    second = Guest(guest.directory / "again").run(script=script).output
    assert parse(first).section("run").status is Status.OK
    assert first[:32] != second[:32]


def test_half_of_the_script_does_nothing() -> None:
    text = parameters() + COLLECTOR.read_bytes()
    done = subprocess.run(isolated(["dash", "-s"]), input=text[: text.rindex(b"main <")], capture_output=True, check=False)
    assert done.stdout == b""


def test_a_group_that_was_killed_is_noticed(guest: Guest) -> None:
    guest.program("/usr/bin/sleep", "kill -9 $PPID")  # the cpu group waits with it
    run = guest.run()
    assert run.status == 1
    assert "a group of probes was ended from outside" in run.errors
    with pytest.raises(NotARecording):
        _ = run.recording


def test_side_by_side_under_load(tmp_path: Path) -> None:
    """Eight at once: the marks of the tally and the sections stay whole."""
    needs_root()

    def one(number: int) -> int:
        return len(Guest(tmp_path / str(number)).run(SHELLS[number % 2]).recording.sections)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1
