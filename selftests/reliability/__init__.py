"""What the suite survives: faults, load, its own death, VMs that lie. ``python -m selftests.reliability`` writes docs/reliability.md."""
