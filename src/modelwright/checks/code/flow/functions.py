"""Functions of libraries, by the specification table."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from modelwright.checks.code.flow import (
    builtin_calls,
    containers,
    data,
    hub_sets,
    judging,
    learners,
    nets,
    picture_sets,
    polars_frames,
    reading,
    splits,
)
from modelwright.checks.code.flow.machine import Machine, hint_of
from modelwright.checks.code.flow.rows import Rows, cut
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Value, merge
from modelwright.checks.code.library import method as meaning

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call


def apply(m: Machine, c: Call, name: str, op: str) -> Value:
    handler = OPS.get(op)
    return UNKNOWN if handler is None else handler(m, c, name)


def _data(c: Call) -> list[Value]:
    """The arguments that hold rows, also those inside lists."""
    found: list[Value] = []
    for value in c.args:
        if value.items is not None and not value.rows:
            found.extend(item for item in value.items if item.is_data)
            continue
        if value.table is not None:
            found.extend(item for item in value.table.values() if item.is_data)
        elif value.is_data:
            found.append(value)
        elif value.element is not None and value.element.is_data:
            found.append(value.element)
    return found


def _keep(m: Machine, c: Call, name: str) -> Value:
    values = _data(c) or [value for value in c.keywords.values() if value.is_data]
    if not values and c.args and name in _GATHERING:
        found = containers.grown(m, c.node, c.args[0])
        values = [found] if found.rows else []
    if not values:
        return _kept_figure(m, c, name)
    new = merge([*values, *(value for value in c.args if not value.is_data)], const=UNSET, items=None)
    last = name.rpartition(".")[2]
    if c.args and name in _GATHERING:
        containers.note_augmented(m, c.node, new, c.args[0])
    if last == "merge" and len(values) > 1:
        new = data._merge(m, _shifted(c), values[0], "merge")
    if last in {"DataFrame", "merge", "get_dummies"}:
        new.kind = "frame"
        new.partial = new.partial or last == "get_dummies"
    elif new.kind == "unknown" or last in {"array", "asarray", "hstack", "column_stack", "argmax", "where"}:
        new.kind = "prediction" if new.preds else "array"
    if last in {"log", "log1p", "log10", "sqrt", "exp", "expm1"}:
        new.steps = _undo(new.steps, last)
    if last in {"array", "asarray", "stack", "DataFrame", "Series"}:
        new.flags -= {"rowwise"}
    if new.preds and last in {"argmax", "round", "where", "sign", "int"}:
        new.flags = (new.flags - {"proba"}) | {"hard"}
    if len(values) > 1 and last in {"hstack", "column_stack", "c_"}:
        new.column, new.only, new.partial, new.exact = "", None, True, False
    return new


def _kept_figure(m: Machine, c: Call, name: str) -> Value:
    """Figures and lists pass through: `np.array(scores)`, `np.argmax(scores)`."""
    new = Value("scalar")
    for value in c.args:
        new.learned |= value.learned
        new.loops |= value.loops
        new.preds = tuple(dict.fromkeys((*new.preds, *value.preds)))[:8]
        new.flags |= value.flags & {"figure", "ranking", "columns", "choice"}
    if "figure" in new.flags and name.rpartition(".")[2] in _CHOOSING:
        reading.chosen(m, c)
        new.flags |= {"choice"}
    if c.args and c.args[0].kind in {"range", "index"}:
        return c.args[0]
    if name.startswith("builtins.") and c.args and (c.args[0].items is not None or c.args[0].element is not None):
        return c.args[0]
    if name in {"pandas.DataFrame", "pandas.Series", "numpy.array"} and c.args and c.args[0].table:
        new.kind = "table"
    return new


_GATHERING = frozenset(["numpy.array", "numpy.asarray", "numpy.stack", "numpy.vstack", "pandas.DataFrame"])
_CHOOSING = frozenset(["argmax", "argmin", "max", "min", "sorted", "argsort"])
_INVERSE = {"exp": "log", "expm1": "log1p"}


def _undo(steps: tuple[Hashable, ...], name: str) -> tuple[Hashable, ...]:
    if name in _INVERSE and steps and steps[-1] in {"log", "log1p"}:
        return steps[:-1]
    return (*steps, name)


def _shifted(c: Call) -> Call:
    return type(c)(c.node, c.args[1:], c.keywords)


def _stack(m: Machine, c: Call, name: str) -> Value:
    given = c.args[1].const if len(c.args) > 1 else c.const("axis", c.const("dim"))
    if given in (1, "columns", -1):
        return _keep(m, c, name)
    values = _data(c)
    if not values:
        return _keep(m, c, name)
    new = merge(values, const=UNSET, items=None)
    new.params, new.flags = {"stacked": Value("tuple", items=values)}, new.flags - {"rowwise"}
    if _twice(values):
        learned = m.learn(c.node, "augment", name, values[0].rows, detail=name)
        new.learned |= {learned}
    if len(values) > 1 and any(value.only is not None or value.lack for value in values):
        new.lack = frozenset.intersection(*(value.lack for value in values))
        new.only = None
    return new


def _twice(values: list[Value]) -> bool:
    """Do the same rows come in again? (`concatenate([X, flipped])`)"""
    whole = [value.rows for value in values if value.kind in {"array", "frame", "tensor"} and not value.column]
    if len(whole) != len(values) or values[0].flags & {"windows"}:
        return False
    return len(set(whole)) < len(whole) or any(_within(one, two) for one in whole for two in whole)


def _within(one: Rows, two: Rows) -> bool:
    """Is one a chosen part of the other? (`concat([df, df[df.y == 1]])`)"""
    if len(one) != 1 or len(two) != 1:
        return False
    (small,), (large,) = one, two
    more = small.path - large.path
    return small.root is large.root and large.path < small.path and all(p.how in {"filter", "cond"} for p in more)


def _stat(m: Machine, c: Call, name: str) -> Value:
    values = _data(c)
    last = name.rpartition(".")[2]
    for value in c.args:
        if value.flags & {"figure"}:
            if last in {"max", "min", "amax", "amin", "nanmax", "nanmin"}:
                reading.chosen(m, c)
            elif last in reading.AVERAGES:
                reading.read(m, value, "averaged", c.node)
            return Value("scalar", preds=value.preds, flags=value.flags, loops=value.loops)
    if not values:
        return Value("scalar", learned=c.args[0].learned if c.args else UNKNOWN.learned)
    if values[0].preds:
        return data.of_hits(m, c, values[0])
    if len(c.args) > 1 and last in {"mean", "std", "var", "median", "max", "min"} and c.args[1].const == 1:
        return values[0].copy(const=UNSET)
    shadow = type(c)(c.node, [], c.keywords)
    return data.statistic(m, shadow, values[0], last)


def _read(m: Machine, c: Call, name: str) -> Value:
    text = next((value.const for value in c.all if isinstance(value.const, str)), "")
    stem = text.rpartition("/")[2].rpartition(".")[0]
    return m.fresh("frame", c.node, how="read", name=text, hint=hint_of(stem), cls="pandas.DataFrame")


def _toy(m: Machine, c: Call, name: str) -> Value:
    x = m.fresh("array", c.node, how="toy", name=name)
    y = x.copy(target=True)
    return Value("tuple", items=[x, y])


def _load(m: Machine, c: Call, name: str) -> Value:
    if name.startswith("keras.datasets"):
        return _two_parts(m, c, name)
    base = m.fresh("array", c.node, how="load", name=name)
    subset = c.const("subset")
    if subset in {"train", "test"}:
        base.rows = cut(m.fresh("array", c.node, how="load", name=name).rows, "subset", subset, "split")
        key = ("subset", name)
        root = m._cache.setdefault(key, next(iter(base.rows)).root)
        base.rows = frozenset(part._replace(root=root) for part in base.rows)
    if c.const("return_X_y") is True:
        return Value("tuple", items=[base, base.copy(target=True)])
    return Value("bunch", rows=base.rows, cls=name)


def _two_parts(m: Machine, c: Call, name: str) -> Value:
    """`(x_train, y_train), (x_test, y_test) = load_data()`."""
    base = m.fresh("array", c.node, how="load", name=name)
    parts = []
    for side in ("train", "test"):
        x = base.copy(rows=cut(base.rows, ("load", c.node), side, "split"))
        parts.append(Value("tuple", items=[x, x.copy(target=True)]))
    return Value("tuple", items=parts)


def _random(m: Machine, c: Call, name: str) -> Value:
    return m.fresh("array", c.node, how="random", name=name, flags=frozenset(["random"]))


def _permutation(m: Machine, c: Call, name: str) -> Value:
    values = _data(c)
    if values:
        return values[0].copy(flags=values[0].flags | {"shuffled"})
    return Value("index", flags=frozenset(["permuted"]), node=c.node)


def _learn(m: Machine, c: Call, name: str) -> Value:
    values = _data(c)
    if not values:
        return UNKNOWN
    base = values[0]
    if c.const("axis") == 1 and name.startswith("sklearn"):
        return base
    kind = "scaler" if name.startswith("sklearn") else "statistic"
    learned = m.learn(c.node, kind, name, base.rows, detail=name.rpartition(".")[2], of_target=base.target)
    new = base.copy(const=UNSET, learned=base.learned | {learned}, steps=(*base.steps, name), items=None)
    return Value("tuple", items=[new, Value("scalar", learned=new.learned)]) if name.endswith("boxcox") else new


def _select(m: Machine, c: Call, name: str) -> Value:
    values = _data(c)
    rows = values[0].rows if values else frozenset()
    if not rows:
        return UNKNOWN
    learned = m.learn(c.node, "selector", name, rows, supervised=True)
    return Value("scalar", learned=frozenset([learned]), flags=frozenset(["ranking"]))


def _resample(m: Machine, c: Call, name: str) -> Value:
    values = [value for value in c.args if value.is_data]
    if not values:
        return Value("index" if name.startswith("numpy") else "unknown", flags=frozenset(["drawn"]))
    if c.const("replace") is False or (name == "numpy.random.choice" and c.const("replace") is not True):
        parts = [
            value.copy(const=UNSET, rows=cut(value.rows, ("resample", c.node), "in", "filter")) for value in values
        ]
    elif name == "numpy.repeat":
        parts = [data.multiplied(m, c, value, name, "augment") for value in values]
    else:
        parts = [data.multiplied(m, c, value, name, "sampler") for value in values]
    return parts[0] if len(parts) == 1 else Value("tuple", items=parts)


def _shuffle(m: Machine, c: Call, name: str) -> Value:
    parts = [value.copy(const=UNSET, flags=value.flags | {"shuffled"}) for value in c.args]
    return parts[0] if len(parts) == 1 else Value("tuple", items=parts)


def _clone(m: Machine, c: Call, name: str) -> Value:
    if not c.args:
        return UNKNOWN
    first = c.args[0]
    if first.kind in {"estimator", "module"}:
        fit = None if name.endswith("clone") else first.fit
        return first.copy(fit=fit, serial=m.serial + 1, alts=(), order=m.tick())
    return first.copy()


def _plain(m: Machine, c: Call, name: str) -> Value:
    last = name.rpartition(".")[2]
    new = Value("scalar", cls=name if last[:1].isupper() else "")
    for value in c.args:
        new.loops |= value.loops
        if value.flags & {"figure"}:
            reading.read(m, value, "shown", c.node)
        if last in {"sum", "abs", "array_equal"} or name.startswith("builtins.round"):
            new.preds += value.preds
            new.flags |= value.flags & {"figure", "compared"}
    if last in {"default_rng", "RandomState"}:
        return Value("scalar", flags=frozenset(["generator"]))
    if name in {"numpy.zeros", "numpy.ones", "numpy.empty", "numpy.zeros_like"}:
        return Value("buffer", node=c.node)
    if name == "numpy.arange" or name == "builtins.range":
        return Value("range", node=c.node)
    if name == "make_scorer":
        return Value("scorer")
    if new.preds and last == "sum":
        new.flags |= {"figure"}
    return new


def _train(m: Machine, c: Call, name: str) -> Value:
    return learners.train(m, c, name)


def other(m: Machine, c: Call, name: str) -> Value:
    """A call into a library that the table does not name."""
    last = name.rpartition(".")[2]
    if name.startswith("builtins."):
        return builtin_calls.call(m, c, name)
    if name.startswith("keras.") and last == "load_model":  # what a checkpoint kept is the net that was fitted last
        nets_fitted = [found.est for found in m.fits if found.cls.startswith("keras.")]
        return nets_fitted[-1] if nets_fitted else m.unknown(c)
    if last.startswith("load_data") or name.startswith("keras.datasets"):
        return _two_parts(m, c, name)
    if name.startswith(("seaborn", "matplotlib", "plotly", "pylab")):
        _plotted(m, c, last)
        return Value("scalar")
    if name.startswith(("torchvision.datasets", "torchtext.datasets")):
        return picture_sets.torch_set(m, c, name)
    if name.startswith(("torchvision.models.", "timm.create_model", "segmentation_models_pytorch.", "torch.hub.load")):
        return m.new("module", name, c.node, params=dict(c.keywords))
    if name.startswith(("torch.", "keras.losses", "keras.metrics", "tensorflow.")):
        return nets.function(m, c, name)
    if name.startswith(("numpy.", "scipy.", "pandas.")) and any(value.is_data for value in c.args):
        if meaning(last) == "keep":
            return _keep(m, c, name)
        return m.unknown(c) if name.startswith("scipy.") else _keep(m, c, name)
    if last[:1].isupper() and name.startswith(("sklearn.", "imblearn.")):
        return m.new("estimator", name, c.node, params=dict(c.keywords))
    return m.unknown(c)


def _plotted(m: Machine, c: Call, last: str) -> None:
    how = (
        "plotted"
        if last in {"plot", "scatter", "bar", "semilogx", "lineplot", "barplot", "barh", "errorbar"}
        else "shown"
    )
    for value in c.all:
        if value.flags & {"figure"}:
            reading.read(m, value, how, c.node)


def _window(m: Machine, c: Call, name: str) -> Value:
    values = _data(c)
    return data.multiplied(m, c, values[0], name, "augment") if values else UNKNOWN


def _named(m: Machine, c: Call, name: str) -> Value:
    return Value("scalar", cls=name)


def _loss(m: Machine, c: Call, name: str) -> Value:
    return merge(c.args, kind="scalar") if c.args else UNKNOWN


def _turn(m: Machine, c: Call, name: str) -> Value:
    """A picture turned over: of many rows, the same rows; of one thing in a loop, another picture of it."""
    made = _keep(m, c, name)
    one = m.loops and all(part.root.kind == "unknown" for part in made.rows)
    return made.copy(flags=made.flags | {"turned"}) if one or not made.rows else made


def _inplace(m: Machine, c: Call, name: str) -> Value:
    if c.args:
        c.args[0].flags |= {"shuffled"}
    return UNKNOWN


OPS: dict[str, Callable[[Machine, Call, str], Value]] = {
    "keep": _keep,
    "stack": _stack,
    "stat": _stat,
    "read": _read,
    "toy": _toy,
    "load": _load,
    "random": _random,
    "permutation": _permutation,
    "split": splits.split,
    "random_split": splits.random_split,
    "learn": _learn,
    "select": _select,
    "resample": _resample,
    "shuffle": _shuffle,
    "clone": _clone,
    "plain": _plain,
    "train": _train,
    "window": _window,
    "metric": judging.metric,
    "cv": judging.cross_validate,
    "cvp": judging.cross_validate,
    "cvq": judging.cross_validate,
    "display": judging.display,
    "pipeline": learners.make_pipeline,
    "loss": _loss,
    "inplace": _inplace,
    "cv_train": judging.cross_validate,
    "early": _named,
    "turn": _turn,
    "join": picture_sets.join_path,
    "hub_load": hub_sets.load,
    "hub_dict": hub_sets.collected,
    "pl_col": polars_frames.col,
}

__all__ = ["apply", "other"]
