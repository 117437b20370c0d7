"""Tier 2: one real virtual machine, for what a container cannot have: kernel, clock, firmware, disks of its own."""

from lab.machine.base import MACHINE as MACHINE
from lab.machine.base import prepare as prepare
from lab.machine.machine import Machine as Machine
