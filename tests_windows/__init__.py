"""Checks of a Windows VM."""
