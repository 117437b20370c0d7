"""Checks of a Windows VM. There are none yet."""
