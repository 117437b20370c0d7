"""Tells, before anyone enables Azure Backup on a VM, whether that VM will back up, and if not, why and how to fix it."""

__version__ = "0.1.0"
