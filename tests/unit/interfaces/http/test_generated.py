"""schemathesis on the generated description: requests nobody would write, replies checked against what is promised."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.interfaces.http import hosting

schemathesis = pytest.importorskip("schemathesis")
#: JSON Schema cannot say that columns are of one length, that there is a name for each row, or how a time is written
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance  # noqa: E402


def _check(examples: int) -> None:
    """Every operation in process, with positive and negative data."""
    from hypothesis import HealthCheck, Phase, given, settings

    made = hosting.host(allowed_hosts=None)
    schema = schemathesis.openapi.from_asgi("/openapi.json", made.app)
    seen = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:
            if mode is schemathesis.GenerationMode.NEGATIVE and not operation.body:
                continue  # nothing of it can be wrong

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=examples, deadline=None, database=None, derandomize=True, print_blob=False,
                suppress_health_check=list(HealthCheck), phases=[Phase.generate],
            )  # fmt: skip
            def judge(case: Any) -> None:
                nonlocal seen
                seen += 1
                reply = case.call(headers={"host": "localhost"})
                assert reply.status_code < 500 or reply.status_code == 503, (case.as_curl_command(), reply.content)
                # 413 is a rejection too, but not in schemathesis' list of them
                left_out = [negative_data_rejection] if reply.status_code == 413 else []
                case.validate_response(reply, excluded_checks=[positive_data_acceptance, *left_out])

            judge()
    assert seen >= examples


def test_generated_requests_find_nothing() -> None:
    _check(8)


@pytest.mark.soak
def test_many_generated_requests_find_nothing() -> None:
    _check(2_000)
