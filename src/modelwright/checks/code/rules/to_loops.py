"""Torch training loops: gradients not cleared, modes not set back, graphs kept, schedulers and scalers out of order."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.asking import names_in, tail, written
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.torch_code import TorchCode
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="TO601",
        name="gradients-never-cleared",
        severity=Severity.HIGH,
        why="backward() adds to the gradients that are there. Without clearing them each step uses the sum of all "
        "batches so far, "
        "and training drifts or diverges without an error.",
        fix="call optimizer.zero_grad() in the same loop, before backward() or after step()",
        source="PyTorch tutorial 'Zeroing out gradients'; Zhang et al. 2022, code smells for machine "
        "learning applications",
    ),
    RuleInfo(
        code="TO604",
        name="never-back-to-train-mode",
        severity=Severity.HIGH,
        why="eval() inside the epoch loop switches Dropout and BatchNorm off for good. From the second "
        "epoch on the net trains without them.",
        fix="call model.train() at the head of each epoch",
        source="PyTorch documentation, Module.train and Module.eval; Zhang et al. 2022",
    ),
    RuleInfo(
        code="TO605",
        name="loss-tensor-summed",
        severity=Severity.MEDIUM,
        why="Adding up the loss tensor keeps every batch's graph alive, so memory grows through the epoch.",
        fix="add loss.item() (or loss.detach())",
        source="PyTorch FAQ 'My model reports cuda runtime error(2): out of memory'",
    ),
    RuleInfo(
        code="TO607",
        name="recurrent-without-clipping",
        severity=Severity.LOW,
        why="Gradients of recurrent nets and transformers explode on single batches; one such step can undo an epoch.",
        fix="call torch.nn.utils.clip_grad_norm_ before step()",
        source="Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks",
        default=False,
        per_file=True,
    ),
    RuleInfo(
        code="TO608",
        name="scheduler-not-stepped",
        severity=Severity.MEDIUM,
        why="A scheduler that is never stepped leaves the learning rate as it was; one stepped before "
        "the optimiser skips its first value.",
        fix="call scheduler.step() after optimizer.step(), once for each epoch or batch",
        source="PyTorch documentation, torch.optim, 'How to adjust learning rate'",
    ),
    RuleInfo(
        code="TO617",
        name="clipped-before-unscaling",
        severity=Severity.MEDIUM,
        why="Under mixed precision the gradients are multiplied by the scaler's factor; clipping them "
        "before unscale_ clips nearly everything.",
        fix="call scaler.unscale_(optimizer) before clip_grad_norm_",
        source="PyTorch documentation, Automatic Mixed Precision examples, 'Gradient clipping'",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    code = TorchCode.of(facts)
    if code is None:
        return
    if code.backwards:
        yield from _uncleared(facts, code)
        yield from _stuck_in_eval(facts, code)
        yield from _summed(facts, code)
        yield from _unclipped(facts, code)
        yield from _clipped_scaled(facts, code)
    yield from _schedulers(facts, code)


def _uncleared(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    if "dist_autograd" in facts.source.text or "torch.distributed.autograd" in facts.source.text:
        return
    told: set[ast.AST] = set()
    for step, optimiser in code.steps:
        region = facts.names.loop(step) or _called_in_loop(facts, code, step)
        if region is None or region in told or _is_local(code, step):
            continue
        backwards = code.within(code.backwards, region, reach=False)
        closure = [node for node in code.backwards if step.args and _is_closure(facts, step, node)]
        if not backwards and not closure:
            continue
        if code.within(code.zeroings, region) or any(
            _is_closure(facts, step, node) for node in code.zeroings if step.args
        ):
            continue
        if any(code.inside(step, handled) for handled in told):
            continue
        told.add(region)
        message = f"{optimiser}.step() runs in a loop with backward(), but nothing clears the gradients there."
        yield finding(facts, "TO601", step, message, Confidence.LIKELY)


def _called_in_loop(facts: Facts, code: TorchCode, step: ast.Call) -> ast.AST | None:
    """A function that holds the whole step and is called from a loop of this file."""
    function = facts.names.function(step)
    if function is None or code.zeroings:
        return None
    return function if any(facts.names.loop(call) is not None for call in code.callers(function)) else None


def _is_local(code: TorchCode, step: ast.Call) -> bool:
    """An optimiser of the file's own, which may clear by itself."""
    target = step.func.value if isinstance(step.func, ast.Attribute) else step
    made = code.origins.made_by(target)
    return made is not None and made.startswith("local:")


