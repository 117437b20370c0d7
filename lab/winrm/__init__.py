"""A stand-in for WinRM on Windows. No Windows, and no Microsoft code, is in it: what it proves is that two clients can talk to it.

It speaks WS-Management and PSRP to real clients, as recorded conversations with real Windows show it (pypsrp's test data), logs in
with NTLM, Negotiate or Basic, and answers the collector from a described machine (machine.py).
"""
