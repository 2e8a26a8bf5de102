"""Read YAML (or JSON) strictly: no tags, anchors, aliases, merges, duplicate keys or second documents.

Built on the parser's events, so an alias bomb is refused before anything is expanded. Plain scalars follow the
YAML 1.2 core rules: `no`, `010`, `12:30:45` and dates stay text. Every value keeps its line and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from modelwright.core.errors import Fix, NotFoundError, SpecError, did_you_mean
from modelwright.spec.fixes import close_quote, quote, remove, replace_range
from modelwright.spec.source import Advice, Entry, Node, Source, error_at, error_in, shorten
from modelwright.spec.yaml_errors import explain

MAX_BYTES = 1_000_000
MAX_DEPTH = 64

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"(?i)[-+]?\.(inf|nan)")
_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BOMS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"\xef\xbb\xbf", "UTF-8 with a byte order mark"),
)


def read(path: Path) -> Source:
    """Read a file as text within the caps. Raises SpecError, or NotFoundError (`spec.not_found`)."""
    name = str(path)
    try:
        with path.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        near = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near) if near else "write one with `modelwright init DATA --target COLUMN`"
        raise NotFoundError(f"There is no file {name}.", code="spec.not_found", hint=hint, subject=name) from error
    except IsADirectoryError as error:
        raise SpecError(f"{name} is a folder, not a file.", hint=f"name the file: {path / 'pipeline.yaml'}") from error
    except OSError as error:
        raise SpecError(
            f"{name} cannot be read: {error.strerror or error}.", hint="check the name and the file's permissions"
        ) from error
    return decode(data, name)


def decode(data: bytes, name: str) -> Source:
    """UTF-8 text from bytes. Raises SpecError naming a wrong encoding and the place of the first bad byte."""
    start = Source(name, "")
    if len(data) > MAX_BYTES:
        hint = f"keep data in files of their own and let data.source name them; at most {MAX_BYTES:,} bytes here"
        raise error_in(start, (1, 1), f"{name} is larger than 1 MB.", Advice(hint=hint), code="spec.too_large")
    encoding = next((label for bom, label in _BOMS if data.startswith(bom)), "")
    if not encoding and data[:200].count(b"\x00") > len(data[:200]) // 4:
        encoding = "UTF-16 without a byte order mark"
    if encoding:
        hint = "save the file as plain UTF-8 (in editors: encoding UTF-8, without BOM)"
        raise error_in(start, (1, 1), f"{name} is encoded as {encoding}.", Advice(hint=hint), code="spec.encoding")
    try:
        return Source(name, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        shown = Source(name, before + data[error.start :].decode("latin-1"))
        place = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        fix = Fix(place[0], place[0], shown.line(place[0]))
        hint = f"save the file as UTF-8; if it was Latin-1, this line reads `{(fix.text or '').strip()}`"
        message = f"{name} is not UTF-8: byte 0x{data[error.start]:02x} does not belong there."
        raise error_in(shown, place, message, Advice(hint=hint, fix=fix), code="spec.encoding") from error


def parse(source: Source) -> Node:
    """The one document of a source as a tree of located nodes. Raises SpecError."""
    if source.name.endswith(".json"):
        # JSON allows tabs between tokens and never inside of text, so columns stay right
        source = Source(source.name, source.text.replace("\t", " "))
    _refuse_control_characters(source)
    return _Parser(source).document()


def _refuse_control_characters(source: Source) -> None:
    found = _CONTROL.search(source.text)
    if found is None:
        return
    before = source.text[: found.start()]
    line, column = before.count("\n") + 1, found.start() - (before.rfind("\n") + 1) + 1
    fix = Fix(line, line, _CONTROL.sub("", source.line(line)))
    hint = f"remove it: `{shorten((fix.text or '').strip())}`"
    message = f"There is an invisible control character (code {ord(found.group())}) on this line."
    raise error_in(source, (line, column), message, Advice(hint=hint, fix=fix))


class _Parser:
    """Turns parser events into nodes, refusing what the strict subset leaves out."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._events = self._listen()
        self._depth = 0

    def _listen(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self._source.text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            raise explain(error, self._source) from error

    def document(self) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._refuse_directives(event)
                if root is not None:
                    raise self._second_document(event)
            elif isinstance(event, (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentEndEvent)):
                continue
            else:
                root = self._node(event, flow=False)
        if root is None or (root.kind == "scalar" and root.value is None):
            fix = Fix(1, len(self._source.lines), "data:\n  source: data.csv\nfeatures:\n  target: label\n")
            hint = "write at least `data:` with `source: FILE` and `features:` with `target: COLUMN`,"
            advice = Advice(hint=f"{hint} or let `modelwright init FILE --target COLUMN` do it", fix=fix)
            raise error_in(self._source, (1, 1), "The file is empty.", advice, code="spec.empty")
        return root

    def _refuse_directives(self, event: Any) -> None:
        if event.tags or event.version:
            line = event.start_mark.line + 1
            number = next((n for n, text in enumerate(self._source.lines, 1) if text.startswith("%")), line)
            advice = Advice(hint=f"remove line {number}", fix=Fix(number, number, None))
            raise error_in(self._source, (number, 1), "Directives (lines with %) are not used here.", advice)

    def _second_document(self, event: Any) -> SpecError:
        line = event.start_mark.line + 1
        hint = f"keep one document: remove line {line} and everything below it"
        advice = Advice(hint=hint, fix=Fix(line, len(self._source.lines), None))
        return error_in(self._source, (line, 1), "A second document starts here; a file holds one.", advice)

    def _node(self, event: Any, *, flow: bool) -> Node:
        if isinstance(event, yaml.AliasEvent):
            raise self._alias(event)
        self._refuse_properties(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, flow=flow)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            hint = f"bring it to at most {MAX_DEPTH} levels; no key of a pipeline needs more than five"
            place = (event.start_mark.line + 1, event.start_mark.column + 1)
            message = f"This is nested more than {MAX_DEPTH} levels deep."
            raise error_in(self._source, place, message, Advice(hint=hint), code="spec.too_deep")
        is_map = isinstance(event, yaml.MappingStartEvent)
        node = self._start(event, "map" if is_map else "list", flow=flow or bool(event.flow_style))
        (self._fill_map if is_map else self._fill_list)(node)
        self._depth -= 1
        return node

    def _fill_list(self, node: Node) -> None:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return self._finish(node, event, node.items[-1] if node.items else None)
            node.items.append(self._node(event, flow=node.flow))
        return None

    def _fill_map(self, node: Node) -> None:
        seen: dict[str, Node] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                return self._finish(node, event, node.entries[-1].node if node.entries else None)
            key = self._key(event, node)
            entry = Entry(key, self._node(next(self._events), flow=node.flow))
            if key.text in seen:
                raise self._duplicate(entry, seen[key.text])
            seen[key.text] = key
            node.entries.append(entry)
        return None

    def _key(self, event: Any, node: Node) -> Node:
        if not isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent)):
            place = (event.start_mark.line + 1, event.start_mark.column + 1)
            advice = Advice(
                hint='write a plain name before the colon; a name with brackets stands in quotes: `"[name]": value`'
            )
            raise error_in(self._source, place, "A key must be a plain name, not a list or a section.", advice)
        key = self._node(event, flow=node.flow)
        if key.text == "<<" and not key.quoted:
            entry = Entry(key, key)
            raise error_at(
                key,
                "Merge keys (<<) are not used here: every value stands where it counts.",
                remove(entry, " and write the keys out"),
                code="spec.merge",
            )
        if key.text == "" and not key.quoted:
            advice = Advice(hint="write the name before the colon, such as `source: data.csv`, or remove the line")
            raise error_at(key, "There is no name before this colon.", advice, code="spec.syntax")
        return key

    def _duplicate(self, entry: Entry, first: Node) -> SpecError:
        advice = remove(entry, f", or line {first.line}: one of the two")
        message = f"'{shorten(entry.name)}' is written twice: on line {first.line} and again on line {entry.key.line}."
        return error_at(entry.key, message, advice, code="spec.duplicate_key", subject=entry.name)

    def _scalar(self, event: Any, *, flow: bool) -> Node:
        node = self._start(event, "scalar", flow=flow)
        node.end_line, node.end_column = event.end_mark.line + 1, event.end_mark.column + 1
        node.text, node.quoted = event.value, event.style is not None
        if event.style in ("'", '"') and node.end_line != node.line:
            raise self._runaway_quote(node, event.style)
        if event.style == '"' and any("\ud800" <= c <= "\udfff" for c in node.text):
            node.text = node.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        node.value = node.text if node.quoted else self._typed(node)
        return node

    def _typed(self, node: Node) -> Any:
        text = node.text
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text in ("true", "True", "TRUE"):
            return True
        if text in ("false", "False", "FALSE"):
            return False
        if _INT.fullmatch(text):
            return self._whole(node)
        if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            number = float(text.replace(".inf", "inf").replace(".nan", "nan")) if "." in text else float(text)
            if number - number == 0.0:
                return number
            raise self._not_finite(node)
        return text

    def _whole(self, node: Node) -> int:
        if len(node.text) > 100:
            raise self._not_finite(node)
        return int(node.text)

    def _not_finite(self, node: Node) -> SpecError:
        entry_fix = replace_range(self._source, (node.line, node.column), (node.end_line, node.end_column), "1")
        hint = "write a finite number within the range of this key, or remove the line to use the default"
        before = self._source.line(node.line)[: node.column - 1]
        fix = Fix(node.line, node.line, None) if before.rstrip().endswith(":") and not node.flow else entry_fix
        message = f"'{shorten(node.text)}' is not a finite number."
        return error_at(node, message, Advice(hint=hint, fix=fix), code="spec.not_finite")

    def _runaway_quote(self, node: Node, mark: str) -> SpecError:
        line = self._source.line(node.line)
        fix = Fix(node.line, node.line, close_quote(line, mark))
        advice = Advice(hint=f"close it: `{(fix.text or '').strip()}`", fix=fix)
        message = f"The text that opens with {mark} here is not closed on its line."
        return error_at(node, message, advice, code="spec.syntax")

    def _refuse_properties(self, event: Any) -> None:
        place = (event.start_mark.line + 1, event.start_mark.column + 1)
        rest = self._source.line(place[0])[place[1] - 1 :]
        found = re.match(r"(?:[&!][^\s,\[\]{}]*\s*)+", rest)
        if found is None or not (event.anchor or event.tag):
            return
        what = "Tags (!)" if event.tag else "Anchors (&)"
        why = "a file is data, it cannot ask for objects" if event.tag else "every value is written where it counts"
        fix = replace_range(self._source, place, (place[0], place[1] + len(found.group())), "")
        advice = Advice(hint=f"write `{(fix.text or '').strip()}`", fix=fix)
        code = "spec.tag" if event.tag else "spec.anchor"
        raise error_in(self._source, place, f"{what} are not allowed: {why}.", advice, code=code)

    def _alias(self, event: Any) -> SpecError:
        place = (event.start_mark.line + 1, event.start_mark.column + 1)
        fix = replace_range(self._source, place, (place[0], event.end_mark.column + 1), quote(f"*{event.anchor}"))
        hint = f"write the value itself; if you mean this text, quote it: `{(fix.text or '').strip()}`"
        message = "Aliases (*) are not allowed: every value is written where it counts."
        return error_in(self._source, place, message, Advice(hint=hint, fix=fix), code="spec.alias")

    def _start(self, event: Any, kind: Any, *, flow: bool) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        return Node(kind, self._source, line, column, line, column, flow=flow)

    def _finish(self, node: Node, event: Any, last: Node | None) -> None:
        if node.flow or last is None:
            node.end_line, node.end_column = event.end_mark.line + 1, event.end_mark.column + 1
        else:
            node.end_line, node.end_column = last.end_line, last.end_column
