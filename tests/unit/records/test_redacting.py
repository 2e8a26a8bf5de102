"""What of a row may stand in the log."""

from __future__ import annotations

from datetime import datetime

import pytest

from modelwright.core.errors import SpecError
from modelwright.core.nouns import ColumnType, Finding, Severity, Signature, SignatureField, Task
from modelwright.records.keys import subject_hash
from modelwright.serving.redacting import is_personal_name, personal_columns, redaction, redactor
from modelwright.spec.serving import ColumnPolicy, LogSpec

KEY = bytes(32)


def signature(**columns: ColumnType) -> Signature:
    fields = tuple(SignatureField(name=name, type=kind) for name, kind in columns.items())
    return Signature(inputs=fields, task=Task.REGRESSION)


PLAIN = signature(age=ColumnType.NUMBER, plan=ColumnType.CATEGORY)
PEOPLE = signature(
    age=ColumnType.NUMBER, email=ColumnType.TEXT, customer_id=ColumnType.NUMBER, joined=ColumnType.DATETIME
)


def test_where_nothing_is_redacted_nothing_is_done() -> None:
    assert redactor(PLAIN, LogSpec(), KEY) is tuple
    assert redaction(PLAIN, LogSpec(), {}, KEY).rows([(1.0, "a"), None]) == ((1.0, "a"), None)


def test_personal_data_are_left_out_unless_they_are_wanted() -> None:
    found = redaction(PEOPLE, LogSpec(), {}, KEY)
    assert found.columns == ("age", "joined")
    assert found.types == ("number", "datetime")
    assert found.dropped == ("email", "customer_id")
    assert found.apply((40.0, "a@b.org", 17.0, datetime(1970, 1, 1, 0, 0, 1))) == (40.0, 1_000_000)  # noqa: DTZ001
    policies = {"email": ColumnPolicy(log="keep"), "customer_id": ColumnPolicy(log="hash")}
    found = redaction(PEOPLE, LogSpec(), policies, KEY)
    assert found.columns == ("age", "email", "customer_id", "joined")
    assert found.types == ("number", "text", "text", "datetime")
    kept = found.apply((40.0, "a@b.org", 17.0, None))
    assert kept == (40.0, "a@b.org", subject_hash(17, KEY, "customer_id\0"), None)


def test_what_training_found_is_left_out_too() -> None:
    finding = Finding(code="data.personal", severity=Severity.MEDIUM, subject="column:plan", message="")
    other = Finding(code="data.missing", severity=Severity.LOW, subject="column:age", message="")
    assert redaction(PLAIN, LogSpec(), {}, KEY, personal_columns([finding, other])).columns == ("age",)


def test_an_allowlist_keeps_only_what_it_names() -> None:
    found = redaction(PLAIN, LogSpec(columns="none"), {"plan": ColumnPolicy(log="keep")}, KEY)
    assert found.apply((1.0, "a")) == ("a",)
    assert redaction(PLAIN, LogSpec(columns="none"), {}, KEY).apply((1.0, "a")) == ()


def test_the_subject_is_kept_hashed_even_where_its_column_is_not() -> None:
    found = redaction(PEOPLE, LogSpec(subject="customer_id"), {}, KEY)
    assert found.columns == ("age", "joined", "subject")
    assert found.types[-1] == "subject"
    assert found.apply((40.0, "a@b.org", 17.0, None))[-1] == subject_hash("17", KEY)
    rows = redaction(PLAIN, LogSpec(subject="row_id"), {}, KEY)
    assert rows.row_ids(["anna"]) == (subject_hash("anna", KEY),)
    assert redaction(PLAIN, LogSpec(), {}, KEY).row_ids(["anna"]) == ("anna",)


@pytest.mark.parametrize("spec", [LogSpec(subject="customer")])
def test_a_slip_in_a_name_keeps_nothing(spec: LogSpec) -> None:
    with pytest.raises(SpecError) as caught:
        redaction(PEOPLE, spec, {}, KEY)
    assert caught.value.code == "log.subject"
    with pytest.raises(SpecError) as caught:
        redaction(PEOPLE, LogSpec(), {"e_mail": ColumnPolicy(log="drop")}, KEY)
    assert caught.value.code == "log.column"


_PERSONAL = "email E-Mail customerId patient_no lastName ssn phone_number date_of_birth ip name credit_card user_name"
_NOT = "age tenure_months plan_name email_opens zip product_id names_count"


def test_names_of_columns() -> None:
    assert [name for name in _PERSONAL.split() if not is_personal_name(name)] == []
    assert [name for name in _NOT.split() if is_personal_name(name)] == []
