"""The stand-in for Azure's fabric: every service that a VM meets there, in the network namespace of the calling thread."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Protocol

from lab.addresses import METADATA, WIRESERVER
from lab.fabric import authority, metadata
from lab.fabric.certificates import Certificates
from lab.fabric.dhcp import Dhcp
from lab.fabric.dns import Resolver
from lab.fabric.elsewhere import Elsewhere
from lab.fabric.host_plugin import host_plugin
from lab.fabric.proxies import Proxies
from lab.fabric.server import Service
from lab.fabric.storage import Storage
from lab.fabric.vms import Vm
from lab.fabric.wire import wire_server


class _Stoppable(Protocol):
    def stop(self) -> None: ...


class Fabric:
    """The fabric. ``start`` it where BRIDGE carries all of lab/addresses.py; add and change VMs before or while it runs.

    ``directory``: its own files, as new. ``cache``: what outlives it, the CA and azurite (see ``storage.install``). Programs of the
    fabric end with the thread that calls ``start``.
    """

    def __init__(self, directory: Path, cache: Path) -> None:
        self.directory = directory
        self.vms: dict[str, Vm] = {}
        self._authority = authority.trusted(cache)
        self.storage = Storage(directory / "storage", cache, self._authority)
        self._parts: list[_Stoppable] = []

    @property
    def ca_certificate(self) -> Path:
        """The CA (PEM) that guests have to trust."""
        return self._authority.path

    def add(self, vm: Vm) -> Vm:
        """Let a VM in. Raises ValueError when its name, address or hardware address is taken."""
        if vm.name in self.vms or self.vm_at(vm.address) or self.vm_with(vm.mac):
            raise ValueError(f"{vm.name} ({vm.address}, {vm.mac}): the lab has a VM with this name, address or hardware address")
        self.vms[vm.name] = vm
        return vm

    def remove(self, name: str) -> None:
        """Forget a VM."""
        del self.vms[name]

    def vm_at(self, address: str) -> Vm | None:
        """The VM with an IP address."""
        return next((vm for vm in list(self.vms.values()) if vm.address == address), None)

    def vm_with(self, mac: str) -> Vm | None:
        """The VM with a hardware address."""
        return next((vm for vm in list(self.vms.values()) if vm.mac == mac), None)

    def start(self) -> None:
        """Start everything. Raises FabricError, or OSError where addresses are missing or ports are taken; nothing is left then."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.stop)
            self.start_services()
            self._parts.append(self.storage)
            self.storage.start()
            self._parts.append(Proxies(self.directory / "proxies"))
            stack.pop_all()

    def start_services(self) -> None:
        """Start what runs in this process: all but storage and proxies."""
        wire = wire_server(self.storage, Certificates())
        self._parts.append(Resolver(self.vm_at, self.vms.get))
        self._parts.append(Dhcp(self.vm_with))
        self._parts.append(Service("wireserver", (WIRESERVER, 80), self.vm_at, wire))
        self._parts.append(Service("host_plugin", (WIRESERVER, 32526), self.vm_at, host_plugin(self.storage)))
        self._parts.append(Service("metadata", (METADATA, 80), self.vm_at, metadata.answer))
        self._parts.append(Elsewhere(self.directory / "elsewhere"))

    def stop(self) -> None:
        """Stop everything."""
        while self._parts:
            self._parts.pop().stop()
