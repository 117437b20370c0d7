"""The instance metadata service (169.254.169.254, port 80)."""

from __future__ import annotations

import json
import re
from typing import Any

from lab.addresses import SUBNET
from lab.fabric.server import JSON, TEXT, Answer, Request
from lab.fabric.vms import Vm

API_VERSIONS = ("2017-04-02", "2018-02-01", "2019-06-01", "2020-09-01", "2021-02-01", "2021-11-01", "2021-12-13", "2023-07-01")

SINCE = {"azEnvironment": "2018-10-01", "provider": "2018-10-01", "resourceId": "2019-03-11", "storageProfile": "2019-06-01"}
"""The first version of the API with a property of ``compute``; the agent warns of those that its own version lacks."""


def answer(request: Request) -> Answer:
    """The service's answer, by its rules: GET only, the header ``Metadata: true``, no proxy on the way, a version in the query."""
    if request.method != "GET":
        return _error(405, "Method not allowed")
    if request.headers.get("Metadata", "").lower() != "true":
        return _error(400, "Bad request. Required metadata header not specified")
    if "X-Forwarded-For" in request.headers:
        return _error(400, "Bad request. Request with X-Forwarded-For header is not allowed")
    parts = [part for part in request.path.split("/") if part]
    if parts == ["metadata", "versions"]:
        return Answer(body=json.dumps({"apiVersions": API_VERSIONS}), type=JSON)
    if parts[:2] != ["metadata", "instance"]:
        return _error(404, "Not found")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", request.query.get("api-version", "")):
        newest = list(reversed(API_VERSIONS[-3:]))
        missing = "Bad request. api-version is invalid or was not specified in the request."
        return Answer(400, json.dumps({"error": missing, "newest-versions": newest}), JSON)
    found = _below(instance(request.vm, request.query["api-version"]), parts[2:])
    if found is None:
        return _error(404, "Not found")
    if request.query.get("format", "json") == "text":
        return Answer(body=_text(found), type=TEXT)
    if isinstance(found, str):
        return _error(400, "Bad request. A leaf has the format text only")
    return Answer(body=json.dumps(found), type=JSON)


def _error(code: int, message: str) -> Answer:
    return Answer(code, json.dumps({"error": message}), JSON)


def _below(tree: Any, parts: list[str]) -> Any:
    """The node at a path, in which letters' case does not count and lists have numbers; None where there is nothing."""
    for part in parts:
        if isinstance(tree, list):
            tree = tree[int(part)] if part.isdecimal() and int(part) < len(tree) else None
        elif isinstance(tree, dict):
            tree = next((value for name, value in tree.items() if name.lower() == part.lower()), None)
        else:
            return None
    return tree


def _text(node: Any) -> str:
    """A leaf itself; of a directory its entries, those that are directories with a slash."""
    if isinstance(node, str):
        return node
    entries = node.items() if isinstance(node, dict) else enumerate(node)
    return "\n".join(f"{name}{'' if isinstance(value, str) else '/'}" for name, value in entries)


def instance(vm: Vm, version: str) -> dict[str, Any]:
    """All of ``/metadata/instance`` in a version of the API. Every leaf is a string, numbers as well."""
    address = {"ipAddress": [{"privateIpAddress": vm.address, "publicIpAddress": ""}]}
    subnet, _, prefix = SUBNET.partition("/")
    interface = {
        "ipv4": {**address, "subnet": [{"address": subnet, "prefix": prefix}]},
        "ipv6": {"ipAddress": []},
        "macAddress": vm.mac.replace(":", "").upper(),
    }
    network = {"interface": [interface]}
    compute = {name: value for name, value in _compute(vm).items() if version >= SINCE.get(name, "")}
    return {"network": network} if vm.classic else {"compute": compute, "network": network}


def _compute(vm: Vm) -> dict[str, Any]:
    subscription = vm.id("subscription")
    return {
        "azEnvironment": "AzurePublicCloud",
        "location": "westeurope",
        "name": vm.name,
        "offer": "debian-12",
        "osType": "Linux",
        "placementGroupId": "",
        "platformFaultDomain": "0",
        "platformUpdateDomain": "0",
        "provider": "Microsoft.Compute",
        "publisher": "Debian",
        "resourceGroupName": "lab",
        "resourceId": f"{_group(vm)}/providers/Microsoft.Compute/virtualMachines/{vm.name}",
        "sku": "12-gen2",
        "storageProfile": _storage_profile(vm),
        "subscriptionId": subscription,
        "tags": "",
        "version": "0.20250101.1",
        "vmId": vm.id("machine"),
        "vmScaleSetName": "",
        "vmSize": "Standard_D2s_v3",
        "zone": "",
    }


def _group(vm: Vm) -> str:
    return f"/subscriptions/{vm.id('subscription')}/resourceGroups/lab"


def _storage_profile(vm: Vm) -> dict[str, Any]:
    vault = {"sourceVault": {"id": ""}}
    encryption = {
        "enabled": "false",
        "diskEncryptionKey": {**vault, "secretUrl": ""},
        "keyEncryptionKey": {**vault, "keyUrl": ""},
    }
    system = {
        **_disk(vm, f"{vm.name}_OsDisk_1", vm.os_disk_gb),
        "caching": "ReadWrite",
        "createOption": "FromImage",
        "diffDiskSettings": {"option": ""},
        "encryptionSettings": encryption,
        "osType": "Linux",
    }
    return {
        "dataDisks": [_data_disk(vm, lun, size) for lun, size in enumerate(vm.data_disks_gb)],
        "imageReference": {"id": "", "offer": "debian-12", "publisher": "Debian", "sku": "12-gen2", "version": "latest"},
        "osDisk": system,
        "resourceDisk": {"size": "16384"},
    }


def _data_disk(vm: Vm, lun: int, size: int) -> dict[str, Any]:
    return {
        **_disk(vm, f"{vm.name}_DataDisk_{lun}", size),
        "bytesPerSecondThrottle": "979202048",
        "caching": "None",
        "createOption": "Empty",
        "diskCapacityBytes": str(size * 1024**3),
        "isSharedDisk": "false",
        "isUltraDisk": "false",
        "lun": str(lun),
        "opsPerSecondThrottle": "65280",
    }


def _disk(vm: Vm, name: str, size: int) -> dict[str, Any]:
    """What disks of both kinds have. ``size`` in GB."""
    return {
        "diskSizeGB": str(size),
        "image": {"uri": ""},
        "managedDisk": {"id": f"{_group(vm)}/providers/Microsoft.Compute/disks/{name}", "storageAccountType": "Premium_LRS"},
        "name": name,
        "vhd": {"uri": ""},
        "writeAcceleratorEnabled": "false",
    }
