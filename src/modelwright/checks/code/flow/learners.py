"""Estimators: built, fitted, applied and asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwright.checks.code.flow import forecasts, hub_sets, judging, subscripts
from modelwright.checks.code.flow.machine import Machine, hint_of
from modelwright.checks.code.flow.rows import cut
from modelwright.checks.code.flow.values import NO_LEARN, UNKNOWN, UNSET, Fit, Learn, Learned, Predict, Use, Value
from modelwright.checks.code.library import role
from modelwright.checks.code.library.learners import CLASSIFIERS, LEARNING, SPLITTERS, SUPERVISED

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call

ASKING = frozenset(
    [
        "predict",
        "predict_proba",
        "decision_function",
        "predict_log_proba",
        "predict_classes",
        "score_samples",
        "predict_generator",
        "staged_predict",
        "staged_predict_proba",
        "staged_decision_function",
    ]
)
_FITTING = frozenset(
    """fit partial_fit adapt fit_on_texts fit_generator train_on_batch build_vocab train_new_from_iterator
    train_from_iterator""".split()  # noqa: SIM905
)
_APPLYING = frozenset(
    ["transform", "texts_to_sequences", "texts_to_matrix", "flow", "encode", "__call__", "infer_vector"]
)
_BOTH = frozenset(["fit_transform", "fit_predict"])
_STOPPERS = frozenset(
    ["EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau", "early_stopping", "EarlyStoppingCallback"]
)
_OF_NETS = frozenset(["parameters", "named_parameters", "zero_grad", "state_dict"])
_ROUNDS = ("early_stopping_rounds", "early_stopping_round", "od_wait", "n_iter_no_change_on_eval")


def construct(m: Machine, c: Call, name: str, made: str) -> Value:
    """An object of a library's class."""
    loops = UNKNOWN.loops
    for value in c.args:
        loops |= value.loops
    params = {str(number): value for number, value in enumerate(c.args)} | c.keywords
    if made in SPLITTERS:
        return m.new("splitter", name, c.node, params=params)
    if made == "loader":
        base = c.get(0, "dataset")
        if base is None:
            return Value("loader", cls=name)
        sampler = c.get(None, "sampler")
        new = base.copy(kind="loader", cls=name, node=c.node, const=UNSET, items=None)
        if sampler is not None and sampler.index is not None:
            key, side, how, _ = sampler.index
            new.rows = cut(base.rows, key, side, how)
        elif sampler is not None and sampler.picks:
            new = subscripts._by_value(m, c.node, new, sampler, True).copy(kind="loader")
        return new
    if made in {"container", "stack"}:
        base = next((value for value in c.all if value.is_data), UNKNOWN)
        index = c.get(1, "indices")
        if index is not None and (index.index is not None or index.picks):
            return subscripts._by_value(m, c.node, base, index, True).copy(kind="tensor")
        return base.copy(kind="tensor", const=UNSET) if base.is_data else UNKNOWN
    kind = "module" if made == "net" else "estimator"
    new = m.new(kind, name, c.node, params=params, loops=loops, members=tuple(_members(c.all)))
    given = c.get(0, "sentences", "documents", "corpus")
    if made == "text" and name.startswith("gensim.") and given is not None and given.is_data:
        fit(m, type(c)(c.node, [given], {}), new, "fit")
    forecasts.hold(c, new, made)
    if made in {"hf_trainer"}:
        new.attrs = hub_sets.trainer(c)
    return new


def _members(values: list[Value]) -> list[Value]:
    """Estimators inside the arguments: pipeline steps, the estimator of a search."""
    found: list[Value] = []
    todo = list(values)
    while todo and len(found) < 24:
        value = todo.pop(0)
        if value.kind in {"estimator", "module"}:
            found.append(value)
        todo.extend(value.contents)
    return found


def make_pipeline(m: Machine, c: Call, name: str) -> Value:
    cls = {
        "make_column_transformer": "sklearn.compose.ColumnTransformer",
        "make_union": "sklearn.pipeline.FeatureUnion",
    }
    last = name.rpartition(".")[2]
    top = "imblearn.pipeline.Pipeline" if name.startswith("imblearn") else "sklearn.pipeline.Pipeline"
    return m.new("estimator", cls.get(last, top), c.node, params=dict(c.keywords), members=tuple(_members(c.all)))


