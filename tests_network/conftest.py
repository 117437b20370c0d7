"""The facts that the checks of this folder read."""

from backup_preflight.fixtures import *  # noqa: F403
