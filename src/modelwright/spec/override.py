"""`--set a.b=c`: one value of the file said on the command line, read by the same strict rules."""

from __future__ import annotations

from collections.abc import Sequence

from modelwright.core.errors import SpecError
from modelwright.spec.source import Advice, Entry, Node, Source, error_in
from modelwright.spec.strict_yaml import parse


def apply_overrides(root: Node, overrides: Sequence[str]) -> None:
    """Put each `path=value` into the tree. Raises SpecError naming the override."""
    for override in overrides:
        path, value = parse_override(override)
        _put(root, path, value)


def parse_override(override: str) -> tuple[list[Node], Node]:
    """The keys of the path and the value, as nodes that point into the override's own text."""
    source = Source(f"--set {override}", override)
    path, equals, text = override.partition("=")
    keys = path.split(".")
    if not equals or not all(key.strip() == key and key for key in keys):
        hint = "write a dotted key, `=` and a value: `--set model.max_depth=3`"
        raise error_in(source, (1, 1), f"'{override}' is not `key=value`.", Advice(hint=hint), code="spec.override")
    column, nodes = 1, []
    for key in keys:
        nodes.append(Node("scalar", source, 1, column, 1, column + len(key), value=key, text=key, flow=True))
        column += len(key) + 1
    return nodes, _value(source, override, len(path) + 1, text)


def _value(source: Source, override: str, offset: int, text: str) -> Node:
    if not text.strip():
        return Node("scalar", source, 1, offset + 1, 1, offset + 1, value=None, flow=True)
    # the same columns as in the override: everything before the value becomes spaces
    try:
        node = parse(Source(source.name, " " * offset + text))
    except SpecError as error:
        error.source_line, error.fix = override, None
        raise
    _move(node, source)
    return node


def _move(node: Node, source: Source) -> None:
    node.source, node.flow = source, True
    for entry in node.entries:
        entry.key.source = source
        _move(entry.node, source)
    for item in node.items:
        _move(item, source)


def _put(root: Node, path: list[Node], value: Node) -> None:
    node = root
    for key in path[:-1]:
        entry = node.get(key.text)
        if entry is None or entry.node.kind != "map":
            below = Node("map", key.source, 1, key.column, 1, key.end_column, flow=True)
            if entry is None:
                node.entries.append(Entry(key, below))
            else:
                entry.node = below
            node = below
        else:
            node = entry.node
    last = path[-1]
    node.entries = [entry for entry in node.entries if entry.name != last.text]
    node.entries.append(Entry(last, value))
