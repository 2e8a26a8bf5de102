"""Torch judging: nets asked on held-out rows in training mode, graphs built for nothing, augmentation on validation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelwright.checks.code.asking import argument, has_open_arguments, is_false, keyword, root, tail, written
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Edit, Fix, Role, RuleInfo
from modelwright.checks.code.torch_code import HELD_OUT, TRAIN, TorchCode, is_held_out, is_stochastic
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="TO602",
        name="judged-in-training-mode",
        severity=Severity.HIGH,
        why="A net is in training mode until eval() is called: Dropout drops units and BatchNorm uses the batch's own "
        "statistics, "
        "so held-out figures are noisy and too low, and BatchNorm learns from the held-out rows.",
        fix="call model.eval() before judging and model.train() before training goes on",
        source="PyTorch documentation, Module.eval; Zhang et al. 2022",
    ),
    RuleInfo(
        code="TO603",
        name="judged-with-graph",
        severity=Severity.LOW,
        why="Without no_grad each forward pass records a graph: judging needs several times the memory and more time.",
        fix="wrap the loop in `with torch.no_grad():` or put @torch.no_grad() on the function",
        source="PyTorch documentation, 'Locally disabling gradient computation'",
    ),
    RuleInfo(
        code="TO613",
        name="augmented-validation",
        severity=Severity.MEDIUM,
        why="Random augmentation on held-out data makes its figure random; training data in file order "
        "gives batches of one class.",
        fix="use a fixed transform for validation and test, and shuffle=True for training",
        source="torchvision references; PyTorch DataLoader documentation",
    ),
)
_RANDOM = re.compile(r"Random|ColorJitter|AutoAugment|RandAugment|AugMix|TrivialAugment")


def _run(facts: Facts) -> Iterator[CodeFinding]:
    code = TorchCode.of(facts)
    if code is None or facts.role is Role.TEST:
        return
    asked: set[ast.AST] = set()
    for loop, ask in _judging_loops(facts, code):
        asked.add(ask)
        yield from _mode(facts, code, loop, ask)
        yield from _graph(facts, code, loop, ask)
    if not asked:
        yield from _unseen(facts, code)
    for ask in facts.names.calls:
        if ask not in asked and len(ask.args) == 1 and is_held_out(ask.args[0]) and _net(facts, code, ask):
            found = next(_mode(facts, code, ask, ask), None)
            if found is not None:
                yield found
                break
    yield from _augmented(facts, code)
    if code.backwards:
        yield from _unshuffled(facts, code)


def _judging_loops(facts: Facts, code: TorchCode) -> Iterator[tuple[ast.For, ast.Call]]:
    """Loops over held-out batches in which a net is asked and nothing is learned."""
    for loop in facts.names.nodes(ast.For):
        if not is_held_out(loop.iter):
            continue
        if code.within(code.backwards, loop) or code.within([step for step, _ in code.steps], loop):
            continue
        for call in facts.names.own(loop, ast.Call):
            if call.args and isinstance(call.func, ast.Name | ast.Attribute) and _net(facts, code, call):
                yield loop, call
                break


def _unseen(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    """A net of a module that is not seen here, asked on held-out batches in a file that never says `eval()`."""
    nets = {root(call.func) for call in facts.names.calls if tail(call) == "parameters"}
    if not nets or any(tail(call) == "eval" for call in facts.names.calls):
        return
    for loop in facts.names.nodes(ast.For):
        if not is_held_out(loop.iter) or code.within(code.backwards, loop):
            continue
        for call in facts.names.own(loop, ast.Call):
            net = call.func.id if isinstance(call.func, ast.Name) else ""
            if net in nets and call.args and not code.module_of(call.func):
                said = f"{net} is asked on held-out rows here, and this file never calls {net}.eval()."
                yield finding(facts, "TO602", call, said, Confidence.PATTERN, severity=Severity.LOW)
                return


def _net(facts: Facts, code: TorchCode, ask: ast.Call) -> str:
    """The module that is asked, also where the function got it as a parameter."""
    made = code.module_of(ask.func)
    if made and not made.startswith("torch.nn.modules"):
        return "" if "Loss" in made else made
    function = facts.names.function(ask)
    if isinstance(ask.func, ast.Name) and function is not None:
        parameters = [item.arg for item in function.args.args]
        if ask.func.id in parameters:
            place = parameters.index(ask.func.id)
            given = [argument(call, place, ask.func.id) for call in code.callers(function)]
            found = {"" if node is None else code.module_of(node) for node in given}
            if len(found) == 1 and "Loss" not in (only := found.pop()):
                return only
    return ""


def _mode(facts: Facts, code: TorchCode, loop: ast.AST, ask: ast.Call) -> Iterator[CodeFinding]:
    made = _net(facts, code, ask)
    changes = is_stochastic(code, made)
    if not changes and not (made == "torch.nn.Sequential" and _sequence_changes(facts, code, ask)):
        return
    if _switched(facts, code, loop, 3):
        return
    net = written(ask.func)
    message = f"{net} is asked on held-out rows here without {net}.eval(), and it holds Dropout or BatchNorm."
    yield finding(facts, "TO602", ask, message, Confidence.LIKELY)


def _sequence_changes(facts: Facts, code: TorchCode, ask: ast.Call) -> bool:
    """Is the asked Sequential written in this file with a Dropout or BatchNorm in it?"""
    for call in facts.names.calls:
        if facts.names.called(call) == "torch.nn.Sequential" and code.made_here(call, ask.func):
            return any(is_stochastic_call(facts, part) for part in ast.walk(call))
    return False


def is_stochastic_call(facts: Facts, node: ast.AST) -> bool:
    called = facts.names.called(node) or ""
    return called.startswith("torch.nn.") and ("Dropout" in called or "BatchNorm" in called)


def _switched(facts: Facts, code: TorchCode, node: ast.AST, depth: int) -> bool:
    """Is any net switched to eval in the function of the node, in what it calls, or at each caller?"""
    home = facts.names.function(node) or facts.names.tree
    if any((facts.names.function(call) or facts.names.tree) is home for call in code.evals):
        return True
    if any(
        tail(call) in {"eval", "train", "set_mode", "train_mode"} and call.args
        for call in code.calls_by_function.get(home, [])
    ):
        return True
    if any(code.inside(call, function) for function in code.reaches(home) for call in code.evals):
        return True
    if "eval" in facts.source.text and any(tail(call) in {"apply"} for call in code.calls_by_function.get(home, [])):
        return True
    callers = code.callers(home)
    return depth > 0 and any(_switched(facts, code, call, depth - 1) for call in callers)


def _graph(facts: Facts, code: TorchCode, loop: ast.For, ask: ast.Call) -> Iterator[CodeFinding]:
    if code.without_graph(ask) or code.without_graph(loop):
        return
    for part in ast.walk(loop):
        name = part.attr if isinstance(part, ast.Attribute) else ""
        if name in {"detach", "grad", "requires_grad", "requires_grad_", "no_grad", "inference_mode"}:
            return
        if isinstance(part, ast.keyword) and part.arg == "volatile":
            return
    kept = _kept_losses(facts, loop)
    message = f"{written(ask.func)} is asked on held-out batches while gradients are recorded; nothing here needs them."
    severity = Severity.MEDIUM if kept else None
    yield finding(facts, "TO603", ask, message, Confidence.LIKELY, severity=severity, fix=_no_grad(facts, code, loop))


def _kept_losses(facts: Facts, loop: ast.For) -> bool:
    """Is a loss tensor added up, so that each batch's graph stays?"""
    for addition in facts.names.own(loop, ast.AugAssign):
        if isinstance(addition.value, ast.Name) and "loss" in addition.value.id.lower():
            made = [node for node in facts.names.own(loop, ast.Assign) if written(node.targets[0]) == addition.value.id]
            return not any(tail(node.value) in {"item", "float"} for node in made)
    return False


