"""Scikit-learn used against its grain: unscaled distances, parameters read for results, weights and resampling both."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelwright.checks.code.asking import (
    add_argument,
    constant,
    has_open_arguments,
    is_false,
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
from modelwright.checks.code.origins import Origins
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="SK501",
        name="unscaled-distances",
        severity=Severity.MEDIUM,
        why="SVMs, nearest neighbours, nets, PCA and k-means weigh columns by their size: a column in "
        "thousands decides alone.",
        fix="put StandardScaler before the estimator in a Pipeline",
        source="scikit-learn user guide, 'Importance of feature scaling'; Zhang et al. 2022, 'scaler missing'",
    ),
    RuleInfo(
        code="SK502",
        name="steps-by-hand",
        severity=Severity.INFO,
        why="Steps applied by hand to train and test drift apart as code grows; a Pipeline keeps them "
        "together and is one object to serve.",
        fix="make_pipeline(preparation, model)",
        source="scikit-learn, 'Common pitfalls: inconsistent preprocessing'",
        default=False,
        per_file=True,
    ),
    RuleInfo(
        code="SK504",
        name="parameter-read-as-result",
        severity=Severity.MEDIUM,
        why="Without the trailing underscore the constructor's parameter is read, not what was learned.",
        fix="add the underscore: oob_score_, best_estimator_",
        source="scikit-learn developer guide, 'Estimated attributes'",
    ),
    RuleInfo(
        code="SK505",
        name="all-defaults",
        severity=Severity.INFO,
        why="The defaults of the settings that matter most change between versions and fit few data sets.",
        fix="set the main parameters, or search them",
        source="Zhang et al. 2022, 'hyperparameter not explicitly set'; users trust this advice least",
        default=False,
        per_file=True,
    ),
    RuleInfo(
        code="SK506",
        name="unknown-category-breaks",
        severity=Severity.MEDIUM,
        why="OneHotEncoder raises an error for a category that it has not seen; in service that is a failed request.",
        fix="handle_unknown='ignore' or 'infrequent_if_exist'",
        source="scikit-learn documentation of OneHotEncoder",
    ),
    RuleInfo(
        code="SK507",
        name="weights-and-resampling",
        severity=Severity.MEDIUM,
        why="Class weights and resampling both lift the rare class; together they lift it twice and "
        "spoil probabilities.",
        fix="keep one of them",
        source="imbalanced-learn user guide; scikit-learn glossary, class_weight",
    ),
    RuleInfo(
        code="SK508",
        name="several-scores-no-choice",
        severity=Severity.MEDIUM,
        why="With several metrics a search cannot know which one picks the best setting; fit raises an "
        "error unless refit names one.",
        fix="refit='the metric that decides'",
        source="scikit-learn user guide, 'Specifying multiple metrics for evaluation'",
    ),
)
_SCALED = re.compile(
    r"Scaler|scale\(|normalize|Normaliz|QuantileTransformer|PowerTransformer|Vectorizer|/\s*255|zscore|OneHotEncoder|get_dummies"
    r"|pixel|mnist|digit|image|embed|\.std\(|\.min\(|make_\w+\(|TfidfTransformer|HashingVectorizer|fashion|faces",
    re.IGNORECASE,
)
_DISTANCE = words("SVC SVR NuSVC NuSVR KNeighborsClassifier KNeighborsRegressor MLPClassifier MLPRegressor KMeans PCA")
#: data sets of scikit-learn whose columns differ in size by hundreds
_UNEQUAL = words("load_wine load_breast_cancer fetch_california_housing load_linnerud fetch_covtype")
_RESULTS = {
    "oob_score": words(
        """RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor BaggingClassifier
        BaggingRegressor"""
    ),
    "estimator": words("GridSearchCV RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV"),
}
_SEARCHES = _RESULTS["estimator"]
_USES = words("predict predict_proba score decision_function transform feature_importances_ coef_")
_MAIN = words(
    """RandomForestClassifier RandomForestRegressor SVC SVR KMeans GradientBoostingClassifier KNeighborsClassifier
    MLPClassifier XGBClassifier LGBMClassifier"""
)
_EXPORTS = words(
    """joblib.dump pickle.dump cloudpickle.dump dill.dump skops.io.dump mlflow.sklearn.log_model skl2onnx.to_onnx
    bentoml.sklearn.save_model"""
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    if not facts.names.modules & {"sklearn", "imblearn", "xgboost", "lightgbm"} or facts.role is Role.TEST:
        return
    yield from _unscaled(facts)
    yield from _by_hand(facts)
    yield from _results(facts)
    yield from _defaults(facts)
    yield from _encoders(facts)
    yield from _twice(facts)
    yield from _searches(facts)


def _short(facts: Facts, node: ast.AST) -> str:
    called = facts.names.called(node) or ""
    return called.rpartition(".")[2] if called.startswith(("sklearn.", "imblearn.", "xgboost.", "lightgbm.")) else ""


def _unscaled(facts: Facts) -> Iterator[CodeFinding]:
    if facts.role not in {Role.TRAINING, Role.NOTEBOOK}:
        return
    loaders = {(facts.names.called(call) or "").rpartition(".")[2] for call in facts.names.calls}
    known = loaders & _UNEQUAL
    table = "read_csv" in loaders
    if (not known and not table) or (known and loaders & {"load_iris", "load_digits"}):
        return
    if _SCALED.search(facts.source.text):
        return
    for call in calls_known(facts.names, _DISTANCE):
        name = _short(facts, call)
        if name not in _DISTANCE or not _is_fitted(facts, call) or constant(keyword(call, "metric")) == "cosine":
            continue
        told = f" of {sorted(known)[0]}" if known else ""
        message = f"{name} is fitted on columns{told} that nothing in the file scales."
        yield finding(facts, "SK501", call, message, Confidence.LIKELY, severity=None if known else Severity.LOW)
        return


def _is_fitted(facts: Facts, call: ast.Call) -> bool:
    up = facts.names.parent(call)
    if isinstance(up, ast.Attribute):
        return up.attr in {"fit", "fit_transform", "fit_predict"}
    if isinstance(up, ast.Assign) and isinstance(up.targets[0], ast.Name):
        name = up.targets[0].id
        return any(
            isinstance(other.func, ast.Attribute) and written(other.func.value) == name
            for other in calls_to(facts.names, "fit", "fit_transform", "fit_predict")
        )
    return False


def _by_hand(facts: Facts) -> Iterator[CodeFinding]:
    if "ipeline" in facts.source.text:
        return
    for call in calls_to(facts.names, "fit_transform"):
        if not isinstance(call.func, ast.Attribute):
            continue
        step = written(call.func.value)
        again = any(
            isinstance(other.func, ast.Attribute) and written(other.func.value) == step
            for other in calls_to(facts.names, "transform")
        )
        if again and calls_to(facts.names, "fit"):
            yield finding(facts, "SK502", call, f"{step} is applied to train and test by hand.", Confidence.PATTERN)
            return


def _results(facts: Facts) -> Iterator[CodeFinding]:
    origins = Origins.of(facts)
    for node in facts.names.nodes(ast.Attribute):
        classes = _RESULTS.get(node.attr)
        if classes is None or not isinstance(node.ctx, ast.Load):
            continue
        made = (origins.made_by(node.value) or "").rpartition(".")[2]
        if made not in classes:
            continue
        up = facts.names.parent(node)
        if node.attr == "estimator" and not (isinstance(up, ast.Attribute) and up.attr in _USES):
            continue
        if not _fitted_above(facts, node):
            continue
        right = "best_estimator_" if node.attr == "estimator" else "oob_score_"
        fix = Fix(edits=(replace(facts, node, f"{written(node.value)}.{right}"),), safe=False, text=f"read {right}")
        message = f"{written(node)} is the parameter given to {made}; what was learned is {right}."
        yield finding(facts, "SK504", node, message, Confidence.LIKELY, fix=fix)


def _fitted_above(facts: Facts, node: ast.Attribute) -> bool:
    owner = written(node.value)
    for call in calls_to(facts.names, "fit"):
        if not isinstance(call.func, ast.Attribute):
            continue
        if written(call.func.value) == owner and call.lineno <= node.lineno:
            return True
        up = facts.names.parent(call)
        if isinstance(up, ast.Assign) and written(up.targets[0]) == owner:
            return True
    return False


def _defaults(facts: Facts) -> Iterator[CodeFinding]:
    bare = [
        call
        for call in calls_known(facts.names, _MAIN)
        if _short(facts, call) in _MAIN and not call.args and not call.keywords
    ]
    if bare and facts.role in {Role.TRAINING, Role.NOTEBOOK}:
        message = f"{len(bare)} estimators keep every default, such as {_short(facts, bare[0])}()."
        yield finding(facts, "SK505", bare[0], message, Confidence.PATTERN)


def _encoders(facts: Facts) -> Iterator[CodeFinding]:
    if not any(facts.names.called(call) in _EXPORTS for call in facts.names.calls):
        return
    for call in calls_known(facts.names, ["OneHotEncoder"]):
        if facts.names.called(call) != "sklearn.preprocessing.OneHotEncoder" or has_open_arguments(call):
            continue
        if keyword(call, "handle_unknown") is not None or keyword(call, "categories") is not None or call.args:
            continue
        fix = add_argument(facts, call, "handle_unknown='ignore'", "give unknown categories no column", safe=False)
        message = "This encoder is saved for service and raises an error for a category that it has not seen."
        yield finding(facts, "SK506", call, message, Confidence.LIKELY, fix=fix)


def _twice(facts: Facts) -> Iterator[CodeFinding]:
    resampled = _resampled_names(facts)
    for call in facts.names.calls:
        if (
            tail(call) == "fit"
            and isinstance(call.func, ast.Attribute)
            and call.args
            and written(call.args[0]) in resampled
        ):
            model = _made(facts, call.func.value)
            if model is not None and _has_weights(model):
                message = f"{written(call)} fits a class-weighted {tail(model)} on resampled rows."
                yield finding(facts, "SK507", call, message, Confidence.LIKELY)
        elif (facts.names.called(call) or "").startswith("imblearn.pipeline."):
            parts = [_made(facts, part) for part in ast.walk(call) if isinstance(part, ast.Call | ast.Name)]
            sampler = any(_is_sampler(facts, part) for part in parts)
            weighted = next(
                (part for part in parts if part is not None and part is not call and _has_weights(part)), None
            )
            if sampler and weighted is not None:
                message = f"The pipeline resamples and weights the classes of {tail(weighted)}."
                yield finding(facts, "SK507", call, message, Confidence.LIKELY)


def _resampled_names(facts: Facts) -> set[str]:
    found = set()
    for call in calls_to(facts.names, "fit_resample", "fit_sample"):
        up = facts.names.parent(call)
        if (isinstance(up, ast.Assign) and isinstance(up.targets[0], ast.Tuple)) and _is_sampler(
            facts, _made(facts, getattr(call.func, "value", None))
        ):
            found |= {written(item) for item in up.targets[0].elts[:1]}
    return found


def _is_sampler(facts: Facts, node: ast.AST | None) -> bool:
    return (facts.names.called(node) or "").startswith(
        ("imblearn.over_sampling.", "imblearn.under_sampling.", "imblearn.combine.")
    )


def _made(facts: Facts, node: ast.AST | None) -> ast.Call | None:
    if isinstance(node, ast.Call):
        return node
    if isinstance(node, ast.Name):
        values = facts.names.values(node.id, facts.names.home(node))
        return values[0] if len(values) == 1 and isinstance(values[0], ast.Call) else None
    return None


def _has_weights(call: ast.Call) -> bool:
    given = keyword(call, "class_weight")
    if isinstance(given, ast.Dict) or isinstance(constant(given), str):
        return True
    scale = constant(keyword(call, "scale_pos_weight"), 1)
    return isinstance(scale, int | float) and scale > 1


def _searches(facts: Facts) -> Iterator[CodeFinding]:
    for call in calls_known(facts.names, _SEARCHES):
        if _short(facts, call) not in _SEARCHES or has_open_arguments(call):
            continue
        scoring = keyword(call, "scoring")
        if isinstance(scoring, ast.Name):
            values = facts.names.values(scoring.id, facts.names.home(scoring))
            scoring = values[0] if len(values) == 1 and isinstance(values[0], ast.expr) else None
        if not isinstance(scoring, ast.List | ast.Tuple | ast.Dict | ast.Set):
            continue
        refit = keyword(call, "refit")
        chosen = refit is not None and (
            is_false(refit) or not isinstance(refit, ast.Constant) or isinstance(refit.value, str)
        )
        if not chosen:
            message = f"{tail(call)} is given several metrics, and refit does not say which one decides."
            yield finding(facts, "SK508", call, message, Confidence.LIKELY)


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="sk_usage")
