"""Repeatability beyond seeds: an environment that is not pinned, and orders that the file system chooses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelwright.checks.code.asking import tail, written
from modelwright.checks.code.call_index import calls_to
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Kind, Role, RuleInfo
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="RP307",
        name="environment-not-pinned",
        severity=Severity.LOW,
        why="A training script gives other figures under other library versions; nothing beside it says "
        "which ones were used.",
        fix="keep a lock file or requirements with versions beside the script",
        source="scikit-learn documentation, 'Model persistence', versions to record",
        default=False,
        per_file=True,
    ),
    RuleInfo(
        code="RP308",
        name="order-by-chance",
        severity=Severity.LOW,
        why="Sets, listdir and glob give their items in an order that differs between machines and runs; label numbers "
        "and splits "
        "made from it differ too.",
        fix="put sorted() around it",
        source="Python documentation of os.listdir and glob ('arbitrary order')",
    ),
)
_ENVIRONMENT = re.compile(
    r"^(?:requirements.*\.(?:txt|in)|pyproject\.toml|environment.*\.ya?ml|conda.*\.ya?ml|Pipfile(?:\.lock)?|poetry\.lock|uv\.lock"
    r"|pixi\.lock|setup\.(?:py|cfg)|Dockerfile.*|MLproject)$"
)
_LISTING = frozenset(["os.listdir", "glob.glob", "glob.iglob", "os.scandir"])


def _run(facts: Facts) -> Iterator[CodeFinding]:
    yield from _environment(facts)
    yield from _orders(facts)


def _environment(facts: Facts) -> Iterator[CodeFinding]:
    if facts.role is not Role.TRAINING or facts.source.kind is Kind.NOTEBOOK or not facts.beside:
        return
    if any(_ENVIRONMENT.match(name.rpartition("/")[2]) for name in facts.beside) or not facts.source.tree.body:
        return
    message = "Nothing beside this training script names the versions that it needs."
    yield finding(facts, "RP307", facts.source.tree.body[0], message, Confidence.PATTERN)


def _orders(facts: Facts) -> Iterator[CodeFinding]:
    for call in facts.names.calls:
        called = facts.names.called(call)
        if tail(call) == "enumerate" and call.args and _by_chance(facts, call.args[0]) and _numbers(facts, call):
            message = f"Numbers are given in the order of {written(call.args[0])}, which differs between runs."
            yield finding(facts, "RP308", call, message, Confidence.LIKELY)
        elif called == "sklearn.model_selection.train_test_split" and call.args and _by_chance(facts, call.args[0]):
            message = f"{written(call.args[0])} is split in an order that the file system chose."
            yield finding(facts, "RP308", call, message, Confidence.LIKELY)


def _numbers(facts: Facts, call: ast.Call) -> bool:
    """Does the enumeration become a mapping of names to numbers?"""
    up = facts.names.parent(call)
    if isinstance(up, ast.comprehension):
        return isinstance(facts.names.parent(up), ast.DictComp)
    if isinstance(up, ast.For):
        counter = up.target.elts[0] if isinstance(up.target, ast.Tuple) and up.target.elts else None
        if not isinstance(counter, ast.Name):
            return False
        for node in ast.walk(up):
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Subscript)
                and written(node.value) == counter.id
            ):
                return True
            if (
                isinstance(node, ast.Call)
                and tail(node) == "append"
                and node.args
                and written(node.args[0]) == counter.id
            ):
                return True
    return False


def _by_chance(facts: Facts, node: ast.AST, depth: int = 3) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        called = facts.names.called(node)
        if called in _LISTING:
            return True
        if (
            isinstance(node.func, ast.Name)
            and node.func.id in {"set", "frozenset"}
            and not facts.names.is_bound(node.func.id)
        ):
            return bool(node.args)
        if isinstance(node.func, ast.Name) and node.func.id == "list" and node.args:
            return _by_chance(facts, node.args[0], depth)
        return False
    if isinstance(node, ast.Name) and depth:
        values = facts.names.values(node.id, facts.names.home(node))
        if any(written(getattr(call.func, "value", None)) == node.id for call in calls_to(facts.names, "sort")):
            return False
        return len(values) == 1 and values[0] is not None and _by_chance(facts, values[0], depth - 1)
    return False


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="rp_order")
