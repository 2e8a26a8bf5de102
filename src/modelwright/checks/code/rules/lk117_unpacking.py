"""The parts of a split are given names in the wrong order."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow.machine import hint_of, is_target_name
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import step
from modelwright.checks.code.rules._snippets import TABLE, fires, silent
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="LK117",
        name="split-unpacked-in-wrong-order",
        severity=Severity.CRITICAL,
        why="train_test_split gives the training and test part of each argument in turn; names in another order swap "
        "features and targets, or training and test rows.",
        fix="X_train, X_test, y_train, y_test = train_test_split(X, y)",
        source="scikit-learn, train_test_split, returns",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    for assign in facts.names.nodes(ast.Assign):
        call, target = assign.value, assign.targets[0]
        if not isinstance(target, ast.Tuple) or facts.names.called(call) != "sklearn.model_selection.train_test_split":
            continue
        assert isinstance(call, ast.Call)
        names = [_name(part) for part in target.elts]
        if any(isinstance(part, ast.Starred) for part in call.args) or len(names) != 2 * len(call.args):
            continue
        wrong = _wrong(names, [_name(part) for part in call.args])
        if wrong:
            message = f"{wrong}: the parts come as training and test part of each argument in turn."
            yield finding(
                facts,
                "LK117",
                assign,
                message,
                Confidence.LIKELY if "?" in wrong else Confidence.PROVED,
                steps=(step(facts, "split here", call),),
            )


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _wrong(names: list[str], given: list[str]) -> str:
    for place, name in enumerate(names):
        want = "train" if place % 2 == 0 else "test"
        said = hint_of(name)
        said = "test" if said == "valid" else said
        if said and said != want:
            other = names[place + 1] if place % 2 == 0 else names[place - 1]
            if {hint_of(name), hint_of(other)} == {"valid", "test"} and is_target_name(other) == is_target_name(name):
                continue  # what was held out is halved, or a development set is set apart from the test
            if hint_of(other) != hint_of(name) or is_target_name(other) != is_target_name(name):
                return f"'{name}' gets the {'training' if want == 'train' else 'test'} part"
    if len(given) == 2 and len(names) == 4 and is_target_name(given[1]) and not is_target_name(given[0]):
        for name, of_y in zip(names, (False, False, True, True), strict=True):
            if is_target_name(name) and not of_y:
                return f"'{name}' gets features"
            if of_y and name.lower().startswith("x") and hint_of(name):
                return f"'{name}' gets targets"
    return ""


_FIT = "m = SVC().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"

EXAMPLES = (
    fires("y in the middle", TABLE + "X_train, y_train, X_test, y_test = train_test_split(X, y)\n" + _FIT, "LK117"),
    fires("test first", TABLE + "X_test, X_train, y_test, y_train = train_test_split(X, y)\n" + _FIT, "LK117"),
    fires("y crossed", TABLE + "X_train, X_test, y_test, y_train = train_test_split(X, y)\n" + _FIT, "LK117"),
    fires("one table, test first", TABLE + "test, train = train_test_split(df, test_size=0.2)\n", "LK117"),
    fires("y first", TABLE + "y_train, y_test, X_train, X_test = train_test_split(X, y)\n" + _FIT, "LK117"),
    silent("right order", TABLE + "X_train, X_test, y_train, y_test = train_test_split(X, y)\n" + _FIT),
    silent("targets given first", TABLE + "y_train, y_test, X_train, X_test = train_test_split(y, X)\n" + _FIT),
    silent("one table", TABLE + "train, test = train_test_split(df)\n"),
    silent("validation part", TABLE + "X_tr, X_val, y_tr, y_val = train_test_split(X, y)\n"),
    silent("held-out rows halved", TABLE + "X_val, X_test, y_val, y_test = train_test_split(X, y, test_size=0.5)\n"),
    silent("development set", TABLE + "dev, test = train_test_split(df)\n"),
    silent(
        "three arguments",
        TABLE + "w = df['w']\nX_train, X_test, y_train, y_test, w_train, w_test = train_test_split(X, y, w)\n" + _FIT,
    ),
)

PLUGIN: Rule = RuleFile(infos=INFOS, examples=EXAMPLES, run=_run)
