from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.checks.code.toys import toy_rules


@pytest.fixture
def toys() -> Iterator[None]:
    with toy_rules():
        yield
