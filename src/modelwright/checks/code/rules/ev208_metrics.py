"""Metrics that are asked the wrong way."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow.learners import is_soft
from modelwright.checks.code.flow.values import Judge
from modelwright.checks.code.nouns import CodeFinding, Confidence, Role, RuleInfo
from modelwright.checks.code.proofs import short, step
from modelwright.checks.code.rules._ev208_metrics_examples import EXAMPLES
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="EV208",
        name="ranking-metric-from-labels",
        severity=Severity.MEDIUM,
        why="AUC, average precision and log loss need scores or probabilities; from hard labels they "
        "say something else.",
        fix="pass predict_proba(X)[:, 1] or decision_function(X)",
        source="scikit-learn, roc_auc_score",
    ),
    RuleInfo(
        code="EV209",
        name="accuracy-alone-when-imbalanced",
        severity=Severity.MEDIUM,
        why="Where one class is rare, always answering the other one is accurate too.",
        fix="add average precision, balanced accuracy or recall of the rare class",
        source="He and Garcia 2009; Saito and Rehmsmeier 2015",
    ),
    RuleInfo(
        code="EV216",
        name="metric-arguments-swapped",
        severity=Severity.LOW,
        why="scikit-learn's metrics take the truth first; swapped, precision becomes recall and R2 is another number.",
        fix="metric(y_true, y_pred)",
        source="scikit-learn, Metrics and scoring",
    ),
    RuleInfo(
        code="EV218",
        name="metric-disagrees-with-task",
        severity=Severity.MEDIUM,
        why="A metric of another task (R2 or squared error of class labels, accuracy of numbers) "
        "does not judge this model.",
        fix="choose a metric of the task",
        source="scikit-learn, Metrics and scoring",
    ),
)
_RANKING = frozenset(
    "roc_auc_score average_precision_score log_loss roc_curve precision_recall_curve brier_score_loss".split()  # noqa: SIM905
)
_ORDERED = frozenset(
    """precision_score recall_score r2_score classification_report explained_variance_score confusion_matrix
    mean_absolute_percentage_error roc_auc_score log_loss""".split()  # noqa: SIM905
)
_LABELS = frozenset(
    "accuracy_score f1_score precision_score recall_score classification_report confusion_matrix".split()  # noqa: SIM905
)
_OTHERS = frozenset(
    """f1_score roc_auc_score recall_score precision_score average_precision_score classification_report
    balanced_accuracy_score confusion_matrix matthews_corrcoef cohen_kappa_score fbeta_score roc_curve
    precision_recall_curve precision_recall_fscore_support log_loss classification_report_imbalanced
    geometric_mean_score brier_score_loss multilabel_confusion_matrix""".split()  # noqa: SIM905
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    told: set[tuple[ast.AST, str]] = set()
    for judge in facts.flow.judges:
        if judge.how != "metric" or judge.asked is None:
            continue
        for code, message in (("EV208", _hard(judge)), ("EV216", _swapped(judge)), ("EV218", _task(judge))):
            if message and (judge.node, code) not in told:
                told.add((judge.node, code))
                steps = tuple(step(facts, "asked here", pred.node) for pred in judge.preds[:1])
                yield finding(
                    facts,
                    code,
                    judge.node,
                    message,
                    Confidence.PROVED,
                    steps=(*steps, step(facts, "judged here", judge.node)),
                )
    yield from _alone(facts)


def _hard(judge: Judge) -> str:
    asked = judge.asked
    if judge.name not in _RANKING or asked is None or "hard" not in asked.flags or not judge.preds or judge.est is None:
        return ""
    if judge.est.alts or ("thresholded" not in asked.flags and is_soft(judge.est)):
        return ""
    return f"{judge.name} is given hard labels ({short(judge.node)})."


def _swapped(judge: Judge) -> str:
    if judge.name not in _ORDERED or len(judge.args) < 2 or judge.keywords.keys() & {"y_true", "y_pred"}:
        return ""
    first, second = judge.args[0], judge.args[1]
    if first.preds and not second.preds and second.target and second.is_data and first.kind == "prediction":
        return f"{judge.name} takes the truth first and the prediction second ({short(judge.node)})."
    return ""


def _task(judge: Judge) -> str:
    est = judge.est
    if est is None or judge.asked is None or est.alts or not judge.preds:
        return ""
    last = est.cls.rpartition(".")[2]
    if (
        judge.name in {"r2_score", "explained_variance_score"}
        and "hard" in judge.asked.flags
        and last.endswith("Classifier")
    ):
        return f"{judge.name} is a metric of numbers, and {last} predicts classes."
    numbers = last.endswith("Regressor") or last in {"LinearRegression", "Ridge", "Lasso"}
    plain = judge.preds[0].how == "predict" and "hard" not in judge.asked.flags and not judge.asked.steps
    if judge.name in _LABELS and numbers and plain and judge.asked.node is judge.preds[0].node:
        return f"{judge.name} is a metric of classes, and {last} predicts numbers."
    return ""


def _alone(facts: Facts) -> Iterator[CodeFinding]:
    """Accuracy is the only figure, and something in the file says that a class is rare."""
    judges = facts.flow.judges
    if facts.role in {Role.LIBRARY, Role.TEST} or not judges or any(judge.name in _OTHERS for judge in judges):
        return
    judge = next(
        (one for one in judges if one.name == "accuracy_score" or (one.how == "score" and _classifies(one))), None
    )
    if judge is None or "scoring=" in facts.source.text:
        return
    why = _imbalance(facts)
    if why is not None:
        message = f"Accuracy is the only figure, though {why[1]}."
        steps = (step(facts, "a rare class is handled here", why[0]), step(facts, "judged here", judge.node))
        yield finding(facts, "EV209", judge.node, message, Confidence.LIKELY, steps=steps)


def _classifies(judge: Judge) -> bool:
    last = judge.est.cls.rpartition(".")[2] if judge.est is not None else ""
    return "Classifier" in last or last in {"SVC", "LogisticRegression", "LinearSVC", "GaussianNB"}


def _imbalance(facts: Facts) -> tuple[ast.AST, str] | None:
    for call in facts.names.calls:
        for keyword in call.keywords:
            if keyword.arg in {"class_weight", "scale_pos_weight"} and not (
                isinstance(keyword.value, ast.Constant) and keyword.value.value is None
            ):
                return call, f"{keyword.arg} is set"
            if (
                keyword.arg == "weights"
                and isinstance(keyword.value, ast.List)
                and (facts.names.called(call) or "").endswith("make_classification")
            ):
                return call, "the classes are made unequal"
        name = facts.names.called(call) or ""
        if name.startswith(("imblearn.over_sampling", "imblearn.under_sampling", "imblearn.combine")):
            return call, "rows are resampled for a rare class"
    return None


PLUGIN: Rule = RuleFile(infos=INFOS, examples=EXAMPLES, run=_run)
