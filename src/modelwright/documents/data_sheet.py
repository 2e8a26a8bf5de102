"""The data sheet: what is known of the data from the data itself, and what only its owner can answer.

Questions after Gebru et al., "Datasheets for Datasets", Communications of the ACM 64(12), 2021. What the profile
and the findings answer is answered; the rest is listed as a question to the owner, never filled with guesses.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelwright.core.nouns import Finding
from modelwright.core.run import RunRecord
from modelwright.documents import facts, figures
from modelwright.documents import markdown as text
from modelwright.documents.words import count, listed, number, plain, sentence, share

COLUMNS_LISTED = 300
#: what no table can say of itself
OWNER = (
    ("Motivation", "For what purpose was the data collected, by whom, and who paid for it?"),
    ("Composition", "What does one row stand for, and is this every case or a sample of them?"),
    ("Composition", "How was the target decided, and by whom?"),
    ("Collection", "How and over what time was each column recorded: measured, reported, or derived?"),
    ("Collection", "Did the people concerned know and agree, and can they withdraw?"),
    ("Preparation", "What was cleaned, joined or left out before this file was made, and is the raw data kept?"),
    ("Uses", "What else has the data been used for, and for what should it not be used?"),
    ("Distribution", "Who may have the data, and under which licence or law?"),
    ("Maintenance", "Who keeps the data up to date, and who is asked about errors?"),
)


def markdown(record: RunRecord) -> str:
    return text.document(
        [
            f"# Data sheet: {text.safe(record.source or record.name)}",
            *text.section("Composition", *_composition(record)),
            *text.section("Columns", *_columns(record)),
            *text.section("Errors, noise and repeats", *_found(record, ("data.", "check."))),
            *text.section("People in the data", *_people(record)),
            *text.section("What the data gives away", *_found(record, ("leak.",))),
            *text.section("Preparation seen here", *_preparation(record)),
            *text.section("Recommended splits", *_splits(record)),
            *text.section("Questions to the owner", *_questions(record)),
        ]
    )


def _composition(record: RunRecord) -> list[str]:
    rows = [row for row in facts.data_rows(record) if row[0] not in ("Metric",)]
    missing = record.profile.get("missing_share")
    if isinstance(missing, int | float):
        rows.append(("Cells without a value", share(missing)))
    return [text.pairs(rows)]


def _columns(record: RunRecord) -> list[str]:
    known = dict(figures.columns_of(record.profile))
    columns = record.schema.columns if record.schema else ()
    rows = []
    for column in columns[:COLUMNS_LISTED]:
        told = known.get(column.name, {})
        rows.append(
            (
                text.code(column.name),
                column.type.value,
                column.role.value,
                share(told["missing_share"]) if told.get("missing_share") else "",
                number(told.get("n_unique")) if told.get("n_unique") is not None else "",
                _values(told),
            )
        )
    more = len(columns) - len(rows)
    return [
        text.table(("Column", "Type", "Role", "Missing", "Distinct", "Values"), rows, right=(3, 4)),
        f"And {count(more, 'column')} more." if more > 0 else "",
    ]


def _values(told: dict[str, object]) -> str:
    if told.get("min") is not None and told.get("max") is not None:
        return text.safe(f"{plain(told['min'], 24)} to {plain(told['max'], 24)}")
    top = told.get("top")
    if isinstance(top, list):
        return text.safe(listed([plain(each.get("value"), 24) for each in top if isinstance(each, dict)], 4))
    return ""


def _found(record: RunRecord, families: tuple[str, ...]) -> list[str]:
    found: Sequence[Finding] = [each for each in facts.findings(record) if each.code.startswith(families)]
    if not found:
        return ["Nothing was found by the checks of this family."] if record.profile else []
    lines = [f"{text.safe(sentence(each.message))} {text.code(each.subject)}" for each in found if not each.undecided]
    open_ = [text.safe(sentence(each.message)) for each in found if each.undecided]
    return [text.bullets(dict.fromkeys(lines)), text.bullets(dict.fromkeys(open_))]


def _people(record: RunRecord) -> list[str]:
    found = [each for each in facts.findings(record) if "personal" in each.code and not each.undecided]
    lines = [f"{text.safe(sentence(each.message))} {text.code(each.subject)}" for each in found]
    groups = [each.column for each in record.judgement.fairness] if record.judgement else []
    if groups:
        lines.append(f"Columns declared as naming groups of people: {text.safe(listed(groups, 12))}.")
    if not lines and record.profile:
        lines.append(
            "No column looks like a name, an address, a number or a card of a person. Only its owner can be sure."
        )
    return [text.bullets(lines)]


def _preparation(record: RunRecord) -> list[str]:
    return [text.bullets(text.safe(each) for each in facts.reading_notes(record.profile)[:30])]


def _splits(record: RunRecord) -> list[str]:
    if record.split is None:
        return []
    rows = ", ".join(f"{name} {n:,}" for name, n in record.split.rows.items())
    kind = sentence(record.split.kind.replace("_", " "))
    return [f"{text.safe(kind)} {text.safe(sentence(record.split.reason))} Rows: {rows}."]


def _questions(record: RunRecord) -> list[str]:
    asked = [f"{part}: {question}" for part, question in OWNER]
    columns = record.schema.columns if record.schema else ()
    if columns and not any(column.role.value == "time" for column in columns):
        asked.append("Time: when did each row come about? No column says so, and the newest rows are the hardest test.")
    suspects = [each.subject.partition(":")[2] for each in facts.findings(record) if each.code.startswith("leak.")]
    asked += [
        f"Availability: when is {text.code(name)} known, before or after the moment of prediction?"
        for name in dict.fromkeys(name for name in suspects if name)
    ]
    return ["What the data cannot say of itself:", "\n".join(f"{place}. {each}" for place, each in enumerate(asked, 1))]
