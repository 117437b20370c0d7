"""The stand-in fabric, by the requests of an agent, a DHCP client, a resolver and the suite itself."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from lab.addresses import BRIDGE, ELSEWHERE, GATEWAY, METADATA, STORAGE, SUBNET, WIRESERVER, address_of, mac_of
from lab.fabric.dhcp import INFINITE, Message, Option, options_of
from lab.fabric.fabric import Fabric
from lab.fabric.packages import package
from lab.fabric.vms import PRE_FIX_VERSION, VERSION, Dns, Handler, Vm
from selftests.sshd import missing

VMS = 9
PROFILE = "/metadata/instance/compute/storageProfile?api-version=2021-11-01"


@pytest.fixture(scope="module")
def bridge(isolated_network: None) -> Iterator[None]:  # noqa: ARG001
    """The lab's bridge with the fabric's addresses, and with those of the VMs, as the tests play them."""
    addresses = [f"{GATEWAY}/{SUBNET.partition('/')[2]}", *(f"{each}/32" for each in (WIRESERVER, METADATA, STORAGE, ELSEWHERE))]
    addresses += [f"{address_of(number)}/32" for number in range(1, VMS)]
    lines = [f"link add {BRIDGE} type bridge", f"link set {BRIDGE} up", *(f"addr add {each} dev {BRIDGE}" for each in addresses)]
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"cannot make a bridge: {done.stderr.strip()}")
    yield
    subprocess.run(["ip", "link", "delete", BRIDGE], check=True)


@pytest.fixture(scope="module")
def fabric(bridge: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:  # noqa: ARG001
    """All services but storage and proxies, which need programs of their own."""
    fabric = Fabric(tmp_path_factory.mktemp("fabric"), tmp_path_factory.mktemp("cache"))
    fabric.start_services()
    yield fabric
    fabric.stop()


@pytest.fixture
def vm(fabric: Fabric) -> Iterator[Vm]:
    yield fabric.add(Vm("vm1", address_of(1), mac_of(1)))
    fabric.remove("vm1")


@dataclass(frozen=True)
class Got:
    code: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def xml(self) -> ET.Element:
        return ET.fromstring(self.body)


def get(source: str, host: str, path: str, port: int = 80, **headers: str) -> Got:
    connection = http.client.HTTPConnection(host, port, timeout=5, source_address=(source, 0))
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    got = Got(answer.status, dict(answer.getheaders()), answer.read())
    connection.close()
    return got


def configuration(vm: Vm, kind: str, **headers: str) -> ET.Element:
    """One document of the goal state, by the address that the goal state gives for it."""
    url = get(vm.address, WIRESERVER, "/machine/?comp=goalstate").xml.findtext(f".//Configuration/{kind}")
    assert url
    return get(vm.address, WIRESERVER, url.removeprefix(f"http://{WIRESERVER}:80"), **headers).xml


def handler_settings(vm: Vm) -> dict[str, Any]:
    content = configuration(vm, "ExtensionsConfig").findtext(".//RuntimeSettings")
    assert content
    settings: dict[str, Any] = json.loads(content)["runtimeSettings"][0]["handlerSettings"]
    return settings


# --- The wire server and the host plugin --------------------------------------------------------------------------------------


def test_only_vms_of_the_lab_are_answered(vm: Vm) -> None:
    assert get(vm.address, WIRESERVER, "/?comp=versions").code == 200
    assert get(address_of(8), WIRESERVER, "/?comp=versions").code == 404


def test_versions_are_those_of_a_wire_server(vm: Vm) -> None:
    got = get(vm.address, WIRESERVER, "/?comp=versions")
    assert "2012-11-30" in [each.text for each in got.xml.iterfind("Supported/Version")]
    assert got.headers["Date"]
    assert vm.requests == ["wireserver GET /?comp=versions"]


def test_a_change_is_a_new_goal_state(vm: Vm) -> None:
    before = get(vm.address, WIRESERVER, "/machine/?comp=goalstate").xml
    vm.change(handlers=[Handler(version="1.0.91.0", public={"labCode": 76})], certificates=False)
    after = get(vm.address, WIRESERVER, "/machine/?comp=goalstate").xml
    assert (before.findtext("Incarnation"), after.findtext("Incarnation")) == ("1", "2")
    assert before.find(".//Certificates") is not None
    assert after.find(".//Certificates") is None
    plugin = configuration(vm, "ExtensionsConfig").find("Plugins/Plugin")
    assert plugin is not None
    assert (plugin.get("version"), plugin.get("state")) == ("1.0.91.0", "enabled")
    settings = handler_settings(vm)
    assert settings["publicSettings"]["labCode"] == 76
    assert "protectedSettings" not in settings


def test_documents_name_deployment_and_instance(vm: Vm) -> None:
    shared, environment = configuration(vm, "SharedConfig"), configuration(vm, "HostingEnvironmentConfig")
    for document in (shared, environment):
        deployment = document.find("Deployment")
        assert deployment is not None
        assert deployment.get("name") == vm.deployment
    instance = shared.find("Instances/Instance")
    assert instance is not None
    assert instance.get("address") == vm.address


def test_the_agents_certificate_opens_the_settings(vm: Vm, tmp_path: Path) -> None:
    """As the agent does it: with the openssl command, from a key of its own to the handler's secret."""

    def openssl(*arguments: str, data: bytes = b"") -> bytes:
        return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True, cwd=tmp_path).stdout

    new = ("-newkey", "rsa:2048", "-subj", "/CN=LinuxTransport", "-days", "1", "-keyout", "transport.key", "-out", "transport.crt")
    openssl("req", "-x509", "-nodes", *new)
    certificate = "".join((tmp_path / "transport.crt").read_text().splitlines()[1:-1])
    document = configuration(vm, "Certificates", x_ms_guest_agent_public_x509_cert=certificate)
    mail = "MIME-Version:1.0\nContent-Type: application/x-pkcs7-mime\nContent-Transfer-Encoding: base64\n\n"
    mail += document.findtext("Data") or ""
    pfx = openssl("cms", "-decrypt", "-inkey", "transport.key", "-recip", "transport.crt", data=mail.encode())
    (tmp_path / "vm.pem").write_bytes(openssl("pkcs12", "-nodes", "-password", "pass:", data=pfx))
    settings = handler_settings(vm)
    fingerprint = openssl("x509", "-in", "vm.pem", "-noout", "-fingerprint", "-sha1").decode()
    assert fingerprint.strip().rpartition("=")[2].replace(":", "") == settings["protectedSettingsCertThumbprint"]
    secret = base64.b64decode(settings["protectedSettings"])
    opened = openssl("cms", "-decrypt", "-inform", "DER", "-recip", "vm.pem", "-inkey", "vm.pem", data=secret)
    assert json.loads(opened)["logsBlobUri"].startswith("https://labstore.blob.core.windows.net/")


