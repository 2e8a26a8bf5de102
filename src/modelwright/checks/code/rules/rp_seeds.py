"""Repeatability: seeds that are missing, have no effect, or stop short of the data loader."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelwright.checks.code.asking import (
    add_argument,
    argument,
    constant,
    has_open_arguments,
    insert_before_end,
    is_false,
    is_true,
    keyword,
    replace,
    tail,
    words,
    written,
)
from modelwright.checks.code.call_index import calls_known, calls_to
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Fix, Role, RuleInfo
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="RP301",
        name="no-random-state",
        severity=Severity.LOW,
        why="Without random_state each run splits and fits otherwise; a figure cannot be traced to the "
        "code that gave it.",
        fix="give random_state a fixed number wherever rows are drawn",
        source="scikit-learn user guide, 'Controlling randomness'",
        per_file=True,
    ),
    RuleInfo(
        code="RP302",
        name="no-framework-seed",
        severity=Severity.LOW,
        why="Weights, batches and dropout are drawn from the framework's generator; without a seed no "
        "run can be repeated.",
        fix="call torch.manual_seed (or keras.utils.set_random_seed) at the start",
        source="PyTorch documentation, 'Reproducibility'; users trust this advice least, hence low",
        per_file=True,
    ),
    RuleInfo(
        code="RP303",
        name="seed-without-shuffle",
        severity=Severity.MEDIUM,
        why="KFold and StratifiedKFold use random_state only when shuffle=True; without it scikit-learn "
        "raises ValueError today.",
        fix="add shuffle=True",
        source="scikit-learn documentation of KFold; change in 0.24",
    ),
    RuleInfo(
        code="RP304",
        name="benchmark-breaks-determinism",
        severity=Severity.LOW,
        why="cudnn.benchmark picks algorithms by timing, so the deterministic setting beside it does not "
        "give equal runs.",
        fix="set torch.backends.cudnn.benchmark = False",
        source="PyTorch documentation, 'Reproducibility'",
    ),
    RuleInfo(
        code="RP305",
        name="loader-not-seeded",
        severity=Severity.LOW,
        why="Worker processes draw from generators of their own; a seed in the main process does not "
        "reach their augmentation.",
        fix="pass worker_init_fn and generator to DataLoader",
        source="PyTorch documentation, 'Reproducibility', DataLoader",
        default=False,
        per_file=True,
    ),
    RuleInfo(
        code="RP306",
        name="unseeded-split-in-objective",
        severity=Severity.MEDIUM,
        why="Each trial is judged on other rows, so the search prefers settings that met an easy split.",
        fix="split once outside the objective, or fix random_state",
        source="Optuna FAQ, 'How can I obtain reproducible optimization results?'",
    ),
)
_SPLITS = words(
    "train_test_split ShuffleSplit StratifiedShuffleSplit GroupShuffleSplit RepeatedKFold RepeatedStratifiedKFold"
)
_FOLDS = words("KFold StratifiedKFold StratifiedGroupKFold")
_RANDOM = words(
    """RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor DecisionTreeClassifier
    DecisionTreeRegressor GradientBoostingClassifier GradientBoostingRegressor MLPClassifier MLPRegressor KMeans
    MiniBatchKMeans SGDClassifier SGDRegressor TSNE IsolationForest BaggingClassifier BaggingRegressor
    RandomizedSearchCV GaussianMixture BayesianGaussianMixture SMOTE ADASYN RandomOverSampler RandomUnderSampler
    BorderlineSMOTE"""
)
_TUNERS = words("optimize fmin gp_minimize forest_minimize dummy_minimize")


def _run(facts: Facts) -> Iterator[CodeFinding]:
    yield from _folds(facts)
    if facts.role in {Role.TRAINING, Role.NOTEBOOK, Role.OTHER}:
        yield from _unseeded(facts)
    yield from _objectives(facts)
    if "torch" in facts.names.modules:
        yield from _benchmark(facts)
        yield from _loaders(facts)
    if facts.role is Role.TRAINING:
        yield from _framework(facts)


def _name(facts: Facts, call: ast.Call) -> str:
    called = facts.names.called(call) or ""
    return called.rpartition(".")[2] if called.startswith(("sklearn.", "imblearn.")) else ""


def _is_unseeded(facts: Facts, call: ast.Call, *, splits_only: bool = False) -> bool:
    name = _name(facts, call)
    if not name or has_open_arguments(call) or keyword(call, "random_state") is not None:
        return False
    if name in _FOLDS:
        return is_true(keyword(call, "shuffle"))
    if name in _SPLITS:
        return not is_false(keyword(call, "shuffle"))
    return name in _RANDOM and not splits_only


def _unseeded(facts: Facts) -> Iterator[CodeFinding]:
    calls = [call for call in calls_known(facts.names, _SPLITS | _FOLDS | _RANDOM) if _is_unseeded(facts, call)]
    if not calls:
        return
    edits = [insert_before_end(facts, call, "random_state=0") for call in calls]
    fix = Fix(edits=tuple(edit for edit in edits if edit is not None), safe=True, text="fix the random state")
    whole = re.search(r"\b(?:np|numpy)\.random\.seed\(", facts.source.text) is not None
    names = sorted({_name(facts, call) for call in calls})
    message = f"{len(calls)} calls draw at random without random_state: {', '.join(names[:4])}."
    severity = Severity.INFO if whole else None
    yield finding(
        facts, "RP301", calls[0], message, Confidence.PATTERN, severity=severity, fix=fix if fix.edits else None
    )


def _folds(facts: Facts) -> Iterator[CodeFinding]:
    if "sklearn.cross_validation" in facts.source.text:
        return
    for call in calls_known(facts.names, _FOLDS):
        if _name(facts, call) not in _FOLDS or has_open_arguments(call):
            continue
        seed, shuffle = argument(call, 2, "random_state"), argument(call, 1, "shuffle")
        if seed is None or constant(seed, 0) is None or (shuffle is not None and not is_false(shuffle)):
            continue
        what = "shuffle the rows before they are folded"
        if shuffle is None:
            fix = add_argument(facts, call, "shuffle=True", what)
        else:
            fix = Fix(edits=(replace(facts, shuffle, "True"),), safe=True, text=what)
        message = f"{tail(call)} is given random_state without shuffle=True, which is an error."
        yield finding(facts, "RP303", call, message, Confidence.LIKELY, fix=fix)


def _objectives(facts: Facts) -> Iterator[CodeFinding]:
    objectives = {tail(call.args[0]) for call in calls_to(facts.names, *_TUNERS) if call.args}
    for function in facts.names.functions:
        parameters = [item.arg for item in function.args.args]
        if "trial" not in parameters and function.name not in objectives:
            continue
        if not facts.names.modules & {"optuna", "hyperopt", "skopt", "bayes_opt", "nevergrad"}:
            continue
        for call in facts.names.calls:
            if facts.names.function(call) is function and _is_unseeded(facts, call, splits_only=True):
                message = f"{tail(call)} draws other rows in each trial of {function.name}."
                yield finding(facts, "RP306", call, message, Confidence.LIKELY)


def _benchmark(facts: Facts) -> Iterator[CodeFinding]:
    if "deterministic" not in facts.source.text:
        return
    benchmark, claims = None, False
    for assign in facts.names.nodes(ast.Assign):
        target = written(assign.targets[0])
        if target.endswith("cudnn.benchmark"):
            benchmark = assign if is_true(assign.value) else None
        elif target.endswith("cudnn.deterministic") and is_true(assign.value):
            claims = True
    for call in facts.names.calls:
        if tail(call) == "use_deterministic_algorithms" and call.args and is_true(call.args[0]):
            claims = True
    if benchmark is not None and claims:
        fix = Fix(
            edits=(replace(facts, benchmark.value, "False"),), safe=False, text="choose algorithms without timing them"
        )
        message = "Determinism is asked for, and cudnn.benchmark is left on."
        yield finding(facts, "RP304", benchmark, message, Confidence.PATTERN, fix=fix)


def _loaders(facts: Facts) -> Iterator[CodeFinding]:
    if not re.search(r"manual_seed\(|seed_everything\(", facts.source.text):
        return
    for call in facts.names.calls:
        if facts.names.called(call) != "torch.utils.data.DataLoader" or has_open_arguments(call):
            continue
        workers = constant(keyword(call, "num_workers"), 0)
        if (
            isinstance(workers, int)
            and workers > 0
            and keyword(call, "worker_init_fn") is None
            and keyword(call, "generator") is None
        ):
            message = f"The script is seeded, but the {workers} workers of this loader are not."
            yield finding(facts, "RP305", call, message, Confidence.PATTERN)
            return


def _framework(facts: Facts) -> Iterator[CodeFinding]:
    calls = calls_to(facts.names, "backward", "fit")
    if not calls or "seed" in facts.source.text.lower() or "random_state" in facts.source.text:
        return
    for call in calls:
        trains = tail(call) == "backward" and "torch" in facts.names.modules
        if tail(call) == "fit" and isinstance(call.func, ast.Attribute) and "keras" in facts.names.modules:
            trains = keyword(call, "epochs") is not None or keyword(call, "batch_size") is not None
        if trains:
            yield finding(facts, "RP302", call, "The net is trained without any seed being set.", Confidence.PATTERN)
            return


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="rp_seeds")
