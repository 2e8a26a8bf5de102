"""What the graph proves: pairs of something learned and something judged, with the way between them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from modelwright.checks.code.facts import Facts
from modelwright.checks.code.flow import Flow
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.flow.rows import Rows
from modelwright.checks.code.flow.values import Fit, Judge, Learn, Predict, Split, Value
from modelwright.checks.code.nouns import Step
from modelwright.checks.code.writing import code_of


@dataclass(slots=True)
class Sink:
    """A place where rows are judged (or predicted, which is half of it)."""

    node: ast.AST
    rows: Rows
    x: Value
    fit: Fit | None
    est: Value | None
    how: str  # metric, score, evaluate, cv, search, predict
    order: int
    judge: Judge | None = None


@dataclass(slots=True)
class Leak:
    """`learn` looked at rows that `sink` judges, and the judged model was built on what it learned."""

    learn: Learn
    sink: Sink
    fit: Fit | None
    split: Split | None
    #: split: trained on one side, judged on the other; folds: cross-validated afterwards; tune: a search's own folds
    way: str
    #: it came in by the target alone
    by_target: bool = False


def sinks(flow: Flow) -> list[Sink]:
    """All places of judging, those with a figure first."""
    key = ("sinks",)
    found: list[Sink] | None = flow.machine._cache.get(key)
    if found is None:
        found = [*_judged(flow), *_asked(flow)]
        flow.machine._cache[key] = found
    return found


def _judged(flow: Flow) -> Iterator[Sink]:
    for judge in flow.judges:
        if judge.how in {"cv", "search"}:
            if judge.x is not None:
                yield Sink(judge.node, judge.rows, judge.x, None, judge.est, judge.how, judge.order, judge)
            continue
        for asked in judge.preds:
            yield Sink(judge.node, asked.rows, asked.x, asked.fit, asked.est, judge.how, judge.order, judge)


def _asked(flow: Flow) -> Iterator[Sink]:
    for asked in flow.predicts:
        if asked.how not in {"cv", "score"} and not asked.training:
            yield Sink(asked.node, asked.rows, asked.x, asked.fit, asked.est, "predict", asked.order)


def leaks(flow: Flow) -> list[Leak]:
    """Each learned thing with the first sink that it spoils; a split is a better proof than folds."""
    key = ("leaks",)
    found: list[Leak] | None = flow.machine._cache.get(key)
    if found is None:
        best: dict[Learn, Leak] = {}
        for sink in (*sinks(flow), *_watched(flow)):
            for leak in _leaks_of(flow, sink):
                old = best.get(leak.learn)
                if old is None or _rank(leak) < _rank(old):
                    best[leak.learn] = leak
        found = sorted(best.values(), key=lambda leak: leak.learn.order)
        flow.machine._cache[key] = found
    return found


_RANK = {"split": 0.0, "folds": 1.0, "tune": 2.0}


def _rank(leak: Leak) -> float:
    """A file that is only predicted weighs less than folds that are scored."""
    return 1.5 if is_pool(leak) else _RANK[leak.way]


def _watched(flow: Flow) -> Iterator[Sink]:
    """Rows whose figures the training log shows, where the model is judged nowhere else."""
    judged = {id(sink.fit) for sink in sinks(flow)}
    for fit in flow.fits:
        if fit.watched is not None and fit.watched.rows and fit.how != "step" and id(fit) not in judged:
            yield Sink(fit.node, fit.watched.rows, fit.watched, fit, fit.est, "watch", fit.order)


def _leaks_of(flow: Flow, sink: Sink) -> Iterator[Leak]:
    if sink.how in {"cv", "search"}:
        learned = sink.x.all_learned
        for value in (sink.est.params or {}).values() if sink.est is not None else ():
            learned |= value.learned
        for learn in learned:
            if algebra.covers(learn.rows, sink.rows):
                yield Leak(learn, sink, None, None, "folds" if sink.how == "cv" else "tune")
        return
    fit = sink.fit
    if fit is None or not sink.rows or not algebra.apart(fit.rows, sink.rows):
        return
    of_x = fit.x.all_learned
    of_y = fit.y.all_learned if fit.y is not None else frozenset()
    for learn in fit.learned:
        if algebra.covers(learn.rows, sink.rows):
            split = split_of(flow, learn.rows, fit.rows, sink.rows)
            yield Leak(learn, sink, fit, split, "split", learn in of_y and learn not in of_x)


def split_of(flow: Flow, outer: Rows, train: Rows, test: Rows) -> Split | None:
    """The division by which train and test went apart."""
    keys = {piece.key for piece in algebra.cuts(train)} & {piece.key for piece in algebra.cuts(test)}
    found = [split for split in flow.splits if split.key in keys]
    of_these = (split for split in found if any(algebra.roots(one.rows) & algebra.roots(train) for one in split.inputs))
    return next(of_these, found[0] if found else None)


def trained_on(flow: Flow) -> Iterator[tuple[Sink, Fit]]:
    """Sinks whose rows the judged model had been fitted on, and that a division had set aside."""
    for sink in sinks(flow):
        if sink.how in {"cv", "search"} or sink.fit is None or not sink.rows:
            continue
        fit: Fit | None = sink.fit
        while fit is not None:
            if _saw(fit, sink):
                yield sink, fit
                break
            fit = fit.before if sink.est is not None and sink.est.kind == "module" else None


def _saw(fit: Fit, sink: Sink) -> bool:
    if sink.rows < fit.rows and any(algebra.apart(frozenset([part]), sink.rows) for part in fit.rows):
        return algebra.is_test(sink.rows)  # both parts were put under each other again
    if algebra.covers(fit.rows, sink.rows) and not algebra.equals(fit.rows, sink.rows):
        added = algebra.divided(fit.rows, sink.rows)
        if any(piece.how in {"split", "fold"} and piece.side in algebra.TEST_SIDES for piece in added):
            return True
        return any(piece.how in {"sample", "mask"} and piece.side in {"rest", False} for piece in added)
    mine = {piece for piece in algebra.cuts(fit.rows) if piece.how == "split"}
    its = {piece for piece in algebra.cuts(sink.rows) if piece.how == "split" and piece.side == "test"}
    same = {part.root for part in fit.rows} & {part.root for part in sink.rows}
    if not (mine and its and same) or algebra.apart(fit.rows, sink.rows):
        return False
    return not ({piece.key for piece in mine} & {piece.key for piece in its}) and not _nested(fit.rows, sink.rows)


def _nested(one: Rows, two: Rows) -> bool:
    return any(a.root is b.root and (a.path <= b.path or b.path <= a.path) for a in one for b in two)


def held_out(flow: Flow, sink: Sink) -> bool:
    """Is a sink on rows that its model did not see?"""
    return sink.fit is not None and algebra.apart(sink.fit.rows, sink.rows)


# -- steps ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.splitlines())


def step(facts: Facts, said: str, node: ast.AST) -> Step:
    home = facts.flow.abroad(node)
    stands = facts.source if home is None else home.source
    lines = _lines(stands.text)
    number = getattr(node, "lineno", 1)
    source = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return Step(text=f"{said}: {short(node)}", place=stands.place(node), source=source[:160])


def short(node: ast.AST) -> str:
    """Code in at most 70 characters."""
    try:
        text = code_of(node)
    except (ValueError, AttributeError, RecursionError):
        return type(node).__name__
    first = " ".join(text.split())
    return first if len(first) <= 70 else first[:67] + "..."


def way(facts: Facts, leak: Leak) -> tuple[Step, ...]:
    """Learned here, split here, judged here."""
    steps = [step(facts, "learned here", leak.learn.node)]
    if leak.split is not None:
        steps.append(step(facts, "split here", leak.split.node))
    if leak.fit is not None and leak.fit.node is not leak.sink.node:
        steps.append(step(facts, "trained here", leak.fit.node))
    said = {
        "folds": "split into folds and judged here",
        "tune": "split into folds and judged here",
        "split": "judged here",
    }
    steps.append(step(facts, said[leak.way], leak.sink.node))
    return tuple(steps)


def is_toy(rows: Rows) -> bool:
    """Are these rows drawn from a random generator in this very file?"""
    return bool(rows) and all(part.root.kind == "random" for part in rows)


def is_pool(leak: Leak) -> bool:
    """Was a file without answers put under the training file, and is it only predicted?"""
    if leak.sink.judge is not None or leak.way != "split" or leak.sink.how == "watch":
        return False
    sources = algebra.roots(leak.learn.rows)
    return len(sources) > 1 and any(root.kind in {"read", "unknown", "parameter"} for root in sources)


def sees_elsewhere(flow: Flow, rows: Rows) -> bool:
    """Is anything judged or predicted on rows apart from these?"""
    found = (sink for sink in sinks(flow) if sink.how not in {"cv", "search"})
    return any(algebra.apart(rows, sink.rows) and not _only_filed(sink) for sink in found)


def _only_filed(sink: Sink) -> bool:
    """Another file that is predicted and nothing more, as for a contest."""
    return sink.judge is None and not algebra.is_test(sink.rows)


__all__ = [
    "Leak",
    "Predict",
    "Sink",
    "held_out",
    "is_pool",
    "is_toy",
    "leaks",
    "sees_elsewhere",
    "short",
    "sinks",
    "split_of",
    "step",
    "trained_on",
    "way",
]