def test_the_host_plugin_keeps_the_agents_status(vm: Vm) -> None:
    assert get(vm.address, WIRESERVER, "/versions", 32526).body.startswith(b"[")
    assert get(vm.address, WIRESERVER, "/vmSettings", 32526).code == 404
    content = base64.b64encode(b'{"aggregateStatus": {}}').decode()
    connection = http.client.HTTPConnection(WIRESERVER, 32526, timeout=5, source_address=(vm.address, 0))
    connection.request("PUT", "/status", json.dumps({"requestUri": "https://…", "headers": [], "content": content}))
    assert connection.getresponse().status == 200
    connection.close()
    assert (vm.status, vm.uploads) == ({"aggregateStatus": {}}, 1)


def test_a_silent_service_takes_the_request_and_says_nothing(vm: Vm) -> None:
    vm.silent = frozenset({"wireserver"})
    with socket.create_connection((WIRESERVER, 80), 5, source_address=(vm.address, 0)) as connection:
        connection.sendall(b"GET /?comp=versions HTTP/1.1\r\nHost: wire\r\n\r\n")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    assert vm.requests == ["wireserver GET /?comp=versions"]
    assert get(vm.address, WIRESERVER, "/versions", 32526).code == 200


def test_a_name_or_address_is_taken_once(fabric: Fabric, vm: Vm) -> None:
    with pytest.raises(ValueError, match="vm1"):
        fabric.add(Vm("vm1", address_of(2), mac_of(2)))
    with pytest.raises(ValueError, match=vm.address):
        fabric.add(Vm("vm2", vm.address, mac_of(2)))


# --- Instance metadata --------------------------------------------------------------------------------------------------------


def test_metadata_has_its_rules(vm: Vm) -> None:
    assert get(vm.address, METADATA, PROFILE).code == 400
    assert get(vm.address, METADATA, PROFILE, Metadata="true", X_Forwarded_For="10.0.0.1").code == 400
    assert get(vm.address, METADATA, "/metadata/instance", Metadata="true").code == 400
    assert get(vm.address, METADATA, "/metadata/instance/nothing?api-version=2021-11-01", Metadata="true").code == 404


