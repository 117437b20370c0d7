"""The facts: what a section means, and what it must not be taken for."""