def kind_of(est: Value) -> str:
    """The role of an estimator; of a pipeline, that of its last step."""
    made = role(est.cls)
    if made == "pipeline" and est.members:
        if est.cls.endswith(("ColumnTransformer", "FeatureUnion")):
            return "pipeline_of_steps"
        last = kind_of(est.members[-1])
        return "pipeline" if last not in LEARNING | {"stateless", "pipeline_of_steps"} else "pipeline_of_steps"
    if made == "pipeline":
        return "pipeline_of_steps" if est.cls.endswith(("ColumnTransformer", "FeatureUnion")) else "pipeline"
    return made


def method(m: Machine, c: Call, est: Value, name: str) -> Value:
    """A method of an estimator, on each it may be."""
    if est.alts and name in _FITTING | _BOTH | ASKING | {"score"}:
        results = [method(m, c, one, name) for one in est.alts[:4]]
        if name == "fit":
            return est
        return results[-1]
    if name in _FITTING:
        if name == "adapt" and role(est.cls) == "":
            return UNKNOWN
        fit(m, c, est, name)
        return est
    if name in _BOTH:
        fit(m, c, est, name)
        return use(m, c, est, "transform")
    if name in {"fit_resample", "fit_sample"}:
        return resample(m, c, est)
    if name in _APPLYING:
        return use(m, c, est, "transform")
    if name == "inverse_transform":
        return undo(m, c, est)
    if name in forecasts.ASKING and role(est.cls) == "sm_series":
        return forecasts.ask(m, c, est)
    if name in ASKING:
        if kind_of(est) == "cluster" and name == "predict":
            return use(m, c, est, "transform")
        return ask(m, c, est, name)
    return judging.score(m, c, est, name) if name in {"score", "evaluate"} else _other(m, c, est, name)


def _other(m: Machine, c: Call, est: Value, name: str) -> Value:
    if name in {"get_support", "get_feature_names_out", "get_feature_names", "get_score", "feature_importance"}:
        if kind_of(est) in {"selector", "model"} and est.fit is not None:
            learned = m.learn(est.fit.node, "selector", est.cls, est.fit.rows, supervised=True)
            return Value("scalar", learned=frozenset([learned]), flags=frozenset(["ranking"]))
        return Value("scalar", flags=frozenset(["columns"]))
    if name == "set_params":
        est.params = {**(est.params or {}), **c.keywords}
        return est
    if name in {"set_output", "set_fit_request", "set_score_request"}:
        return est
    if est.attrs and name in est.attrs:
        return est.attrs[name]
    if name == "train" and role(est.cls) == "text":
        return est
    if role(est.cls) == "net_search" and name in {"search", "get_best_models"}:
        if name == "get_best_models":
            return Value("list", element=est)
        fit(m, c, est, name).stops = True
        return UNKNOWN
    if name in {"train", "learn", "fine_tune"} and role(est.cls) == "hf_trainer":
        x = (est.attrs or {}).get("train_dataset", UNKNOWN)
        made = type(c)(c.node, [x], {})
        fitted = fit(m, made, est, name)
        fitted.watched, fitted.stops = (est.attrs or {}).get("eval_dataset"), hub_sets.keeps_best(est)
        return UNKNOWN
    return Value("unknown")


def fit(m: Machine, c: Call, est: Value, name: str) -> Fit:
    if role(est.cls) in {"sm_model", "sm_series"}:
        held = est.attrs or {}
        c = type(c)(c.node, [value for value in (held.get("X"), held.get("y")) if value is not None], {})
    x = c.get(0, "X", "x", "train_data", "data", "texts", "raw_documents") or UNKNOWN
    if x.items is not None and not x.rows:
        x = next((item for item in x.items if item.is_data), x)
    y = c.get(1, "y", "train_labels", "label")
    learned = x.all_learned | (y.all_learned if y is not None else NO_LEARN)
    for value in (est.params or {}).values():
        learned |= value.learned
    found = Fit(c.node, est, est.cls, x.copy(), None if y is None else y.copy(), m.tick(), how=name, loops=m.loops)
    found.learned = learned
    if y is not None and y.column:
        m.targets |= {(part.root, y.column) for part in y.rows}
    found.knobs = m.knobs(est)
    found.before = est.fit
    watch(found, c, est)
    est.fit = found
    if kind_of(est) in LEARNING | {"stateless", "pipeline_of_steps"}:
        found.how = "step"
    elif role(est.cls) == "search":
        judging.searched(m, c, est, found)
    m.fits.append(found)
    return found


