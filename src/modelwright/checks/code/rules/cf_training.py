"""Configurations of training jobs: test set as validation, impossible search spaces, stopping without validation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeGuard

from modelwright.checks.code.configs import Config, ConfigRule, config_finding
from modelwright.checks.code.facts import Rule
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="CF001",
        name="test-set-as-validation",
        severity=Severity.HIGH,
        why="What is watched while training chooses the model. If it is the test set, the reported "
        "figure is the one chosen for.",
        fix="cut a validation part from the training rows",
        source="scikit-learn user guide, 'Cross-validation'; Yang et al. 2022 (multi-test leakage)",
    ),
    RuleInfo(
        code="CF002",
        name="impossible-search-space",
        severity=Severity.HIGH,
        why="A range whose lower end is above its upper one, a logarithmic one that begins at 0, or a "
        "rate of 0 cannot be searched or learned with.",
        fix="put the ends in order, and rates above 0",
        source="Optuna documentation of suggest_float",
    ),
    RuleInfo(
        code="CF003",
        name="early-stopping-without-validation",
        severity=Severity.MEDIUM,
        why="Early stopping needs rows that are not trained on; without a validation part it watches the "
        "training loss or nothing.",
        fix="name a validation part, or leave early stopping out",
        source="Prechelt 1998, 'Early stopping - but when?'; LightGBM and Keras documentation",
    ),
    RuleInfo(
        code="CF004",
        name="metric-does-not-fit-task",
        severity=Severity.HIGH,
        why="A metric of another task ends in an error, or ranks models by something that has no meaning here.",
        fix="choose a metric of the task",
        source="scikit-learn user guide, 'Metrics and scoring'",
    ),
    RuleInfo(
        code="CF005",
        name="weights-and-resampling-configured",
        severity=Severity.MEDIUM,
        why="Class weights and resampling both lift the rare class; together they lift it twice.",
        fix="keep one of them",
        source="imbalanced-learn user guide",
    ),
)
_PLACE = r"(?:_?(?:set|data|dataset|path|file|split|dir|csv))?(?:\.(?:path|file|data|dataset|split|name))?$"
_VALIDATION = rf"(?:^|[._])(?:val|valid|validation|dev|eval){_PLACE}"
_TEST = rf"(?:^|[._])(?:test|holdout){_PLACE}"
_RESAMPLING = (
    r"(?:^|[._])(?:resampl\w*|sampler|oversampl\w*|undersampl\w*|smote|sampling_strategy)"
    r"(?:\.(?:name|method|type|enabled|sampling_strategy))?$"
)
_STOPPING = r"(?:^|[._])(?:early_?stopping(?:_rounds|_patience)?(?:\.(?:enabled|patience|rounds))?|early_stop)$"
_REGRESSION = re.compile(
    r"^(?:r2|rmse|mse|mae|mape|smape|msle|rmsle|neg_(?:root_)?mean_\w+|mean_(?:squared|absolute)\w*|root_mean\w*|medae)$"
)
_CLASSES = re.compile(
    r"^(?:accuracy|balanced_accuracy|f1\w*|roc_auc\w*|auc|auroc|precision|recall|average_precision|pr_auc|logloss|log_loss|mcc|brier\w*)$"
)


def _run(config: Config) -> Iterator[CodeFinding]:
    yield from _validation(config)
    yield from _spaces(config)
    yield from _rates(config)
    yield from _stopping(config)
    yield from _metrics(config)
    yield from _weights(config)


def _validation(config: Config) -> Iterator[CodeFinding]:
    tests = {_plain(value) for _, value in config.find(_TEST) if isinstance(value, str)}
    for key, value in config.find(_VALIDATION):
        if not isinstance(value, str) or not value.strip():
            continue
        named = re.search(r"(?:^|[/_.\-])test(?:[/_.\-]|$)", _plain(value)) is not None and not re.search(
            r"val|dev", _plain(value)
        )
        if _plain(value) in tests or named:
            message = f"{key} names the test set: {value}."
            yield config_finding(config, "CF001", key, message, Confidence.LIKELY)


def _plain(value: str) -> str:
    return value.strip().lower().replace("\\", "/")


def _ranges(tree: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Sections that hold two ends of a range."""
    if depth > 20:
        return
    if isinstance(tree, dict):
        yield path, tree
        for key, value in tree.items():
            yield from _ranges(value, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from _ranges(item, f"{path}.{number}" if path else str(number), depth + 1)


def _spaces(config: Config) -> Iterator[CodeFinding]:
    for path, section in _ranges(config.tree):
        for lower, upper in (
            ("min", "max"),
            ("low", "high"),
            ("lower", "upper"),
            ("start", "stop"),
            ("from", "to"),
            ("min_value", "max_value"),
        ):
            low, high = section.get(lower), section.get(upper)
            if not _is_number(low) or not _is_number(high):
                continue
            key = f"{path}.{lower}" if path else lower
            logarithmic = section.get("log") is True or re.search(
                r"log", str(section.get("distribution", section.get("scale", section.get("type", ""))))
            )
            if low > high:
                yield config_finding(
                    config, "CF002", key, f"{path or 'the range'} goes from {low} down to {high}.", Confidence.LIKELY
                )
            elif logarithmic and low <= 0 and section.get("distribution") not in {"log_uniform", "q_log_uniform"}:
                message = f"{path or 'the range'} is logarithmic and begins at {low}."
                yield config_finding(config, "CF002", key, message, Confidence.LIKELY)


def _rates(config: Config) -> Iterator[CodeFinding]:
    for key, value in config.find(r"(?:^|[._])(?:lr|learning_rate|base_lr|max_lr)$"):
        if _is_number(value) and value <= 0:
            yield config_finding(config, "CF002", key, f"{key} is {value}: nothing is learned.", Confidence.LIKELY)
    for key, value in config.find(r"(?:^|[._])(?:epochs|num_epochs|n_trials|batch_size|max_epochs|num_train_epochs)$"):
        if _is_number(value) and (value == 0 or (value < 0 and "epochs" not in key)):
            yield config_finding(config, "CF002", key, f"{key} is {value}: nothing is trained.", Confidence.LIKELY)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _stopping(config: Config) -> Iterator[CodeFinding]:
    wanted = [
        (key, value)
        for key, value in config.find(_STOPPING)
        if value is True
        or (_is_number(value) and value > 0)
        or (isinstance(value, str) and value.lower() in {"on", "yes"})
    ]
    if not wanted or any(value is False for key, value in config.find(_STOPPING) if key.endswith("enabled")):
        return
    # any word of validation, folds or a callback that brings its own part is taken for one
    if re.search(
        r"valid|\bval|_val|\bcv\b|fold|\bdev\b|\beval|_eval|test_size|\bsplit",
        re.sub(r"early.?stop\w*", "", config.text, flags=re.IGNORECASE),
        re.IGNORECASE,
    ):
        return
    key = wanted[0][0]
    yield config_finding(
        config, "CF003", key, f"{key} is on, and no validation part is named in the file.", Confidence.LIKELY
    )


def _metrics(config: Config) -> Iterator[CodeFinding]:
    task = _task(config)
    if task is None:
        return
    for key, value in config.find(
        r"(?:^|[._])(?:metric|metrics|scoring|eval_metric|primary_metric|primary)(?:\.\d+)?$"
    ):
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str):
                continue
            plain = re.sub(r"[\s-]+", "_", name.strip().lower())
            clash = _REGRESSION.match(plain) if task == "classification" else _CLASSES.match(plain)
            if clash and not (task == "classification" and "brier" in plain):
                yield config_finding(config, "CF004", key, f"{name} is no metric of {task}.", Confidence.LIKELY)


