"""Every check, with recordings that bring each of its verdicts."""
