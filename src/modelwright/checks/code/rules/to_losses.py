"""Losses that do not fit what they are given: softmax twice, no softmax at all, the wrong last layer."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.asking import (
    argument,
    constant,
    has_open_arguments,
    insert_before_end,
    is_true,
    keyword,
    tail,
    written,
)
from modelwright.checks.code.call_index import calls_known, calls_to
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Fix, RuleInfo
from modelwright.checks.code.torch_code import TorchCode
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="TO606",
        name="activation-does-not-fit-loss",
        severity=Severity.HIGH,
        why="CrossEntropyLoss and BCEWithLogitsLoss apply softmax or sigmoid themselves; applied twice, gradients "
        "vanish and training "
        "stalls. NLLLoss needs log-probabilities and gives meaningless values for anything else.",
        fix="give CrossEntropyLoss and BCEWithLogitsLoss raw scores, and NLLLoss log_softmax",
        source="PyTorch documentation of CrossEntropyLoss, BCEWithLogitsLoss and NLLLoss",
    ),
    RuleInfo(
        code="TO614",
        name="softmax-without-dim",
        severity=Severity.MEDIUM,
        why="Without dim the axis is guessed from the number of dimensions; for three of them it "
        "normalises over the batch.",
        fix="say the axis: dim=-1 for class scores in the last one",
        source="PyTorch documentation of torch.nn.functional.softmax ('implicit dimension choice')",
    ),
    RuleInfo(
        code="TO616",
        name="keras-loss-and-last-layer-disagree",
        severity=Severity.MEDIUM,
        why="Loss, last layer and label form belong together; a pair that does not fit trains without an "
        "error and learns little.",
        fix="softmax over n classes with (sparse_)categorical_crossentropy; Dense(1, 'sigmoid') with "
        "binary_crossentropy",
        source="Keras documentation, 'Probabilistic losses'",
    ),
)
_ACTIVATION = {
    "torch.nn.functional.softmax": "softmax",
    "torch.softmax": "softmax",
    "torch.nn.Softmax": "softmax",
    "torch.nn.functional.log_softmax": "log_softmax",
    "torch.log_softmax": "log_softmax",
    "torch.nn.LogSoftmax": "log_softmax",
    "torch.nn.functional.logsigmoid": "log_softmax",
    "torch.nn.LogSigmoid": "log_softmax",
    "torch.log": "log_softmax",
    "torch.sigmoid": "sigmoid",
    "torch.nn.functional.sigmoid": "sigmoid",
    "torch.nn.Sigmoid": "sigmoid",
    "torch.nn.Linear": "linear",
}
_METHODS = {"softmax": "softmax", "log_softmax": "log_softmax", "sigmoid": "sigmoid", "log": "log_softmax"}
_SAME = frozenset(["squeeze", "view", "reshape", "flatten", "float", "to", "cuda", "cpu", "contiguous", "unsqueeze"])
_LOSSES = {
    "torch.nn.CrossEntropyLoss": "ce",
    "torch.nn.functional.cross_entropy": "ce",
    "torch.nn.BCEWithLogitsLoss": "bce",
    "torch.nn.functional.binary_cross_entropy_with_logits": "bce",
    "torch.nn.NLLLoss": "nll",
    "torch.nn.functional.nll_loss": "nll",
}
_CLASH = {
    ("ce", "softmax"): "softmax comes before a cross entropy that applies it again",
    ("bce", "sigmoid"): "sigmoid comes before a loss that applies it again",
    ("nll", "softmax"): "the negative log likelihood is given probabilities, not their logarithms",
    ("nll", "linear"): "the negative log likelihood is given raw scores, not log-probabilities",
}


def _run(facts: Facts) -> Iterator[CodeFinding]:
    code = TorchCode.of(facts)
    if code is not None:
        yield from _clashes(facts, code)
        yield from _without_dim(facts)
    if "keras" in facts.names.modules or "tensorflow" in facts.names.modules:
        yield from _keras(facts)


def _clashes(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    for call in facts.names.calls:
        if not call.args:
            continue
        called = facts.names.called(call) or code.origins.made_by(call.func) or ""
        loss = _LOSSES.get(called)
        if loss is None or (
            called.startswith("torch.nn.") and called == facts.names.called(call) and "functional" not in called
        ):
            continue
        if loss == "nll" and _is_segment(call):
            continue
        last = _last(facts, code, call.args[0], call.lineno, 6)
        clash = _CLASH.get((loss, last))
        if clash is not None:
            message = f"{written(call.args[0])} reaches {written(call.func)}: {clash}."
            yield finding(facts, "TO606", call, message, Confidence.LIKELY)


def _is_segment(call: ast.Call) -> bool:
    return "log" in written(call.args[0]).lower()


def _last(facts: Facts, code: TorchCode, node: ast.AST | None, line: int, depth: int) -> str:
    """The last activation that a value went through; `` where it is not known."""
    if node is None or depth <= 0:
        return ""
    if isinstance(node, ast.Call):
        return _last_of_call(facts, code, node, line, depth)
    if isinstance(node, ast.Name):
        value = _latest(facts, node, line)
        return _last(facts, code, value, line if value is None else getattr(value, "lineno", line), depth - 1)
    return ""


def _last_of_call(facts: Facts, code: TorchCode, node: ast.Call, line: int, depth: int) -> str:
    called = facts.names.called(node)
    if (
        called in _ACTIVATION
        and not called.startswith("torch.nn.L")
        and called not in {"torch.nn.Softmax", "torch.nn.Sigmoid"}
    ):
        return _ACTIVATION[called]
    if called in {"torch.flatten", "torch.squeeze"} and node.args:
        return _last(facts, code, node.args[0], line, depth - 1)
    if isinstance(node.func, ast.Attribute) and called is None:
        receiver = code.origins.made_by(node.func.value)
        if node.func.attr in _SAME and not node.func.attr.startswith("__"):
            return _last(facts, code, node.func.value, line, depth - 1)
        if node.func.attr in _METHODS and receiver is None and not isinstance(node.func.value, ast.Name):
            return _METHODS[node.func.attr]
        if node.func.attr in _METHODS and written(node.func.value) not in {"self", "np", "math"}:
            return _METHODS[node.func.attr]
    made = code.origins.made_by(node.func) or ""
    if made in _ACTIVATION:
        return _ACTIVATION[made]
    if made.startswith("local:"):
        return _last_of_class(facts, code, code.origins.classes[made[6:]], depth - 1)
    if made == "torch.nn.Sequential":
        return _last_of_sequence(facts, code, node.func, depth)
    return ""


def _last_of_class(facts: Facts, code: TorchCode, node: ast.ClassDef, depth: int) -> str:
    if not code.is_module_class(node):
        return ""
    forward = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "forward"), None)
    if forward is None:
        return ""
    returns = [item for item in facts.names.own(forward, ast.Return) if item.value is not None]
    found = {_last(facts, code, item.value, item.lineno, depth) for item in returns}
    return found.pop() if len(found) == 1 else ""


def _last_of_sequence(facts: Facts, code: TorchCode, node: ast.AST, depth: int) -> str:
    for call in calls_known(facts.names, ["Sequential"]):
        if facts.names.called(call) == "torch.nn.Sequential" and code.made_here(call, node) and call.args:
            if isinstance(call.args[-1], ast.Starred):
                return ""
            return _ACTIVATION.get(facts.names.called(call.args[-1]) or "", "")
    return ""


def _latest(facts: Facts, node: ast.Name, line: int) -> ast.AST | None:
    """The value last written to the name above a line; None where a branch or another kind of write is in between."""
    home = facts.names.home(node)
    values = facts.names.values(node.id, home)
    if any(value is None for value in values) and not isinstance(home, ast.FunctionDef):
        return None
    above = [
        value
        for value in values
        if value is not None and getattr(value, "lineno", line + 1) <= line and not _holds(value, node)
    ]
    if not above:
        return None
    last = max(above, key=lambda value: (getattr(value, "lineno", 0), getattr(value, "col_offset", 0)))
    if isinstance(last, ast.stmt):
        return None
    own, other = facts.names.statement(last), facts.names.statement(node)
    if own is None or other is None:
        return None
    parent = facts.names.parent(own)
    if isinstance(parent, ast.If | ast.Try) and not any(up is parent for up in facts.names.parents(other)):
        return None
    return last


def _holds(value: ast.AST, node: ast.AST) -> bool:
    return any(part is node for part in ast.walk(value))


def _without_dim(facts: Facts) -> Iterator[CodeFinding]:
    for call in calls_known(facts.names, ["softmax", "log_softmax", "Softmax", "LogSoftmax"]):
        called = facts.names.called(call)
        place = {
            "torch.nn.functional.softmax": 1,
            "torch.nn.functional.log_softmax": 1,
            "torch.nn.Softmax": 0,
            "torch.nn.LogSoftmax": 0,
        }.get(called or "")
        if place is None or has_open_arguments(call):
            continue
        given = argument(call, place, "dim") or keyword(call, "axis")
        if given is None or constant(given, 0) is None:
            edit = insert_before_end(facts, call, "dim=-1") if given is None else None
            fix = None if edit is None else Fix(edits=(edit,), safe=False, text="normalise over the last axis")
            message = f"{tail(call)} is not told its axis."
            yield finding(facts, "TO614", call, message, Confidence.PATTERN, fix=fix)


def _keras(facts: Facts) -> Iterator[CodeFinding]:
    for call in calls_to(facts.names, "compile"):
        if not isinstance(call.func, ast.Attribute):
            continue
        loss = _loss_name(facts, argument(call, 1, "loss"))
        last = None if loss is None else _last_dense(facts, call)
        if loss is None or last is None:
            continue
        why = _disagreement(facts, loss, argument(call, 1, "loss"), last)
        if why:
            yield finding(facts, "TO616", call, f"{written(call.func)}: {why}.", Confidence.LIKELY)


def _loss_name(facts: Facts, node: ast.AST | None) -> str | None:
    value = constant(node)
    if isinstance(value, str):
        return value.lower()
    called = facts.names.called(node) or facts.names.qualified(node) or ""
    names = {
        "BinaryCrossentropy": "binary_crossentropy",
        "CategoricalCrossentropy": "categorical_crossentropy",
        "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
    }
    short = called.rpartition(".")[2]
    return names.get(short, short) if called.startswith("keras.losses.") else None


def _last_dense(facts: Facts, compile_call: ast.Call) -> ast.Call | None:
    """The last Dense layer of the compiled model, where the model is built in the same scope in one piece."""
    assert isinstance(compile_call.func, ast.Attribute)
    model = written(compile_call.func.value)
    home = facts.names.scope(compile_call)
    last: ast.AST | None = None
    for call in facts.names.calls:
        parent = facts.names.parent(call)
        if not isinstance(parent, ast.Assign) and tail(call) != "add":
            continue
        if facts.names.scope(call) is not home or call.lineno > compile_call.lineno:
            continue
        made = isinstance(parent, ast.Assign) and any(written(target) == model for target in parent.targets)
        if made:
            last = _last_of_model(facts, call)
        elif (
            tail(call) == "add"
            and isinstance(call.func, ast.Attribute)
            and written(call.func.value) == model
            and call.args
        ):
            last = call.args[0]
            if facts.names.called(last) == "keras.layers.Activation" and isinstance(last, ast.Call):
                return None
    return last if isinstance(last, ast.Call) and facts.names.called(last) == "keras.layers.Dense" else None


def _last_of_model(facts: Facts, call: ast.Call) -> ast.AST | None:
    called = facts.names.called(call)
    if called == "keras.models.Sequential" and call.args and isinstance(call.args[0], ast.List) and call.args[0].elts:
        return call.args[0].elts[-1]
    if called == "keras.models.Model":
        output = argument(call, 1, "outputs")
        if isinstance(output, ast.Name):
            values = facts.names.values(output.id, facts.names.home(output))
            made = values[-1] if values else None
            return made.func if isinstance(made, ast.Call) else None
    return None


def _disagreement(facts: Facts, loss: str, loss_node: ast.AST | None, last: ast.Call) -> str:
    units = constant(argument(last, 0, "units"))
    given = argument(last, 1, "activation")
    activation = constant(given, "?") if given is not None else None
    logits = isinstance(loss_node, ast.Call) and is_true(keyword(loss_node, "from_logits"))
    if activation == "?" or not isinstance(units, int):
        short = (facts.names.qualified(given) or "").rpartition(".")[2]
        activation = short if short in {"softmax", "sigmoid"} else "?"
    if activation == "?":
        return ""
    if logits:
        return (
            f"the loss expects raw scores, and the last layer applies {activation}"
            if activation in {"softmax", "sigmoid"}
            else ""
        )
    if activation == "softmax" and units == 1:
        return "softmax over one unit is always 1"
    if loss == "binary_crossentropy" and activation == "softmax" and isinstance(units, int) and units > 2:
        return (
            f"binary_crossentropy judges {units} softmax classes one by one; categorical_crossentropy belongs to them"
        )
    if loss in {"categorical_crossentropy", "sparse_categorical_crossentropy"} and units == 1:
        return f"{loss} needs one unit for each class, and the last layer has one"
    crossed = loss in {"categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy"}
    if crossed and activation in {None, "linear", "relu"}:
        return f"{loss} expects probabilities, and the last layer applies {activation or 'nothing'}"
    return ""


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="to_losses")
