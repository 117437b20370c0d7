from __future__ import annotations

from collections.abc import Iterator

import pytest

from backup_preflight import lang


@pytest.fixture
def korean() -> Iterator[None]:
    """Whatever is said, is said in Korean."""
    lang.use("ko")
    yield
    lang.use("en")
