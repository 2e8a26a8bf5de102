"""API that libraries have removed or renamed, judged by the version that is installed or pinned."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelwright.checks.code.asking import constant, tail, written
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Role, RuleInfo
from modelwright.checks.code.origins import Origins, is_frame
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="SK503",
        name="removed-api",
        severity=Severity.MEDIUM,
        why="The name is gone from the library's present release: the file stops with an import or attribute error.",
        fix="use the name that the finding gives",
        source="release notes of scikit-learn, pandas, numpy, Keras, XGBoost and LightGBM",
    ),
)
#: module or name -> (distribution, removed in, what to use)
_MODULES = {
    "sklearn.cross_validation": ("scikit-learn", "0.20", "sklearn.model_selection"),
    "sklearn.grid_search": ("scikit-learn", "0.20", "sklearn.model_selection"),
    "sklearn.learning_curve": ("scikit-learn", "0.20", "sklearn.model_selection"),
    "sklearn.externals.joblib": ("scikit-learn", "0.23", "joblib"),
    "sklearn.externals.six": ("scikit-learn", "0.23", "six"),
    "sklearn.datasets.samples_generator": ("scikit-learn", "0.24", "sklearn.datasets"),
    "sklearn.metrics.scorer": ("scikit-learn", "0.24", "sklearn.metrics"),
    "sklearn.utils.testing": ("scikit-learn", "0.24", "unittest"),
    "sklearn.lda": ("scikit-learn", "0.19", "sklearn.discriminant_analysis"),
    "sklearn.qda": ("scikit-learn", "0.19", "sklearn.discriminant_analysis"),
    "sklearn.hmm": ("scikit-learn", "0.17", "hmmlearn"),
    "pandas.rpy": ("pandas", "0.20", "rpy2"),
    "pandas.tools.plotting": ("pandas", "0.25", "pandas.plotting"),
    "scipy.misc.imread": ("scipy", "1.2", "imageio.imread"),
    "keras.utils.np_utils": ("keras", "3.0", "keras.utils.to_categorical"),
    "keras.wrappers.scikit_learn": ("keras", "3.0", "scikeras.wrappers"),
    "tensorflow.contrib": ("tensorflow", "2.0", "the present tf or tf_addons name"),
}
_NAMES = {
    "sklearn.preprocessing.Imputer": ("scikit-learn", "0.22", "sklearn.impute.SimpleImputer"),
    "sklearn.datasets.load_boston": ("scikit-learn", "1.2", "fetch_california_housing or fetch_openml"),
    "sklearn.datasets.fetch_mldata": ("scikit-learn", "0.22", "fetch_openml"),
    "sklearn.metrics.plot_confusion_matrix": ("scikit-learn", "1.2", "ConfusionMatrixDisplay.from_estimator"),
    "sklearn.metrics.plot_roc_curve": ("scikit-learn", "1.2", "RocCurveDisplay.from_estimator"),
    "sklearn.metrics.plot_precision_recall_curve": ("scikit-learn", "1.2", "PrecisionRecallDisplay.from_estimator"),
    "sklearn.inspection.plot_partial_dependence": ("scikit-learn", "1.2", "PartialDependenceDisplay.from_estimator"),
    "sklearn.metrics.jaccard_similarity_score": ("scikit-learn", "0.23", "jaccard_score"),
    "sklearn.metrics.SCORERS": ("scikit-learn", "1.3", "get_scorer_names"),
    "sklearn.mixture.GMM": ("scikit-learn", "0.20", "GaussianMixture"),
    "sklearn.cluster.bicluster": ("scikit-learn", "0.24", "sklearn.cluster"),
    "pandas.Panel": ("pandas", "1.0", "a frame with a MultiIndex"),
    "pandas.scatter_matrix": ("pandas", "0.25", "pandas.plotting.scatter_matrix"),
    "pandas.datetime": ("pandas", "2.0", "datetime.datetime"),
    "numpy.float": ("numpy", "1.24", "float"),
    "numpy.int": ("numpy", "1.24", "int"),
    "numpy.bool": ("numpy", "1.24", "bool"),
    "numpy.object": ("numpy", "1.24", "object"),
    "numpy.str": ("numpy", "1.24", "str"),
    "numpy.float_": ("numpy", "2.0", "numpy.float64"),
    "numpy.NaN": ("numpy", "2.0", "numpy.nan"),
    "numpy.Inf": ("numpy", "2.0", "numpy.inf"),
    "numpy.product": ("numpy", "2.0", "numpy.prod"),
    "scipy.interp": ("scipy", "1.10", "numpy.interp"),
}
_BACK = frozenset(["numpy.bool"])  # came back in numpy 2.0
_ARGUMENTS = {
    ("OneHotEncoder", "sparse"): ("scikit-learn", "1.4", "sparse_output"),
    ("AdaBoostClassifier", "base_estimator"): ("scikit-learn", "1.4", "estimator"),
    ("AdaBoostRegressor", "base_estimator"): ("scikit-learn", "1.4", "estimator"),
    ("BaggingClassifier", "base_estimator"): ("scikit-learn", "1.4", "estimator"),
    ("BaggingRegressor", "base_estimator"): ("scikit-learn", "1.4", "estimator"),
    ("CalibratedClassifierCV", "base_estimator"): ("scikit-learn", "1.4", "estimator"),
    ("mean_squared_error", "squared"): ("scikit-learn", "1.6", "root_mean_squared_error"),
    ("KMeans", "n_jobs"): ("scikit-learn", "1.0", "no n_jobs"),
    ("KMeans", "precompute_distances"): ("scikit-learn", "1.0", "no such argument"),
    ("LinearRegression", "normalize"): ("scikit-learn", "1.2", "StandardScaler in a Pipeline"),
    ("Ridge", "normalize"): ("scikit-learn", "1.2", "StandardScaler in a Pipeline"),
    ("Lasso", "normalize"): ("scikit-learn", "1.2", "StandardScaler in a Pipeline"),
}
_VALUES = {
    ("max_features", "auto"): ("scikit-learn", "1.3", "max_features='sqrt' or 1.0"),
    ("criterion", "mse"): ("scikit-learn", "1.2", "criterion='squared_error'"),
    ("criterion", "mae"): ("scikit-learn", "1.2", "criterion='absolute_error'"),
    ("loss", "ls"): ("scikit-learn", "1.2", "loss='squared_error'"),
    ("loss", "lad"): ("scikit-learn", "1.2", "loss='absolute_error'"),
    ("loss", "deviance"): ("scikit-learn", "1.3", "loss='log_loss'"),
}


def _run(facts: Facts) -> Iterator[CodeFinding]:
    if facts.role is Role.TEST:
        return
    told: set[str] = set()
    for node, name, entry in _met(facts):
        if name in told or not _is_gone(facts, entry) or _is_guarded(facts, node):
            continue
        told.add(name)
        message = f"{name} was removed in {entry[0]} {entry[1]}; use {entry[2]}."
        yield finding(facts, "SK503", node, message, Confidence.PATTERN)


_GONE_METHODS = frozenset(["get_feature_names", "predict_classes", "append"])


def _met(facts: Facts) -> Iterator[tuple[ast.AST, str, tuple[str, str, str]]]:
    for star in facts.names.nodes(ast.ImportFrom):
        module = star.module or ""
        if star.level == 0:
            yield from _of_module(star, module)
            for alias in star.names:
                dotted = f"{module}.{alias.name}"
                if dotted in _NAMES:
                    yield star, dotted, _NAMES[dotted]
                else:
                    yield from _of_module(star, dotted)
    for plain in facts.names.nodes(ast.Import):
        for alias in plain.names:
            yield from _of_module(plain, alias.name)
    for attribute in facts.names.nodes(ast.Attribute):
        known = facts.names.qualified(attribute)
        if known in _NAMES and not _may_be_back(facts, known):
            yield attribute, known, _NAMES[known]
    for call in facts.names.calls:
        if call.keywords or tail(call) in _GONE_METHODS:
            yield from _of_call(facts, call)


def _may_be_back(facts: Facts, name: str) -> bool:
    """Present again in a newer release, and the release is not known to be an older one."""
    return name in _BACK and not (0,) < _numbers(facts.versions.get("numpy", "2.0")) < (2,)


def _of_module(node: ast.AST, module: str) -> Iterator[tuple[ast.AST, str, tuple[str, str, str]]]:
    parts = module.split(".")
    for length in range(len(parts), 1, -1):
        name = ".".join(parts[:length])
        if name in _MODULES:
            yield node, name, _MODULES[name]
            return


def _of_call(facts: Facts, call: ast.Call) -> Iterator[tuple[ast.AST, str, tuple[str, str, str]]]:
    called = facts.names.called(call) or ""
    short = called.rpartition(".")[2]
    if called.startswith("sklearn."):
        for item in call.keywords:
            entry = _ARGUMENTS.get((short, item.arg or "")) or _VALUES.get(
                (item.arg or "", str(constant(item.value, "")))
            )
            if entry is not None and (
                "Forest" in short or "Boost" in short or "Tree" in short or (short, item.arg) in _ARGUMENTS
            ):
                yield call, f"{short}({item.arg}={written(item.value)})", entry
    if called or not isinstance(call.func, ast.Attribute):
        return
    name = call.func.attr
    if name == "get_feature_names":
        made = Origins.of(facts).made_by(call.func.value) or ""
        if made.startswith("sklearn."):
            yield call, f"{made.rpartition('.')[2]}.get_feature_names", ("scikit-learn", "1.2", "get_feature_names_out")
    elif name == "predict_classes" and (Origins.of(facts).made_by(call.func.value) or "").startswith("keras."):
        yield call, "Sequential.predict_classes", ("tensorflow", "2.6", "predict(...).argmax(axis=-1)")
    elif name == "append" and is_frame(facts, call.func.value):
        yield call, "DataFrame.append", ("pandas", "2.0", "pandas.concat")
    elif name == "fit":
        yield from _of_fit(facts, call, call.func.value)


def _of_fit(facts: Facts, call: ast.Call, model: ast.AST) -> Iterator[tuple[ast.AST, str, tuple[str, str, str]]]:
    given = {item.arg for item in call.keywords}
    if "early_stopping_rounds" not in given:
        return
    made = Origins.of(facts).made_by(model) or ""
    if made.startswith("xgboost."):
        yield (
            call,
            "XGBModel.fit(early_stopping_rounds=)",
            ("xgboost", "2.1", "early_stopping_rounds in the constructor"),
        )
    elif made.startswith("lightgbm."):
        yield call, "LGBMModel.fit(early_stopping_rounds=)", ("lightgbm", "4.0", "callbacks=[early_stopping(...)]")


def _is_gone(facts: Facts, entry: tuple[str, str, str]) -> bool:
    """Gone in the known version; where none is known, in the present release."""
    known = facts.versions.get(entry[0]) or facts.versions.get(entry[0].replace("scikit-learn", "sklearn"))
    return known is None or _numbers(known) >= _numbers(entry[1])


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _is_guarded(facts: Facts, node: ast.AST) -> bool:
    """In a try, in its except, or behind a question about a version."""
    for up in facts.names.parents(node):
        if isinstance(up, ast.Try | ast.ExceptHandler):
            return True
        if isinstance(up, ast.IfExp):
            return True
        if isinstance(up, ast.If) and re.search(r"version|hasattr", written(up.test), re.IGNORECASE):
            return True
    return False


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="sk_removed")
