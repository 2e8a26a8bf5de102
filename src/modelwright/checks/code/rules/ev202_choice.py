"""Choices that were made by looking at the test rows."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.flow.rows import Rows
from modelwright.checks.code.flow.values import Fit, Judge
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import short, sinks, step
from modelwright.checks.code.rules._ev202_choice_examples import EXAMPLES
from modelwright.checks.code.rules._ev202_other_choices import again, head, made_in, settled_by_eye
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="EV202",
        name="chosen-on-test",
        severity=Severity.HIGH,
        why="A setting, threshold or column set chosen by its score on the test rows makes that "
        "score too good; it is no "
        "longer a test.",
        fix="choose by cross-validation or on a validation part, and score the test rows once",
        source="Cawley and Talbot 2010; Yang et al., ASE 2022 (multi-test)",
    ),
    RuleInfo(
        code="EV204",
        name="one-test-many-models",
        severity=Severity.INFO,
        why="Each further model judged on the same test rows makes the best of them look better than it is.",
        fix="choose by cross-validation, name one final model, and score the test rows once",
        source="Yang et al., ASE 2022 (multi-test)",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    told: set[ast.AST] = set()
    for judge in facts.flow.judges:
        if judge.how in {"cv", "search"} or judge.node in told or not _tested(facts, judge):
            continue
        found = _in_loop(facts, judge) or _threshold(facts, judge) or _staged(facts, judge) or again(facts, judge)
        if found is not None:
            told.add(judge.node)
            yield _from_here(facts, judge, found)
    if not told:
        yield from settled_by_eye(facts, _tested)
    yield from _counted(facts)


def _from_here(facts: Facts, judge: Judge, found: CodeFinding) -> CodeFinding:
    """Of a choice inside a module that this file imports: also where this file hands the prediction over."""
    if facts.flow.abroad(judge.node) is None or not judge.preds:
        return found
    asked = facts.flow.site(judge.preds[0].node) or judge.preds[0].node
    return msgspec.structs.replace(found, steps=(step(facts, "asked here", asked), *found.steps))


def _tested(facts: Facts, judge: Judge) -> bool:
    """Is it judged on held-out rows that are not a validation part of a later test?"""
    if not judge.preds or judge.fit is None or not judge.rows:
        return False
    parted = algebra.apart(judge.fit.rows, judge.rows)
    if not parted and (judge.fit.rows == judge.rows or not algebra.is_test(judge.rows)):
        return False
    return not _is_validation(facts, judge.rows)


def _is_validation(facts: Facts, rows: Rows) -> bool:
    """Other held-out rows are judged too, so these serve for choosing; folds always do."""
    if any(piece.how == "fold" for piece in algebra.cuts(rows)):
        return True
    pieces = algebra.cuts(rows)
    if any(piece.side == "train" for piece in pieces) and any(piece.side == "test" for piece in pieces):
        return True  # cut out of a training part
    valid = any(piece.side == "valid" for piece in pieces) or any(part.root.hint == "valid" for part in rows)
    others = any(algebra.apart(rows, sink.rows) and algebra.is_test(sink.rows) for sink in sinks(facts.flow))
    return valid or others


def _in_loop(facts: Facts, judge: Judge) -> CodeFinding | None:
    fit = judge.fit
    if fit is None or not judge.loops:
        return None
    loops = [loop for loop in judge.loops if loop in fit.knobs or loop in _knobs_of_rows(fit)]
    if not loops:
        return _seed_hunt(facts, judge)
    if any(made_in(facts, judge, loop) for loop in loops):
        return None
    models = _over_models(loops[0])
    if models and "chosen" not in judge.read:
        return None
    read = judge.read & {"chosen", "kept", "plotted"}
    if not read:
        return None
    proved = "chosen" in read
    if proved and "averaged" in judge.read and isinstance(judge.read_at, ast.Call):
        return None  # the spread of repeated runs: mean, deviation, least and greatest
    if not proved and _beside_train(facts, judge):
        return None
    said = "and the best is taken" if proved else "and the scores are kept to compare"
    message = f"A loop tries settings, each judged on the test rows ({short(judge.node)}), {said}."
    steps = [step(facts, "settings tried here", head(loops[0])), step(facts, "judged on test rows here", judge.node)]
    if judge.read_at is not None and hasattr(judge.read_at, "lineno"):
        steps.append(step(facts, "read here", head(judge.read_at)))
    sure = Confidence.PROVED if proved else Confidence.LIKELY
    severity = Severity.MEDIUM if models else None
    return finding(facts, "EV202", judge.node, message, sure, severity=severity, steps=tuple(steps))


def _seed_hunt(facts: Facts, judge: Judge) -> CodeFinding | None:
    """A loop splits anew by its own variable, and the best of the scores is what is told."""
    if "chosen" not in judge.read:
        return None
    keys = {piece.key for piece in algebra.cuts(judge.rows)}
    for split in facts.flow.splits:
        anew = split.knobs if split.seeded else frozenset(split.loops)
        loops = [loop for loop in split.loops if loop in judge.loops and loop in anew]
        if split.key in keys and loops:
            message = f"Splits are tried until the score is best ({short(judge.node)})."
            steps = [step(facts, "split anew here", split.node), step(facts, "judged on test rows here", judge.node)]
            if judge.read_at is not None and hasattr(judge.read_at, "lineno"):
                steps.append(step(facts, "the best is taken here", head(judge.read_at)))
            return finding(facts, "EV202", judge.node, message, Confidence.PROVED, steps=tuple(steps))
    return None


def _knobs_of_rows(fit: Fit) -> frozenset[ast.AST]:
    """Loops over sets of columns or shares of rows."""
    return fit.x.loops


def _over_models(loop: ast.AST) -> bool:
    """A loop over named models is a table; EV204 counts it."""
    target = getattr(loop, "target", None)
    names = (
        {part.id.lower() for part in ast.walk(target) if isinstance(part, ast.Name)} if target is not None else set()
    )
    return any(
        word in name for name in names for word in ("model", "clf", "classif", "regress", "estimator", "algo", "pipe")
    )


def _beside_train(facts: Facts, judge: Judge) -> bool:
    """A curve of training and test scores side by side shows a thing; it does not choose."""
    if judge.fit is None:
        return False
    return any(
        other is not judge
        and other.rows == judge.fit.rows
        and set(other.loops) == set(judge.loops)
        and other.read & {"kept", "plotted"}
        for other in facts.flow.judges
    )


def _threshold(facts: Facts, judge: Judge) -> CodeFinding | None:
    asked = judge.asked
    if asked is None:
        return None
    loops = [loop for loop in judge.loops if loop in asked.loops]
    by_loop = (
        bool(loops) and bool(judge.read & {"chosen", "plotted"}) and not any(made_in(facts, judge, x) for x in loops)
    )
    picked = "choice" in asked.flags and all(pred.rows == judge.rows for pred in judge.preds)
    if by_loop or picked:
        message = f"The threshold is picked on the test rows that are then reported ({short(judge.node)})."
        steps = [step(facts, "thresholds tried here", head(loops[0]))] if by_loop else []
        if judge.read_at is not None and hasattr(judge.read_at, "lineno"):
            steps.append(step(facts, "picked here", head(judge.read_at)))
        steps.append(step(facts, "judged here", judge.node))
        sure = Confidence.PROVED if "chosen" in judge.read or picked else Confidence.LIKELY
        return finding(facts, "EV202", judge.node, message, sure, steps=tuple(steps))
    return None


def _staged(facts: Facts, judge: Judge) -> CodeFinding | None:
    """The number of rounds that looks best on the test rows: `argmin` over `staged_predict(X_test)`."""
    if "chosen" not in judge.read or not any(asked.how.startswith("staged_") for asked in judge.preds):
        return None
    message = f"The number of rounds is picked on the test rows ({short(judge.node)})."
    steps = [step(facts, "asked for each round here", judge.preds[0].node), step(facts, "judged here", judge.node)]
    if judge.read_at is not None and hasattr(judge.read_at, "lineno"):
        steps.append(step(facts, "picked here", head(judge.read_at)))
    return finding(facts, "EV202", judge.node, message, Confidence.PROVED, steps=tuple(steps))


def _counted(facts: Facts) -> Iterator[CodeFinding]:
    """One line for each test part that more than one fitted model was judged on."""
    by_rows: dict[Rows, list[tuple[int, ast.AST, Fit]]] = defaultdict(list)
    for sink in sinks(facts.flow):
        if sink.fit is None or sink.how in {"cv", "search"} or not algebra.apart(sink.fit.rows, sink.rows):
            continue
        pieces = algebra.cuts(sink.rows)
        nested = any(piece.side == "train" for piece in pieces)
        if nested or any(piece.how == "fold" for piece in pieces) or _is_validation_by_name(sink.rows):
            continue
        by_rows[sink.rows].append((sink.order, sink.node, sink.fit))
    for met in by_rows.values():
        met.sort(key=lambda one: one[0])
        fits = {(id(fit.node), id(fit.est.node), fit.est.serial if fit.knobs else 0): fit for _, _, fit in met}
        if len(fits) > 1:
            message = f"{len(fits)} models are judged on the same test rows."
            steps = (step(facts, "first judged here", met[0][1]), step(facts, "last judged here", met[-1][1]))
            yield finding(facts, "EV204", met[-1][1], message, Confidence.PROVED, steps=steps)


def _is_validation_by_name(rows: Rows) -> bool:
    return any(part.root.hint == "valid" for part in rows) or any(piece.side == "valid" for piece in algebra.cuts(rows))


PLUGIN: Rule = RuleFile(infos=INFOS, examples=EXAMPLES, run=_run)