def _no_grad(facts: Facts, code: TorchCode, loop: ast.For) -> Fix | None:
    """A decorator, where the whole function only judges."""
    function = facts.names.function(loop)
    if not isinstance(function, ast.FunctionDef) or code.within(code.backwards, function):
        return None
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(function)):
        return None
    torch = next((item for node in facts.names.nodes(ast.Import) for item in node.names if item.name == "torch"), None)
    if torch is None or function.decorator_list:
        return None
    place = facts.source.place(function)
    text = f"@{torch.asname or 'torch'}.no_grad()\n" + " " * function.col_offset
    edit = Edit(
        line=place.line, column=place.column, end_line=place.line, end_column=place.column, text=text, cell=place.cell
    )
    return Fix(edits=(edit,), safe=True, text="run the function without recording gradients")


def _augmented(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    for assign in facts.names.nodes(ast.Assign):
        if not isinstance(assign.value, ast.Call):
            continue
        name = written(assign.targets[0])
        if not HELD_OUT.search(name.rpartition(".")[2]) or TRAIN.search(name) or "tta" in name.lower():
            continue
        transform = keyword(assign.value, "transform")
        made = _composed(facts, transform)
        if made is None:
            continue
        random = next(
            (tail(part) for part in ast.walk(made) if isinstance(part, ast.Call) and _RANDOM.search(tail(part))), None
        )
        if random is not None:
            message = f"{name} goes through the random {random}; its figure changes from run to run."
            yield finding(facts, "TO613", assign, message, Confidence.LIKELY)


def _composed(facts: Facts, node: ast.AST | None) -> ast.Call | None:
    if isinstance(node, ast.Call):
        return node if tail(node) == "Compose" or _RANDOM.search(tail(node)) else None
    if isinstance(node, ast.Name):
        values = list(facts.names.values(node.id, facts.names.home(node)))
        if len(values) == 1 and isinstance(values[0], ast.Call):
            return _composed(facts, values[0])
    return None


def _unshuffled(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    text = facts.source.text
    if "LSTM" in text or "GRU" in text or "IterableDataset" in text or "Sampler" in text or "distributed" in text:
        return
    for assign in facts.names.nodes(ast.Assign):
        call = assign.value
        if facts.names.called(call) != "torch.utils.data.DataLoader" or not isinstance(call, ast.Call):
            continue
        name = written(assign.targets[0])
        if not re.match(r"(?:self\.)?train\w*(?:loader|_dl|_iter)$", name) or "eval" in name:
            continue
        given = argument(call, 2, "shuffle")
        if has_open_arguments(call) or keyword(call, "sampler") or keyword(call, "batch_sampler"):
            continue
        if (given is None or is_false(given)) and _is_trained_with(facts, code, name):
            message = f"{name} feeds training in file order: shuffle is off."
            # nets without labels and data that is shuffled on disk do well without: advice, no more
            yield finding(facts, "TO613", call, message, Confidence.PATTERN, severity=Severity.LOW)


def _is_trained_with(facts: Facts, code: TorchCode, name: str) -> bool:
    return any(name in written(loop.iter) and code.within(code.backwards, loop) for loop in facts.names.nodes(ast.For))


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="to_judging")