def watch(found: Fit, c: Call, est: Value) -> None:
    """Rows watched while fitting: validation_data, eval_set."""
    given = c.get(None, "validation_data", "eval_set", "evals", "eval_data", "valid_sets")
    if given is not None:
        items = given.items if given.items is not None else [given]
        if given.kind == "tuple" and items and items[0].is_data:  # `eval_set=(X_valid, y_valid)`
            items = items[:1]
        flat: list[Value] = []
        for item in items:
            if item.items is not None and item.items:
                flat.append(item.items[0])
            elif item.is_data:
                flat.append(item)
        if "validation_data" in c.keywords and items and given.items is not None:
            flat = [items[0]]
        others = [value for value in flat if value.rows and value.rows != found.rows]
        found.watched = (others or flat or [None])[-1]  # type: ignore[list-item]
        found.nodes = tuple(
            part.value for part in c.node.keywords if part.arg in {"validation_data", "eval_set", "evals", "valid_sets"}
        )
    said = {**(est.params or {}), **c.keywords}
    found.stops = any(name in said and said[name].const is not None for name in _ROUNDS)
    if est.cls.startswith("catboost.") and given is not None:  # keeps the best iteration unless told otherwise
        best = said.get("use_best_model")
        found.stops = best is None or best.const is not False
    watch_by(found, c.keywords.get("callbacks"))
    watch_by(found, (est.params or {}).get("callbacks"))


def watch_by(found: Fit, callbacks: Value | None) -> None:
    """Callbacks that stop or keep by what they see."""
    if callbacks is None:
        return
    for item in callbacks.items if callbacks.items is not None else [callbacks]:
        if item.cls.rpartition(".")[2] in _STOPPERS:
            found.stops = True


def learned_by(m: Machine, est: Value) -> Learned:
    """What the steps of a fitted transformer learned."""
    if est.fit is None:
        return NO_LEARN
    made = kind_of(est)
    if made == "pipeline_of_steps":
        found: Learned = est.fit.learned
        for member in est.members:
            kind = kind_of(member)
            if kind in LEARNING and not _given(member):
                found |= {_event(m, est, member, kind)}
        if not est.members:
            found |= {_event(m, est, est, "scaler")}
        return found
    if made in LEARNING and not _given(est):
        return frozenset([_event(m, est, est, made)])
    return NO_LEARN


def _event(m: Machine, outer: Value, est: Value, kind: str) -> Learn:
    found = outer.fit
    assert found is not None
    columns = frozenset([found.x.column]) if found.x.column else frozenset()
    return m.learn(
        found.node,
        kind,
        est.cls,
        found.rows,
        supervised=kind in SUPERVISED,
        columns=columns,
        of_target=found.x.target and not (found.x.only is None and found.x.kind == "frame"),
        detail=est.cls.rpartition(".")[2],
    )


def _given(est: Value) -> bool:
    """Categories or a vocabulary given by hand: nothing is learned."""
    params = est.params or {}
    for name in ("categories", "vocabulary"):
        if name in params and params[name].const not in (None, "auto") and not params[name].learned:
            return True
    return est.cls.endswith("SimpleImputer") and (params.get("strategy", UNKNOWN).const == "constant")


def use(m: Machine, c: Call, est: Value, how: str) -> Value:
    """Rows through a fitted step."""
    x = c.get(0, "X", "x", "texts", "raw_documents", "sequences") or UNKNOWN
    if x.items is not None and not x.rows:
        x = next((item for item in x.items if item.is_data), x)
    m.uses.append(Use(c.node, est, est.fit, x.copy(), how, m.tick()))
    new = x.copy(
        kind="array" if x.kind != "unknown" or x.rows else "unknown", const=UNSET, items=None, node=c.node, index=None
    )
    new.learned = x.all_learned | learned_by(m, est)
    new.cols = None
    knobs = m.knobs(est)
    if knobs:
        new.loops |= knobs
    if est.cls.startswith("keras.preprocessing.image"):
        return new  # augmentation belongs to training only
    new.steps = (*x.steps, (est.serial, est.cls))
    if not role(est.cls):
        new.exact = False  # a class that is not known may do anything
    if kind_of(est) in {"selector", "unsupervised_selector", "reducer"}:
        new.partial = True
    if role(est.cls) == "encoder" and x.target:
        new.target = True
    return new