def _task(config: Config) -> str | None:
    found = config.first(r"(?:^|[._])(?:task|objective|problem_type|task_type|problem|application)(?:\.type)?$")
    if found is None or not isinstance(found[1], str):
        return None
    text = found[1].lower()
    if re.search(
        r"^(?:binary|multiclass|multi_class|classification|binary_classification|multiclass_classification|binary:logistic)$",
        text,
    ):
        return "classification"
    return "regression" if re.search(r"^(?:regression|regression_l[12]|reg:\w+)$", text) else None


def _weights(config: Config) -> Iterator[CodeFinding]:
    weighted = next(
        (
            key
            for key, value in config.find(
                r"(?:^|[._])(?:class_weights?|scale_pos_weight|is_unbalance|auto_class_weights)$"
            )
            if _is_on(value)
        ),
        None,
    )
    if weighted is None:
        weighted = next((key for key, _ in config.find(r"(?:^|[._])class_weights?\.\w+$")), None)
    resampled = next(
        (
            key
            for key, value in config.find(_RESAMPLING)
            if _is_on(value)
            and not re.search(
                r"distributed|random_sampler|sequential|tpe|optuna|grid|cmaes|qmc|random$|none",
                str(value),
                re.IGNORECASE,
            )
        ),
        None,
    )
    if weighted and resampled:
        message = f"{weighted} and {resampled} both lift the rare class."
        yield config_finding(config, "CF005", weighted, message, Confidence.LIKELY)


def _is_on(value: Any) -> bool:
    if isinstance(value, str):
        return value.lower() not in {"", "none", "null", "false", "off", "no"}
    return (
        value is not None and value is not False and value != 1 and value != 0 if not isinstance(value, bool) else value
    )


PLUGIN: Rule = ConfigRule(infos=_INFOS, run_config=_run, stem="cf_training")
