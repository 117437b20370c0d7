"""The suite's command line, as a test starts it."""

import sys

PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
"""pytest as users have it: without the plugin that only developers of the suite install, and that takes long to import."""
