"""What is done with a figure of a judgement: shown, kept, plotted, chosen by."""

from __future__ import annotations

import ast

from modelwright.checks.code.flow.arguments import Call
from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.values import Value

AVERAGES = frozenset(["mean", "std", "median", "nanmean", "nanstd", "average", "var"])


def read(m: Machine, value: Value, how: str, node: ast.AST) -> None:
    """A figure of a judgement was kept, compared, plotted or shown."""
    for judge in m.judges:
        if judge.result is not None and any(pred in judge.preds for pred in value.preds):
            judge.read.add(how)
            if how == "chosen" or judge.read_at is None:
                judge.read_at = node


def shown(m: Machine, value: Value) -> None:
    if value.flags & {"figure"}:
        read(m, value, "shown", value.node or m.source.tree)


def chosen(m: Machine, c: Call) -> None:
    for value in c.args:
        if value.flags & {"figure"}:
            read(m, value, "chosen", c.node)
