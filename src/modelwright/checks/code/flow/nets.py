"""Networks: Keras models and PyTorch modules, trained by fit or by hand-written loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwright.checks.code.flow import judging, learners
from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Fit, Predict, Value, merge

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call


def ask(m: Machine, c: Call, net: Value) -> Value:
    """`net(x)`: a prediction, which a later `backward` turns into training."""
    x = next((value for value in c.all if value.is_data), UNKNOWN)
    if net.cls.startswith(("torch.nn.", "keras.layers", "torch.optim")) and net.cls not in {
        "torch.nn.Module",
        "torch.nn.Sequential",
        "torch.nn.Linear",
    }:
        return (
            merge(c.args, kind="scalar" if "Loss" in net.cls else (c.args[0].kind if c.args else "unknown"))
            if c.args
            else UNKNOWN
        )
    if not x.rows:
        return Value("unknown", preds=x.preds, learned=x.learned)
    key = ("ask", c.node, m.stack, x.rows, net.serial)
    asked = m._cache.get(key)
    if asked is None:
        asked = m._cache[key] = Predict(c.node, net, net.fit, x.copy(), "call", m.tick(), loops=m.loops)
        m.predicts.append(asked)
    asked.fit = net.fit or asked.fit
    return Value("prediction", rows=x.rows, preds=(asked,), flags=frozenset(["proba"]), node=c.node)


def backward(m: Machine, c: Call, loss: Value) -> None:
    """What the loss was computed from was trained on."""
    for asked in loss.preds:
        asked.training = True
        net = asked.est
        key = ("backward", c.node, m.stack, asked.rows, net.serial)
        if key in m._cache:
            continue
        found = Fit(
            c.node, net, net.cls, asked.x, None, m.tick(), learned=asked.x.all_learned, how="backward", loops=m.loops
        )
        found.before = net.fit
        found.knobs = m.knobs(net)
        m._cache[key] = net.fit = found
        m.fits.append(found)


def method(m: Machine, c: Call, net: Value, name: str) -> Value:
    if name in {"fit", "fit_generator", "train_on_batch"} and not net.cls.startswith("torch."):
        found = learners.fit(m, c, net, name)
        share = c.const("validation_split")
        if share is not None:
            found.nodes = ()
        return Value("estimator_figure", flags=frozenset(["history"]), preds=(), fit=found)
    if name in {"predict", "predict_classes", "predict_proba", "predict_generator", "predict_on_batch"}:
        return learners.ask(m, c, net, name)
    if name in {"evaluate", "evaluate_generator", "test_on_batch"}:
        return judging.score(m, c, net, "evaluate")
    if name == "add":  # a layer set up by a loop sets up the net
        for layer in c.args:
            net.loops |= m.knobs(layer)
    if name in {"add", "compile", "build", "load_weights", "load_state_dict", "summary", "zero_grad", "save"}:
        return UNKNOWN
    if name in {
        "to",
        "cuda",
        "cpu",
        "eval",
        "train",
        "float",
        "half",
        "double",
        "get_layer",
        "requires_grad_",
        "apply",
    }:
        return net
    if name == "forward":
        return ask(m, c, net)
    return Value("unknown")


def function(m: Machine, c: Call, name: str) -> Value:
    """Functions of torch and Keras that the table does not name."""
    last = name.rpartition(".")[2]
    if last == "backward":
        return UNKNOWN
    if last[:1].isupper():
        return m.new("module" if name.startswith("torch.") else "estimator", name, c.node, params=dict(c.keywords))
    values = [value for value in c.args if value.is_data]
    if not values:
        return Value("unknown")
    if last in {"max", "argmax"} and values[0].preds:
        new = values[0].copy(flags=(values[0].flags - {"proba"}) | {"hard"}, const=UNSET)
        return Value("tuple", items=[new, new]) if last == "max" else new
    if last in {"mean_squared_error", "mse", "categorical_crossentropy", "loss"}:
        return merge(values, kind="scalar")
    return merge(values, const=UNSET)