def test_metadata_tells_the_disks(vm: Vm) -> None:
    vm.os_disk_gb, vm.data_disks_gb = 64, [1024, 32768]
    profile = json.loads(get(vm.address, METADATA, PROFILE, Metadata="true").body)
    assert profile["osDisk"]["diskSizeGB"] == "64"
    assert profile["osDisk"]["managedDisk"]["id"]
    assert [(disk["lun"], disk["diskSizeGB"]) for disk in profile["dataDisks"]] == [("0", "1024"), ("1", "32768")]


@pytest.mark.parametrize(
    ("path", "text"),
    [("", "compute/\nnetwork/"), ("/compute/name", "vm1"), ("/network/interface/0/ipv4/ipAddress/0/privateIpAddress", address_of(1))],
)
def test_metadata_as_text(vm: Vm, path: str, text: str) -> None:
    got = get(vm.address, METADATA, f"/metadata/instance{path}?api-version=2021-11-01&format=text", Metadata="true")
    assert got.body.decode() == text


def test_a_classic_vm_has_no_compute_metadata(vm: Vm) -> None:
    vm.classic = True
    assert get(vm.address, METADATA, PROFILE, Metadata="true").code == 404
    assert "network" in json.loads(get(vm.address, METADATA, "/metadata/instance?api-version=2021-11-01", Metadata="true").body)


# --- Names --------------------------------------------------------------------------------------------------------------------

A, AAAA = 1, 28


