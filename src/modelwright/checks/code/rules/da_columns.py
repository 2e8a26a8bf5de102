"""Columns prepared for a model: missing values, merges, encodings, dates, paths and bare numbers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelwright.checks.code import roles
from modelwright.checks.code.asking import (
    argument,
    constant,
    has_open_arguments,
    names_in,
    tail,
    words,
    written,
)
from modelwright.checks.code.call_index import calls_known, calls_to
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Role, RuleInfo
from modelwright.checks.code.origins import is_frame
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="DA403",
        name="missing-values-wiped",
        severity=Severity.LOW,
        why="dropna() and fillna(0) over the whole table change rows and meanings in every column, and "
        "nothing here looks at how many.",
        fix="count missing values by column, and treat each with a reason",
        source="Zhang et al. 2022; scikit-learn user guide, 'Imputation of missing values'",
    ),
    RuleInfo(
        code="DA404",
        name="merge-without-keys",
        severity=Severity.MEDIUM,
        why="Without on= a merge joins on every shared column name; a new shared column changes the join "
        "without an error.",
        fix="name the keys by on= and the expected relation by validate=",
        source="pandas documentation of merge; CodeSmile 'merge API parameter not explicitly set'",
    ),
    RuleInfo(
        code="DA406",
        name="dummies-made-apart",
        severity=Severity.MEDIUM,
        why="get_dummies and category codes number what they see. Made apart on train and test, columns "
        "differ in number and meaning.",
        fix="fit one OneHotEncoder on train, or reindex(columns=train.columns, fill_value=0)",
        source="scikit-learn documentation of OneHotEncoder; pandas documentation of get_dummies",
    ),
    RuleInfo(
        code="DA407",
        name="nominal-column-numbered",
        severity=Severity.MEDIUM,
        why="LabelEncoder gives categories an order by alphabet; linear models, SVMs, nearest neighbours "
        "and nets take it for a quantity.",
        fix="use OneHotEncoder for such models",
        source="scikit-learn documentation of LabelEncoder ('should be used to encode target values')",
    ),
    RuleInfo(
        code="DA409",
        name="dates-as-text",
        severity=Severity.LOW,
        why="Dates read as text sort by their letters: 10/01 comes before 9/30.",
        fix="read them with parse_dates=, or to_datetime before ordering",
        source="pandas user guide, 'IO tools: datetime handling'",
    ),
    RuleInfo(
        code="DA410",
        name="path-of-one-machine",
        severity=Severity.LOW,
        why="An absolute path exists on one machine only.",
        fix="take the path as an argument, or make it relative to the project",
        source="pynblint; Zhang et al. 2022",
        per_file=True,
    ),
    RuleInfo(
        code="DA411",
        name="bare-numbers",
        severity=Severity.INFO,
        why="Thresholds, rates and sizes written into calls cannot be found, compared or logged.",
        fix="name them once at the top, or read them from a configuration",
        source="Zhang et al. 2022, 'hyperparameter not explicitly set'",
        default=False,
        per_file=True,
    ),
)
_ORDER_TAKEN = words(
    """LogisticRegression LinearRegression Ridge Lasso ElasticNet SVC SVR LinearSVC LinearSVR KNeighborsClassifier
    KNeighborsRegressor MLPClassifier MLPRegressor SGDClassifier SGDRegressor Perceptron RidgeClassifier KMeans Dense"""
)
_TREES = re.compile(r"Tree|Forest|Boost|XGB|LGBM|CatBoost|GBM")
_HOME = re.compile(
    r"^(?:[A-Za-z]:[\\/]|/home/\w|/Users/\w|~/|/content/|/kaggle/working|/mnt/\w|/root/|/media/\w|/dbfs/)"
)
_OPENERS = re.compile(
    r"^(?:read_\w+|open|load\w*|save\w*|to_\w+|imread|imwrite|listdir|glob|chdir|Path|dump|savefig|flow_from_directory|ImageFolder)$"
)
_SETTINGS = words(
    "lr learning_rate threshold n_estimators max_depth batch_size epochs alpha C gamma dropout momentum weight_decay"
)
_TEST, _TRAIN = re.compile(r"(?:^|_)(?:test|val|valid)(?:_|$)", re.I), re.compile(r"(?:^|_)train(?:_|$)", re.I)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    if facts.role is Role.TEST:
        return
    yield from _paths(facts)
    if facts.role in {Role.TRAINING, Role.NOTEBOOK}:
        yield from _numbers(facts)
    if "pandas" not in facts.names.modules:
        return
    yield from _dates(facts)
    yield from _apart(facts)
    if roles.learning_calls(facts.names):
        yield from _wiped(facts)
        yield from _merges(facts)
        yield from _numbered(facts)


def _wiped(facts: Facts) -> Iterator[CodeFinding]:
    calls = calls_to(facts.names, "dropna", "fillna")
    if not calls or _counts_missing(facts.source.text.lower()):
        return
    for call in calls:
        if not isinstance(call.func, ast.Attribute) or has_open_arguments(call) or not is_frame(facts, call.func.value):
            continue
        whole = (
            call.func.attr == "dropna"
            and not call.args
            and not {item.arg for item in call.keywords} - {"inplace", "axis", "how"}
        )
        zero = (
            call.func.attr == "fillna"
            and call.args
            and constant(call.args[0], "") == 0
            and not isinstance(call.args[0], ast.Dict)
        )
        if (whole or zero) and not _is_part(call.func.value):
            message = f"{written(call)} changes all columns, and missing values are counted nowhere in the file."
            yield finding(facts, "DA403", call, message, Confidence.PATTERN)
            return


def _counts_missing(text: str) -> bool:
    if any(word in text for word in ("null", "missing", "notna", ".info(", ".count(", ".shape")):
        return True
    return re.search(r"isna\b|\bnan\b", text) is not None


def _is_part(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript)


def _merges(facts: Facts) -> Iterator[CodeFinding]:
    for call in facts.names.calls:
        called = facts.names.called(call)
        method = isinstance(call.func, ast.Attribute) and call.func.attr == "merge" and is_frame(facts, call.func.value)
        if called != "pandas.merge" and not method:
            continue
        first = 3 if called == "pandas.merge" else 2
        given = {item.arg for item in call.keywords}
        if has_open_arguments(call) or len(call.args) >= first + 1:
            continue
        if given & {"on", "left_on", "right_on", "left_index", "right_index", "validate"}:
            continue
        if constant(argument(call, first - 1, "how")) == "cross" or "on" in given:
            continue
        message = f"{written(call)} joins on whatever columns both frames share."
        yield finding(facts, "DA404", call, message, Confidence.LIKELY)


def _apart(facts: Facts) -> Iterator[CodeFinding]:
    calls = calls_known(facts.names, ["get_dummies", "factorize"])
    if not calls or re.search(r"\.reindex\(|\.align\(|get_missing|\.reindex_like\(|concat\(", facts.source.text):
        return
    seen: dict[str, list[ast.Call]] = {"train": [], "test": []}
    for call in calls:
        called = facts.names.called(call)
        if called in {"pandas.get_dummies", "pandas.factorize"} and call.args:
            subject = names_in(call.args[0])
        else:
            continue
        if any(_TEST.search(name) for name in subject):
            seen["test"].append(call)
        elif any(_TRAIN.search(name) for name in subject):
            seen["train"].append(call)
    if seen["train"] and seen["test"]:
        message = f"{written(seen['train'][0])} and {written(seen['test'][0])} each number the categories they see."
        yield finding(facts, "DA406", seen["test"][0], message, Confidence.LIKELY)


def _numbered(facts: Facts) -> Iterator[CodeFinding]:
    calls = [call for call in calls_to(facts.names, "fit_transform") if _is_label_encoding(facts, call)]
    if not calls:
        return
    models = {(facts.names.called(call) or "").rpartition(".")[2] for call in facts.names.calls}
    sensitive = sorted(models & _ORDER_TAKEN)
    if (
        not sensitive
        or "OneHotEncoder" in facts.source.text
        or "get_dummies" in facts.source.text
        or "Embedding" in facts.source.text
    ):
        return
    trees = any(_TREES.search(model) for model in models)
    message = (
        f"LabelEncoder numbers {_column(facts, calls[0])} by alphabet, and {sensitive[0]} takes the "
        f"numbers for amounts."
    )
    severity = Severity.LOW if trees else None
    yield finding(facts, "DA407", calls[0], message, Confidence.LIKELY, severity=severity)


def _is_label_encoding(facts: Facts, call: ast.Call) -> bool:
    """`df[c] = LabelEncoder().fit_transform(df[c])` for a column that is not the target."""
    if tail(call) != "fit_transform" or not isinstance(call.func, ast.Attribute) or not call.args:
        return False
    made = call.func.value
    encoder = facts.names.called(made)
    if encoder is None and isinstance(made, ast.Name):
        values = facts.names.values(made.id, facts.names.home(made))
        encoder = (
            facts.names.called(values[0]) if values and all(facts.names.called(value) for value in values) else None
        )
    up = facts.names.parent(call)
    if encoder != "sklearn.preprocessing.LabelEncoder" or not isinstance(up, ast.Assign):
        return False
    target = up.targets[0]
    if not isinstance(target, ast.Subscript) or not is_frame(facts, target.value):
        return False
    return not _is_target(facts, target)


def _is_target(facts: Facts, column: ast.Subscript) -> bool:
    name = constant(column.slice)
    if not isinstance(name, str):
        return False
    if re.search(r"target|label|class|outcome|species|diagnosis", name, re.IGNORECASE):
        return True
    own_statement = facts.names.statement(column)
    for node in facts.names.nodes(ast.Subscript):
        if constant(node.slice) == name and isinstance(node.ctx, ast.Load):
            statement = facts.names.statement(node)
            if statement is own_statement or not isinstance(statement, ast.Assign):
                continue
            if re.match(r"(?:self\.)?[yY](?:_|$)|target|label", written(statement.targets[0])) and _is_whole(
                statement.value, node
            ):
                return True
    for call in facts.names.calls:
        if tail(call) in {"drop", "pop"} and any(constant(part) == name for part in ast.walk(call)):
            return True
    return False


def _is_whole(value: ast.AST, node: ast.AST) -> bool:
    return value is node or any(part is node for part in ast.walk(value))


def _column(facts: Facts, call: ast.Call) -> str:
    return written(call.args[0])


def _dates(facts: Facts) -> Iterator[CodeFinding]:
    if re.search(r"to_datetime|parse_dates|datetime64|strptime|date_range|DatetimeIndex", facts.source.text):
        return
    for call in calls_to(facts.names, "sort_values"):
        if not isinstance(call.func, ast.Attribute) or not is_frame(facts, call.func.value):
            continue
        by = argument(call, 0, "by")
        column = constant(by)
        if isinstance(by, ast.List) and by.elts:
            column = constant(by.elts[0])
        if (
            isinstance(column, str)
            and re.search(r"(?:^|_)(?:date|datetime|timestamp)(?:_|$)", column, re.IGNORECASE)
            and "read_csv" in facts.source.text
        ):
            message = f"{column} was read as text and is ordered by its letters."
            yield finding(facts, "DA409", call, message, Confidence.LIKELY)


def _paths(facts: Facts) -> Iterator[CodeFinding]:
    found = []
    for node in facts.names.nodes(ast.Constant):
        if isinstance(node.value, str) and len(node.value) < 300 and _HOME.match(node.value):
            up = facts.names.parent(node)
            in_call = isinstance(up, ast.Call) and _OPENERS.match(tail(up))
            named = isinstance(up, ast.Assign) and re.search(
                r"path|dir|file|root|data|folder", written(up.targets[0]), re.IGNORECASE
            )
            if in_call or named:
                found.append(node)
    if found:
        message = f"{len(found)} paths exist on one machine only, such as {str(found[0].value)[:40]}."
        yield finding(facts, "DA410", found[0], message, Confidence.PATTERN)


def _numbers(facts: Facts) -> Iterator[CodeFinding]:
    found = [
        item.value
        for call in facts.names.calls
        for item in call.keywords
        if item.arg in _SETTINGS
        and isinstance(item.value, ast.Constant)
        and isinstance(item.value.value, int | float)
        and not isinstance(item.value.value, bool)
    ]
    if len(found) >= 3:
        yield finding(facts, "DA411", found[0], f"{len(found)} settings are bare numbers in calls.", Confidence.PATTERN)


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="da_columns")