def _is_closure(facts: Facts, step: ast.Call, node: ast.AST) -> bool:
    function = facts.names.function(node)
    return function is not None and bool(step.args) and function.name == tail(step.args[0])


def _stuck_in_eval(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    told: set[ast.AST] = set()
    for backward in code.backwards:
        loop = _outermost(facts, backward)
        if loop is None or loop in told:
            continue
        told.add(loop)
        trained = {tail(call) for call in facts.names.own(loop, ast.Call) if isinstance(call.func, ast.Name)}
        for switch in code.within(code.evals, loop):
            assert isinstance(switch, ast.Call)
            assert isinstance(switch.func, ast.Attribute)
            model = _argument_for(facts, code, switch, loop)
            if model not in trained or code.within(code.trains, loop):
                continue
            if _is_last_use(facts, switch, loop):
                continue
            message = (
                f"{written(switch)} stands in the loop that trains {model}, and nothing in the loop "
                f"calls {model}.train() again."
            )
            yield finding(facts, "TO604", switch, message, Confidence.LIKELY)
            break


def _outermost(facts: Facts, node: ast.AST) -> ast.AST | None:
    loop, found = facts.names.loop(node), None
    while loop is not None:
        found, loop = loop, facts.names.loop(loop)
    return found


def _argument_for(facts: Facts, code: TorchCode, switch: ast.Call, loop: ast.AST) -> str:
    """The name that the switched module has in the loop: itself, or the argument given for a helper's parameter."""
    assert isinstance(switch.func, ast.Attribute)
    name = written(switch.func.value)
    function = facts.names.function(switch)
    if function is facts.names.function(loop):
        return name
    if function is None:
        return ""
    parameters = [argument.arg for argument in function.args.args]
    if name not in parameters:
        return name if name not in {"self"} else ""
    for call in code.callers(function):
        if code.inside(call, loop) and parameters.index(name) < len(call.args):
            return written(call.args[parameters.index(name)])
    return ""


def _is_last_use(facts: Facts, switch: ast.AST, loop: ast.AST) -> bool:
    """The loop is left after the switch: a break or return follows in the same block."""
    statement = facts.names.statement(switch)
    parent = facts.names.parent(statement) if statement is not None else None
    body = getattr(parent, "body", [])
    if parent is loop or statement not in body:
        return False
    return any(isinstance(later, ast.Break | ast.Return) for later in body[body.index(statement) :])


def _summed(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    for addition in facts.names.nodes(ast.AugAssign):
        if not isinstance(addition.op, ast.Add) or facts.names.loop(addition) is None:
            continue
        total = written(addition.target)
        loss = _plain_loss(addition.value)
        if loss is None or loss == total:
            continue
        home = facts.names.function(addition)
        own = [call for call in code.backwards if facts.names.function(call) is home]
        asked = {written(call.func.value) for call in own if isinstance(call.func, ast.Attribute)}
        if loss not in asked or total in asked or _feeds(facts, addition, total, asked):
            continue
        if code.without_graph(addition) or _is_number(facts, addition.value):
            continue
        message = f"{total} adds up the tensor {loss} after its backward(); every batch's graph stays in memory."
        yield finding(facts, "TO605", addition, message, Confidence.LIKELY)


def _plain_loss(value: ast.expr) -> str | None:
    """`loss`, `loss * n`, `loss / n`: the name; None for `loss.item()` and all else."""
    if isinstance(value, ast.Name):
        return value.id
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult | ast.Div) and isinstance(value.left, ast.Name):
        return value.left.id
    return None


def _feeds(facts: Facts, addition: ast.AugAssign, total: str, asked: set[str]) -> bool:
    """Is the sum itself part of what gets a backward, or detached before the next round?"""
    home = facts.names.function(addition) or facts.names.tree
    for assign in facts.names.own(home, ast.Assign):
        targets = {written(target) for target in assign.targets}
        if targets & asked and total in names_in(assign.value):
            return True
    return False


def _is_number(facts: Facts, value: ast.expr) -> bool:
    """The name was already turned into a number: `loss = loss.item()`."""
    node = value.left if isinstance(value, ast.BinOp) else value
    if not isinstance(node, ast.Name):
        return True
    values = facts.names.values(node.id, facts.names.home(node))
    return any(
        isinstance(made, ast.Call) and tail(made) in {"item", "detach", "float", "numpy", "tolist"} for made in values
    )


_RECURRENT = ("torch.nn.LSTM", "torch.nn.GRU", "torch.nn.RNN", "torch.nn.Transformer", "torch.nn.TransformerEncoder")


def _unclipped(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    nets = [call for call in facts.names.calls if facts.names.called(call) in _RECURRENT]
    if nets and code.steps and "clip" not in facts.source.text:
        name = (facts.names.called(nets[0]) or "").rpartition(".")[2]
        yield finding(
            facts,
            "TO607",
            code.steps[0][0],
            f"A net with {name} is trained without clipping its gradients.",
            Confidence.PATTERN,
        )


def _clipped_scaled(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    for clip in facts.names.calls:
        if tail(clip) not in {"clip_grad_norm_", "clip_grad_value_"} or not isinstance(
            clip.func, ast.Attribute | ast.Name
        ):
            continue
        home = facts.names.function(clip) or facts.names.tree
        own = code.calls_by_function.get(home, [])
        scaled = [
            call
            for call in own
            if tail(call) == "backward"
            and isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Call)
            and tail(call.func.value) == "scale"
        ]
        if scaled and not any(tail(call) in {"unscale_", "unscale", "unscale_grads"} for call in own):
            message = "The gradients are clipped while they still carry the scaler's factor; unscale_ was not called."
            yield finding(facts, "TO617", clip, message, Confidence.LIKELY)


def _schedulers(facts: Facts, code: TorchCode) -> Iterator[CodeFinding]:
    for assign in facts.names.nodes(ast.Assign):
        target = assign.targets[0]
        called = facts.names.called(assign.value) or ""
        if (
            len(assign.targets) != 1
            or not isinstance(target, ast.Name)
            or not called.startswith("torch.optim.lr_scheduler.")
        ):
            continue
        uses = [
            name
            for name in facts.names.nodes(ast.Name)
            if name.id == target.id and isinstance(name.ctx, ast.Load) and _same_home(facts, name, target)
        ]
        if not uses and code.steps:
            message = f"{target.id} is made and never used: the learning rate stays as it is."
            yield finding(facts, "TO608", assign, message, Confidence.LIKELY)
        elif uses:
            yield from _stepped_first(facts, code, uses)


def _same_home(facts: Facts, name: ast.Name, target: ast.Name) -> bool:
    return facts.names.home(name) is facts.names.home(target)


def _stepped_first(facts: Facts, code: TorchCode, uses: list[ast.Name]) -> Iterator[CodeFinding]:
    for use in uses:
        attribute = facts.names.parent(use)
        call = (
            facts.names.parent(attribute) if isinstance(attribute, ast.Attribute) and attribute.attr == "step" else None
        )
        if not isinstance(call, ast.Call) or call.args or call.keywords:
            continue
        loop = facts.names.loop(call)
        statement = facts.names.statement(call)
        if loop is None or statement not in loop.body:
            continue
        before = [step for step, _ in code.steps if code.inside(step, loop) and step.lineno < call.lineno]
        after = [step for step, _ in code.steps if code.inside(step, loop) and step.lineno > call.lineno]
        helpers = any(code.inside(step, function) for function in code.reaches(loop) for step, _ in code.steps)
        if after and not before and not helpers:
            message = (
                f"{written(call)} comes before the optimiser's step in each round, so the first "
                f"learning rate is skipped."
            )
            yield finding(facts, "TO608", call, message, Confidence.LIKELY)
            return


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="to_loops")
