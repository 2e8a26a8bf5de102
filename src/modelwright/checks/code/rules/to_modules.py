"""Torch modules and their parameters: unregistered layers, forward called by hand, removed API, lost optimisers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelwright.checks.code.asking import is_true, keyword, replace, tail, written
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Fix, RuleInfo
from modelwright.checks.code.torch_code import TorchCode
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="TO609",
        name="layers-in-plain-list",
        severity=Severity.HIGH,
        why="Layers in a plain list are no part of the module: parameters() does not name them, so they "
        "are never trained, saved or moved.",
        fix="use nn.ModuleList or nn.ModuleDict",
        source="PyTorch documentation of ModuleList",
    ),
    RuleInfo(
        code="TO610",
        name="forward-called-by-hand",
        severity=Severity.LOW,
        why="net.forward(x) passes over the hooks that net(x) runs.",
        fix="call the module: net(x)",
        source="PyTorch documentation of Module.forward; CodeSmile 'PyTorch call method misused'",
    ),
    RuleInfo(
        code="TO611",
        name="removed-torch-api",
        severity=Severity.HIGH,
        why="The call was removed from torch, or does nothing today; what it asked for does not happen.",
        fix="use what the release notes name in its place",
        source="PyTorch release notes 0.4, 1.13 and 2.0; torchvision and torchtext release notes",
    ),
    RuleInfo(
        code="TO612",
        name="optimiser-of-replaced-parameters",
        severity=Severity.MEDIUM,
        why="The optimiser holds the parameters it was given. A layer replaced afterwards is never trained.",
        fix="build the optimiser after the model is complete",
        source="PyTorch documentation, torch.optim, 'Constructing it'",
    ),
    RuleInfo(
        code="TO615",
        name="best-weights-kept-by-reference",
        severity=Severity.HIGH,
        why="state_dict() holds the very tensors that training goes on changing; what is loaded as the "
        "best weights are the last ones.",
        fix="keep copy.deepcopy(model.state_dict()), or save it to a file",
        source="PyTorch tutorial 'Saving and loading models' ('best_model_state = deepcopy(...)')",
    ),
)
_LAYERS = re.compile(
    r"^torch\.nn\.(?:Linear|Bilinear|Conv\w+|LSTM|GRU|RNN|\w*Cell|Embedding\w*|BatchNorm\w+|LayerNorm|Transformer\w*|Sequential|MultiheadAttention)$"
)
_REGISTERS = frozenset(["ModuleList", "ModuleDict", "Sequential", "setattr", "add_module", "register_module"])
_REMOVED = {
    "torch.symeig": "torch.linalg.eigh",
    "torch.eig": "torch.linalg.eig",
    "torch.lstsq": "torch.linalg.lstsq",
    "torch.matrix_rank": "torch.linalg.matrix_rank",
    "torch.solve": "torch.linalg.solve",
    "torchvision.transforms.Scale": "transforms.Resize",
    "torchvision.transforms.RandomSizedCrop": "transforms.RandomResizedCrop",
    "torchtext.data.Field": "torchtext's present data sets",
    "torchtext.data.BucketIterator": "torch.utils.data.DataLoader",
}


def _run(facts: Facts) -> Iterator[CodeFinding]:
    code = TorchCode.of(facts)
    if code is None:
        return
    yield from _plain_lists(facts, code)
    yield from _forwards(facts, code)
    yield from _removed(facts)
    yield from _replaced(facts, code)
    yield from _references(facts, code)


def _plain_lists(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    for node in facts.names.nodes(ast.ClassDef):
        if not code.is_module_class(node):
            continue
        calls = facts.names.inside(node, ast.Call)
        for field, place in _list_fields(facts, code, node).items():
            if any(
                tail(call) in _REGISTERS and any(written(part) == field for part in ast.walk(call)) for call in calls
            ):
                continue
            if any(tail(call) in {"setattr", "add_module", "register_module", "register_parameter"} for call in calls):
                continue
            if _optimised_apart(facts, field):
                continue
            message = f"{field} holds layers in a plain list; {node.name}.parameters() does not know them."
            yield finding(facts, "TO609", place, message, Confidence.LIKELY)


def _optimised_apart(facts: Facts, field: str) -> bool:
    """Somebody outside collects the parameters of the list."""
    name = field.rpartition(".")[2]
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "parameters"
        and re.search(rf"\.{name}\b", written(facts.names.statement(call)))
        for call in facts.names.calls
    )


def _list_fields(facts: Facts, code: TorchCode, node: ast.ClassDef) -> dict[str, ast.AST]:
    """Fields of a module that are lists of layers, and where each is made."""
    found: dict[str, ast.AST] = {}
    empty: set[str] = set()
    rewritten: set[str] = set()
    for part in facts.names.inside(node, ast.Assign):
        if len(part.targets) == 1:
            field = written(part.targets[0])
            if not field.startswith("self."):
                continue
            if field in found or field in empty:
                rewritten.add(field)
            if isinstance(part.value, ast.List) and not part.value.elts:
                empty.add(field)
            elif (
                isinstance(part.value, ast.List) and any(_is_layer(facts, code, item) for item in part.value.elts)
            ) or (isinstance(part.value, ast.ListComp) and _is_layer(facts, code, part.value.elt)):
                found[field] = part
    for call in facts.names.inside(node, ast.Call):
        if (
            tail(call) == "append"
            and call.args
            and _is_layer(facts, code, call.args[0])
            and isinstance(call.func, ast.Attribute)
        ):
            field = written(call.func.value)
            if field in empty:
                found.setdefault(field, call)
    return {field: place for field, place in found.items() if field not in rewritten}


def _is_layer(facts: Facts, code: TorchCode, node: ast.AST) -> bool:
    called = facts.names.called(node)
    if called is not None:
        return bool(_LAYERS.match(called))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in code.origins.classes:
        return code.is_module_class(code.origins.classes[node.func.id])
    return False


def _forwards(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    for call in facts.names.calls:
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "forward":
            continue
        receiver = call.func.value
        if not isinstance(receiver, ast.Name | ast.Attribute) or not code.module_of(receiver):
            continue
        net = written(receiver)
        edit = replace(facts, call.func, net)
        fix = Fix(edits=(edit,), safe=True, text=f"call {net} itself")
        yield finding(
            facts, "TO610", call, f"{net}.forward(...) passes over the hooks of {net}.", Confidence.LIKELY, fix=fix
        )


def _removed(facts: Facts) -> Iterator[CodeFinding]:
    variables: list[ast.Call] = []
    for call in facts.names.calls:
        called = facts.names.called(call) or ""
        if called == "torch.autograd.Variable":
            if is_true(keyword(call, "volatile")):
                message = "volatile=True does nothing since torch 0.4: the graph is recorded all the same."
                yield finding(facts, "TO611", call, message, Confidence.PATTERN)
            else:
                variables.append(call)
        elif called in _REMOVED:
            message = f"{called} was removed; {_REMOVED[called]} takes its place."
            yield finding(facts, "TO611", call, message, Confidence.PATTERN)
    for item in facts.names.nodes(ast.Subscript):
        if isinstance(item.value, ast.Attribute) and item.value.attr == "data" and _is_zero(item.slice):
            owner = written(item.value.value)
            if re.search(r"loss|err(?:or|[DG])?$|cost", owner) and isinstance(item.ctx, ast.Load):
                message = f"{owner}.data[0] fails since torch 0.5: a loss has no axis to index; use {owner}.item()."
                fix = Fix(edits=(replace(facts, item, f"{owner}.item()"),), safe=False, text="read the number")
                yield finding(facts, "TO611", item, message, Confidence.PATTERN, fix=fix)
    if variables:
        message = f"Variable is needed no longer since torch 0.4 ({len(variables)} calls)."
        yield finding(facts, "TO611", variables[0], message, Confidence.PATTERN, severity=Severity.LOW)


def _is_zero(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0 and node.value is not False


def _replaced(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    for build in facts.names.nodes(ast.Assign):
        called = facts.names.called(build.value) or ""
        if not called.startswith("torch.optim.") or "lr_scheduler" in called or not isinstance(build.value, ast.Call):
            continue
        model = _whose(build.value)
        block = _block(facts, build)
        if model is None or build not in block:
            continue
        for later in block[block.index(build) + 1 :]:
            if isinstance(later, ast.Assign) and written(later.targets[0]) == written(build.targets[0]):
                break
            if isinstance(later, ast.Assign | ast.Expr) and "parameters" in written(later):
                break
            if isinstance(later, ast.For | ast.While):
                break
            if _is_replacement(facts, code, later, model):
                optimiser = written(build.targets[0])
                message = (
                    f"{written(later)} replaces parameters after {optimiser} was built; it goes on "
                    f"holding the old ones."
                )
                yield finding(facts, "TO612", later, message, Confidence.LIKELY)
                break


def _whose(call: ast.Call) -> str | None:
    """The model of `optim.X(model.parameters(), ...)`."""
    given = call.args[0] if call.args else keyword(call, "params")
    if isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute) and given.func.attr == "parameters":
        return written(given.func.value)
    return None


def _block(facts: Facts, statement: ast.stmt) -> list[ast.stmt]:
    parent = facts.names.parent(statement)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and statement in block:
            return block
    return []


def _is_replacement(facts: Facts, code: TorchCode, later: ast.stmt, model: str) -> bool:
    if not isinstance(later, ast.Assign) or len(later.targets) != 1:
        return False
    target = written(later.targets[0])
    inner = target.startswith((f"{model}.", f"{model}["))
    if inner and _is_layer(facts, code, later.value):
        return True
    if target != model or not isinstance(later.value, ast.Call):
        return False
    made = facts.names.called(later.value) or ""
    own = isinstance(later.value.func, ast.Name) and later.value.func.id in code.origins.classes
    return own or made.startswith(("torchvision.models.", "torch.nn.Linear", "torch.nn.Sequential"))


def _references(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    for assign in facts.names.nodes(ast.Assign):
        target = assign.targets[0]
        if len(assign.targets) != 1 or not isinstance(target, ast.Name | ast.Attribute) or not _is_state(assign.value):
            continue
        loop = facts.names.loop(assign)
        name = written(target)
        if (
            loop is None
            or not (code.within(code.backwards, loop) or code.within([step for step, _ in code.steps], loop))
        ) and (loop is None or not _trains(facts, code, loop)):
            continue
        home = facts.names.function(assign) or facts.names.tree
        loads = [call for call in facts.names.own(home, ast.Call) if tail(call) == "load_state_dict" and call.args]
        back = [call for call in loads if written(call.args[0]) == name and not code.inside(call, loop)]
        if back:
            message = (
                f"{name} is the living state of the model, not a copy; what is loaded back are the "
                f"last weights, not the best."
            )
            yield finding(facts, "TO615", assign, message, Confidence.LIKELY)


def _is_state(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "copy" and not node.args:
            return _is_state(node.func.value)
        return node.func.attr == "state_dict"
    return False


def _trains(facts: Facts, code: TorchCode, loop: ast.AST) -> bool:
    """A training helper that lives elsewhere is called in the loop."""
    return any(
        isinstance(call.func, ast.Name) and call.func.id.startswith("train") for call in facts.names.own(loop, ast.Call)
    )


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="to_modules")
