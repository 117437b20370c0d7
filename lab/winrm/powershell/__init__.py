"""A stand-in for PowerShell: as much of the language as the collector uses, on a described machine.

It is written from Microsoft's language description, by people without a Windows. That the collector runs here shows that its logic
and its names fit together; it does not show that PowerShell agrees.
"""
