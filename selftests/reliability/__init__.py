"""What the suite survives: faults made for real, load, its own death, and VMs that lie. ``python -m selftests.reliability`` writes docs/reliability.md."""
