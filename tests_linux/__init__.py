"""Checks of a Linux VM: its agent, its extension, what a snapshot needs, its disks."""
