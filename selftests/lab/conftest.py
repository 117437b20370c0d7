"""The lab for selftests: real guests on a network of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.client import RunningLab, build, running
from lab.faults import faults
from lab.images import DEFAULT
from lab.shell import LabError, require
from selftests.sshd import missing, way_out


@pytest.fixture(scope="session")
def lab() -> Iterator[RunningLab]:
    """A lab with the images that the faults of the smoke set need."""
    try:
        require()
    except LabError as error:
        missing(str(error))
    images = {DEFAULT, *(fault.image for fault in faults().values() if fault.smoke)}
    with way_out():
        build(images)
    with running([]) as found:
        yield found
