"""A lab of real Linux guests on a network that looks like Azure's. See docs/lab.md."""