def query(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", 77, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def resolve(source: str, name: str, kind: int = A) -> tuple[int, str]:
    """The response's code, and its address if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((source, 0))
        client.settimeout(5)
        client.sendto(query(name, kind), (WIRESERVER, 53))
        response = client.recv(512)
    return response[3] & 15, socket.inet_ntoa(response[-4:]) if response[7] else ""


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("labstore.blob.core.windows.net", STORAGE),
        ("labstore.z1.blob.storage.azure.net", STORAGE),
        ("management.azure.com", ELSEWHERE),
        ("vm1.lab.internal.cloudapp.net", address_of(1)),
    ],
)
def test_names_resolve(vm: Vm, name: str, address: str) -> None:
    assert resolve(vm.address, name) == (0, address)
    assert resolve(vm.address, name, AAAA) == (0, "")


@pytest.mark.parametrize(("mode", "answer"), [(Dns.SERVFAIL, (2, "")), (Dns.NXDOMAIN, (3, "")), (Dns.LIE, (0, ELSEWHERE))])
def test_names_can_be_broken_for_one_vm(vm: Vm, mode: Dns, answer: tuple[int, str]) -> None:
    vm.dns = mode
    assert resolve(vm.address, "labstore.blob.core.windows.net") == answer
    assert resolve(address_of(8), "labstore.blob.core.windows.net") == (0, STORAGE)


def test_a_silent_resolver_stays_silent(vm: Vm) -> None:
    vm.dns = Dns.SILENT
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((vm.address, 0))
        client.settimeout(0.3)
        client.sendto(query("labstore.blob.core.windows.net", A), (WIRESERVER, 53))
        with pytest.raises(TimeoutError):
            client.recv(512)
    assert vm.requests == ["dns 1 labstore.blob.core.windows.net"]


def test_names_resolve_over_tcp(vm: Vm) -> None:
    question = query("labstore.blob.core.windows.net", A)
    with socket.create_connection((WIRESERVER, 53), 5, source_address=(vm.address, 0)) as client:
        client.sendall(len(question).to_bytes(2, "big") + question)
        assert client.recv(512)[-4:] == socket.inet_aton(STORAGE)


# --- DHCP ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(fabric: Fabric) -> Iterator[socket.socket]:  # noqa: ARG001
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, BRIDGE.encode())
        client.bind(("", 68))
        client.settimeout(5)
        yield client


def ask(client: socket.socket, mac: str, message: Message, wanted: str = "0.0.0.0") -> None:
    hardware = bytes.fromhex(mac.replace(":", ""))
    fixed = bytes([1, 1, 6, 0]) + b"lab!" + b"\0" * 20 + hardware.ljust(16, b"\0") + b"\0" * 192 + b"\x63\x82\x53\x63"
    options = bytes([Option.MESSAGE, 1, message, Option.REQUESTED_ADDRESS, 4]) + socket.inet_aton(wanted) + b"\xff"
    client.sendto(fixed + options, ("255.255.255.255", 67))


def lease(client: socket.socket, vm: Vm) -> tuple[str, dict[int, bytes]]:
    """Address and options of the server's ACK."""
    ask(client, vm.mac, Message.DISCOVER)
    offer = client.recv(2048)
    assert options_of(offer)[Option.MESSAGE] == bytes([Message.OFFER])
    ask(client, vm.mac, Message.REQUEST, socket.inet_ntoa(offer[16:20]))
    ack = client.recv(2048)
    assert options_of(ack)[Option.MESSAGE] == bytes([Message.ACK])
    return socket.inet_ntoa(ack[16:20]), options_of(ack)


def test_a_lease_has_azures_options(client: socket.socket, vm: Vm) -> None:
    address, options = lease(client, vm)
    assert address == vm.address
    assert options[Option.WIRESERVER] == options[Option.DNS] == socket.inet_aton(WIRESERVER)
    assert socket.inet_aton(WIRESERVER) in options[Option.ROUTES]
    assert options[Option.ROUTER] == socket.inet_aton(GATEWAY)
    assert int.from_bytes(options[Option.LEASE_TIME], "big") == INFINITE


def test_a_lease_can_lack_azures_options(client: socket.socket, vm: Vm) -> None:
    vm.option_245 = vm.option_121 = False
    _, options = lease(client, vm)
    assert not {Option.WIRESERVER, Option.ROUTES} & options.keys()


def test_a_vm_without_dhcp_gets_no_answer(client: socket.socket, fabric: Fabric, vm: Vm) -> None:
    vm.dhcp_answers = False
    other = fabric.add(Vm("vm2", address_of(2), mac_of(2)))
    ask(client, vm.mac, Message.DISCOVER)
    assert lease(client, other)[0] == other.address  # the first answer is the other's
    fabric.remove("vm2")


def test_another_vms_address_is_refused(client: socket.socket, vm: Vm) -> None:
    ask(client, vm.mac, Message.REQUEST, address_of(2))
    assert options_of(client.recv(2048))[Option.MESSAGE] == bytes([Message.NAK])


# --- Elsewhere, and the stub of the extension -----------------------------------------------------------------------------------


def test_the_interceptor_has_a_certificate_that_nobody_trusts(fabric: Fabric) -> None:
    def handshake(context: ssl.SSLContext) -> None:
        with socket.create_connection((ELSEWHERE, 8443), 5) as connection:
            context.wrap_socket(connection, server_hostname="labstore.blob.core.windows.net").close()

    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(ssl.create_default_context(cafile=str(fabric.ca_certificate)))
    handshake(ssl._create_unverified_context())


@pytest.mark.usefixtures("fabric")
def test_a_web_server_answers_elsewhere() -> None:
    assert b"<html>" in get(GATEWAY, ELSEWHERE, "/?comp=versions").body


@pytest.mark.parametrize(
    ("settings", "code", "status"),
    [
        ({"publicSettings": {}}, 0, "1"),
        ({"publicSettings": {"labCode": 76, "labExit": 51}}, 51, "76"),
        ({"protectedSettings": "AAAA", "protectedSettingsCertThumbprint": "00"}, 0, "16"),
    ],
)
def test_the_stub_reports_what_it_is_told(tmp_path: Path, settings: dict[str, Any], code: int, status: str) -> None:
    if not (Path("/usr/bin/python3").exists() or Path("/usr/local/bin/python3").exists()):
        missing("the stub, as the extension, needs /usr/bin/python3 or /usr/local/bin/python3")
    folders = {name: str(tmp_path / name.removesuffix("Folder")) for name in ("configFolder", "statusFolder", "logFolder")}
    for folder in folders.values():
        Path(folder).mkdir()
    with zipfile.ZipFile(BytesIO(package(VERSION))) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "HandlerEnvironment.json").write_text(json.dumps([{"handlerEnvironment": folders}]))
    (tmp_path / "config/0.settings").write_text(json.dumps({"runtimeSettings": [{"handlerSettings": settings}]}))
    done = subprocess.run(["sh", "main/handle.sh", "enable"], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, check=False)
    assert done.returncode == code
    assert json.loads((tmp_path / "status/0.status").read_text())[0]["status"]["code"] == status


def test_only_the_version_before_the_fix_has_old_imports() -> None:
    def sources(version: str) -> bytes:
        with zipfile.ZipFile(BytesIO(package(version))) as archive:
            return b"\n".join(archive.read(name) for name in archive.namelist() if name.endswith(".py"))

    for module in (b"imp", b"distutils", b"crypt"):
        lines = (b"\nimport " + module + b"\n", b"\nfrom " + module + b".")
        assert any(line in b"\n" + sources(PRE_FIX_VERSION) for line in lines)
        assert not any(line in b"\n" + sources(VERSION) for line in lines)