def undo(m: Machine, c: Call, est: Value) -> Value:
    x = c.get(0, "X") or UNKNOWN
    steps = (
        x.steps[:-1]
        if x.steps and x.steps[-1] == (est.serial, est.cls)
        else tuple(step for step in x.steps if step != (est.serial, est.cls))
    )
    m.uses.append(Use(c.node, est, est.fit, x.copy(), "inverse_transform", m.tick()))
    return x.copy(steps=steps, const=UNSET, exact=x.exact and (est.serial, est.cls) in x.steps)


def resample(m: Machine, c: Call, est: Value) -> Value:
    fit(m, c, est, "fit_resample")
    est.fit.how = "step"  # type: ignore[union-attr]
    x, y = c.get(0, "X") or UNKNOWN, c.get(1, "y") or UNKNOWN
    learned = learned_by(m, est) if role(est.cls) else frozenset([_event(m, est, est, "sampler")])
    changed = {"const": UNSET, "items": None, "node": c.node, "cols": None}
    parts = [
        value.copy(learned=value.all_learned | learned, flags=value.flags | {"resampled"}, **changed)
        for value in (x, y)
    ]
    return Value("tuple", items=parts)


def ask(m: Machine, c: Call, est: Value, name: str) -> Value:
    """A prediction."""
    x = c.get(0, "X", "x", "data") or UNKNOWN
    if x.items is not None and not x.rows:
        x = next((item for item in x.items if item.is_data), x)
    asked = Predict(c.node, est, est.fit, x.copy(), name, m.tick(), loops=m.loops)
    if est.fit is not None:
        est.fit.asked += 1
    m.predicts.append(asked)
    hard = name in {"predict", "predict_classes"} and not is_soft(est)
    flags = frozenset(["hard" if hard else "proba", "yhat"])
    new = Value("prediction", rows=x.rows, preds=(asked,), flags=flags, node=c.node, loops=x.loops)
    if est.fit is not None and est.fit.y is not None:
        new.steps = est.fit.y.steps
        new.exact = est.fit.y.exact
    return new


def is_soft(est: Value) -> bool:
    """Does `predict` of this give numbers rather than labels? (nets, boosters, regressors)"""
    last = est.cls.rpartition(".")[2]
    if est.kind == "module" or not est.cls or last in {"Booster", "OneClassSVM"}:
        return True
    if role(est.cls) in {"pipeline", "search", "meta"} and est.members:
        return is_soft(est.members[-1] if role(est.cls) == "pipeline" else est.members[0])
    return not ("Classifier" in last or last in CLASSIFIERS)


def train(m: Machine, c: Call, name: str) -> Value:
    """`lgb.train(params, data, valid_sets=...)`, `xgb.train(...)`."""
    x = c.get(1, "dtrain", "train_set", "pool") or UNKNOWN
    est = m.new("estimator", name.partition(".")[0] + ".Booster", c.node, params=dict(c.keywords))
    for value in c.args[:1]:
        est.loops |= value.loops
        est.params = {**{str(key): item for key, item in (value.table or {}).items()}, **(est.params or {})}
    made = type(c)(c.node, [x], c.keywords)
    if "evals" not in c.keywords and "valid_sets" not in c.keywords and len(c.args) > 3:
        made.keywords = {**c.keywords, "evals": c.args[3]}
    fit(m, made, est, "train")
    return est


def guess(m: Machine, c: Call, base: Value, name: str) -> Value | None:
    """Something not known that is fitted or asked like an estimator is one, of a class not known."""
    if base.kind == "unknown" and (name in _OF_NETS or (name == "eval" and not c.args)):
        base.become(m.new("module", "", base.node or c.node, attrs=base.attrs, loops=base.loops))
        return UNKNOWN
    if name in _FITTING | _BOTH | {"fit_resample"} and c.args and c.args[0].is_data:
        m.odd.append(c.node)
        made = m.new("estimator", "", base.node or c.node, attrs=base.attrs, loops=base.loops)
        base.become(made)
        return method(m, c, base, name)
    if name in ASKING and c.args and c.args[0].rows and base.kind == "unknown" and hint_of("") == "":
        est = m.new("estimator", "", base.node or c.node, loops=base.loops)
        base.become(est)
        return ask(m, c, base, name)
    return None
