"""The profile of a table: one page with a picture per column, and the same in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from modelwright.core.nouns import Schema
from modelwright.documents import facts, figures, pictures
from modelwright.documents import markdown as text
from modelwright.documents.page import render
from modelwright.documents.pictures.canvas import finite
from modelwright.documents.words import count, number, plain, sentence, share, size

#: with more columns than this the page has a table of the rest instead of pictures: it stays below 2 MB
PICTURED = 300
LISTED = 3000
NOTES_SHOWN = 60
TOP_SHOWN = 6


def html(profile: Mapping[str, Any], schema: Schema | None, source: str) -> str:
    """One self-contained page. Keys that the profile does not have are left out."""
    columns = _columns(profile, schema)
    context = {
        "source": source,
        "subtitle": _subtitle(profile, columns),
        "tiles": _tiles(profile, columns),
        "missing_picture": figures.missing(profile, 30),
        "columns": [_card(name, column) for name, column in columns[:PICTURED]],
        "rest": [(name, *_line(column)) for name, column in columns[PICTURED:LISTED]],
        "unlisted": max(0, len(columns) - LISTED),
        "correlations": _correlations(profile),
        "notes": _notes(profile),
        "digest": str(profile.get("digest", "")),
    }
    context["sections"] = _sections(context)
    return render("profile.html.j2", context)


def markdown(profile: Mapping[str, Any], schema: Schema | None, source: str) -> str:
    """The same as tables."""
    columns = _columns(profile, schema)
    rows = [(text.code(name), *map(text.safe, _line(column))) for name, column in columns[:LISTED]]
    pairs = [(text.code(a), text.code(b), value) for a, b, value in _correlations(profile)]
    tiles = [(tile["name"], f"{tile['value']} {tile['note']}".strip()) for tile in _tiles(profile, columns)]
    return text.document(
        [
            f"# Profile of {text.safe(source or 'the table')}",
            text.pairs(tiles),
            *text.section("Columns", text.table(("Column", "Type", "Role", "Missing", "Distinct", "Values"), rows)),
            *text.section("Columns that say the same", text.table(("One", "Other", "Rank correlation"), pairs)),
            *text.section("Notes", text.bullets(text.safe(note) for note in _notes(profile))),
        ]
    )


def _columns(profile: Mapping[str, Any], schema: Schema | None) -> list[tuple[str, dict[str, Any]]]:
    """Columns in the table's order; the schema's type, role and reason fill what the profile does not say."""
    found = figures.columns_of(profile)
    known = {column.name: column for column in schema.columns} if schema else {}
    for name, column in found:
        if name in known:
            column.setdefault("type", known[name].type.value)
            column.setdefault("role", known[name].role.value)
            column.setdefault("reason", known[name].reason)
    return found


def _subtitle(profile: Mapping[str, Any], columns: Sequence[tuple[str, dict[str, Any]]]) -> str:
    rows = profile.get("rows")
    target = next((name for name, column in columns if column.get("role") == "target"), None)
    words = f"{count(rows, 'row')}, {count(len(columns), 'column')}" if isinstance(rows, int) else ""
    return sentence(f"{words}{f', to predict {target}' if target else ''}")


def _tiles(profile: Mapping[str, Any], columns: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, str]]:
    kinds: dict[str, int] = {}
    for _, column in columns:
        kinds[str(column.get("type", ""))] = kinds.get(str(column.get("type", "")), 0) + 1
    by_kind = ", ".join(
        f"{n} {kind}" for kind, n in sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0])) if kind
    )
    incomplete = sum(bool(finite([column.get("missing")]) and column["missing"] > 0) for _, column in columns)
    tiles = [
        {"name": "Rows", "value": number(profile.get("rows")), "note": size(_one(profile.get("size_bytes")))},
        {"name": "Columns", "value": number(len(columns)), "note": by_kind},
        {"name": "Missing", "value": share(profile.get("missing_share")), "note": f"in {count(incomplete, 'column')}"},
    ]
    if "duplicate_rows" in profile:
        tiles.append({"name": "Repeated rows", "value": number(profile["duplicate_rows"]), "note": "same features"})
    if profile.get("n_quarantined"):
        note = "rows that could not be read"
        tiles.append({"name": "Quarantined", "value": number(profile["n_quarantined"]), "note": note})
    return tiles


def _card(name: str, column: dict[str, Any]) -> dict[str, Any]:
    """One column as the page shows it: name, kind, picture, a few figures."""
    return {
        "name": name,
        "type": str(column.get("type", "")),
        "role": str(column.get("role", "")),
        "reason": sentence(plain(column.get("reason") or "", 200)) if column.get("reason") else "",
        "picture": _picture(name, column),
        "facts": _facts(column),
    }


def _picture(name: str, column: Mapping[str, Any]) -> Markup:
    histogram = column.get("histogram")
    if isinstance(histogram, Mapping):
        counts, edges = finite(histogram.get("counts") or []), list(histogram.get("edges") or [])
        if edges and all(isinstance(edge, str) for edge in edges):
            labels = (str(edges[0])[:10], str(edges[-1])[:10])
            return pictures.histogram(f"Distribution of {name}", [float(i) for i in range(len(edges))], counts, labels)
        drawn = pictures.histogram(f"Distribution of {name}", finite(edges), counts)
        if drawn:
            return drawn
    top = [each for each in column.get("top") or [] if isinstance(each, Mapping)]
    parts = [
        pictures.Part(label=plain(each.get("value"), 60) or "(empty)", value=found[0], note=share(found[0]))
        for each in top[:TOP_SHOWN]
        if (found := finite([each.get("share")]))
    ]
    return pictures.small_bars(f"Most frequent values of {name}", parts)


def _facts(column: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("missing", share(column.get("missing_share")) if column.get("missing") else "none")]
    if column.get("n_unique") is not None:
        rows.append(("distinct", number(column["n_unique"])))
    if isinstance(column.get("mean"), int | float):
        rows.append(("mean ± deviation", f"{number(column['mean'])} ± {number(column.get('std'))}"))
    quantiles = column.get("quantiles")
    if isinstance(quantiles, Mapping) and "0.5" in quantiles:
        rows.append(("median", number(quantiles["0.5"])))
    if column.get("min") is not None and column.get("max") is not None:
        low, high = column["min"], column["max"]
        rows.append(("range", f"{plain(_moment(low), 30)} to {plain(_moment(high), 30)}"))
    if column.get("zeros"):
        rows.append(("zeros", number(column["zeros"])))
    if isinstance(column.get("length"), Mapping):
        length = column["length"]
        rows.append(("characters", f"{number(length.get('min'))} to {number(length.get('max'))}"))
    if column.get("words_for_missing"):
        rows.append(("words for missing", number(column["words_for_missing"])))
    return rows


def _line(column: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """Type, role, missing, distinct, and the values in few words."""
    values = ""
    if column.get("min") is not None and column.get("max") is not None:
        values = f"{plain(_moment(column['min']), 20)} to {plain(_moment(column['max']), 20)}"
        if isinstance(column.get("mean"), int | float):
            values += f", mean {number(column['mean'])}"
    elif column.get("top"):
        top = [each for each in column["top"] if isinstance(each, Mapping)]
        values = ", ".join(f"{plain(each.get('value'), 20)} {share(each.get('share'))}" for each in top[:3])
    missing = share(column.get("missing_share")) if column.get("missing") else ""
    return (str(column.get("type", "")), str(column.get("role", "")), missing, number(column.get("n_unique")), values)


def _correlations(profile: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found = [each for each in profile.get("correlations") or [] if isinstance(each, Mapping)]
    return [(str(each.get("a")), str(each.get("b")), number(each.get("spearman"))) for each in found[:30]]


def _notes(profile: Mapping[str, Any]) -> list[str]:
    """What was rewritten or set aside on reading."""
    lines = [sentence(plain(note)) for note in profile.get("notes") or []]
    lines += facts.reading_notes(profile)
    more = len(lines) - NOTES_SHOWN
    return [*lines[:NOTES_SHOWN], f"And {more} more."] if more > 0 else lines


def _sections(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    every = [
        ("overview", "Overview", True),
        ("columns", "Columns", context["columns"]),
        ("missing", "Missing values", context["missing_picture"]),
        ("same", "Same content", context["correlations"]),
        ("notes", "Notes", context["notes"]),
    ]
    return [(name, title) for name, title, there in every if there]


def _moment(value: Any) -> Any:
    return value[:10] if isinstance(value, str) and len(value) > 10 and value[10] == "T" else value


def _one(value: Any) -> float | None:
    found = finite([value])
    return found[0] if found else None
