"""What the one reported figure is missing."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow.learners import is_soft, kind_of
from modelwright.checks.code.flow.values import Judge
from modelwright.checks.code.nouns import CodeFinding, Confidence, Role, RuleInfo
from modelwright.checks.code.proofs import Sink, held_out, short, sinks, step
from modelwright.checks.code.rules._ev210_headline_examples import EXAMPLES
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="EV210",
        name="no-baseline",
        severity=Severity.LOW,
        why="Without the figure of a plain rule nobody can say whether the model has learned anything.",
        fix="judge DummyClassifier or DummyRegressor on the same rows",
        source="scikit-learn, Dummy estimators",
        per_file=True,
        default=False,
    ),
    RuleInfo(
        code="EV211",
        name="one-split-of-few-rows",
        severity=Severity.LOW,
        why="On a few hundred rows the score of one split moves by several points with its seed.",
        fix="repeat the split, or use RepeatedStratifiedKFold",
        source="Bouckaert and Frank 2004; Varoquaux 2018",
    ),
    RuleInfo(
        code="EV217",
        name="plain-folds-of-classes",
        severity=Severity.MEDIUM,
        why="Folds in file order of rows sorted by class can miss a class altogether.",
        fix="use StratifiedKFold, or shuffle=True",
        source="scikit-learn, StratifiedKFold",
    ),
    RuleInfo(
        code="EV219",
        name="no-interval",
        severity=Severity.INFO,
        why="A single figure without an interval hides how sure it is.",
        fix="bootstrap the test rows, or report the spread of repeated folds",
        source="Efron and Tibshirani 1993",
        per_file=True,
        default=False,
    ),
)
_SMALL = ("load_iris", "load_wine", "load_diabetes", "load_breast_cancer", "load_boston", "load_linnerud")
_SORTED = ("load_iris", "load_wine")
_PLAIN = ("Dummy", "baseline", "dummy", "naive", "majority")


def _run(facts: Facts) -> Iterator[CodeFinding]:
    if facts.role in {Role.LIBRARY, Role.TEST, Role.SERVING}:
        return
    judge = _headline(facts)
    if judge is not None:
        yield from _about(facts, judge)
    yield from _plain_folds(facts)


def _headline(facts: Facts) -> Judge | None:
    flow = facts.flow
    for sink in sinks(flow):
        folded = any(piece.how == "fold" for part in sink.rows for piece in part.path)
        if sink.judge is not None and not folded and sink.how not in {"cv", "search"} and held_out(flow, sink):
            return sink.judge
    return None


def _about(facts: Facts, judge: Judge) -> Iterator[CodeFinding]:
    text = facts.source.text
    fits = {fit.cls for fit in facts.flow.fits if fit.how != "step" and kind_of(fit.est) != "cluster"}
    folded = any(one.how in {"cv", "search"} for one in facts.flow.judges) or any(
        split.how == "fold" for split in facts.flow.splits
    )
    where = (step(facts, "judged here", judge.node),)
    if len(fits) == 1 and not any(word in text for word in _PLAIN):
        yield finding(
            facts,
            "EV210",
            judge.node,
            f"{short(judge.node)} stands alone: no plain rule is judged beside it.",
            Confidence.PATTERN,
            steps=where,
        )
    names = [part.root.name.rpartition(".")[2] for part in judge.rows]
    if not folded and not judge.loops and any(name in _SMALL for name in names):
        split = next((one for one in facts.flow.splits if one.how == "train_test_split"), None)
        if split is not None:
            message = f"One split of {names[0]} (a few hundred rows) carries the whole figure."
            yield finding(
                facts,
                "EV211",
                split.node,
                message,
                Confidence.LIKELY,
                steps=(step(facts, "split here", split.node), *where),
            )
    if not folded and "bootstrap" not in text and "std(" not in text and not judge.loops and "confidence" not in text:
        yield finding(
            facts,
            "EV219",
            judge.node,
            f"{short(judge.node)} is given without an interval.",
            Confidence.PATTERN,
            steps=where,
        )


def _classified(sink: Sink, key: object) -> bool:
    """Is a classifier judged on one of these folds?"""
    classifies = sink.fit is not None and not is_soft(sink.fit.est)
    return classifies and any(piece.key == key for part in sink.rows for piece in part.path)


def _plain_folds(facts: Facts) -> Iterator[CodeFinding]:
    for judge in facts.flow.judges:
        cv = judge.keywords.get("cv")
        if judge.how != "cv" or cv is None or cv.cls != "sklearn.model_selection.KFold" or judge.est is None:
            continue
        shuffled = (cv.params or {}).get("shuffle")
        names = [part.root.name.rpartition(".")[2] for part in judge.rows]
        if (
            (shuffled is None or shuffled.const is False)
            and not is_soft(judge.est)
            and any(name in _SORTED for name in names)
        ):
            message = (
                f"Plain KFold in file order over {names[0]}, whose rows are sorted by class ({short(judge.node)})."
            )
            yield finding(
                facts, "EV217", judge.node, message, Confidence.PROVED, steps=(step(facts, "folded here", judge.node),)
            )
    told: set[object] = set()
    for split in facts.flow.splits:
        if split.how != "fold" or split.cls != "sklearn.model_selection.KFold" or split.shuffle or not split.inputs:
            continue
        names = [part.root.name.rpartition(".")[2] for part in split.inputs[0].rows]
        if not any(_classified(sink, split.key) for sink in sinks(facts.flow)) or split.node in told:
            continue
        told.add(split.node)
        if any(name in _SORTED for name in names) and "shuffled" not in split.inputs[0].flags:
            message = f"Plain KFold in file order over {names[0]}, whose rows are sorted by class."
            yield finding(
                facts, "EV217", split.node, message, Confidence.PROVED, steps=(step(facts, "folded here", split.node),)
            )


PLUGIN: Rule = RuleFile(infos=INFOS, examples=EXAMPLES, run=_run)
