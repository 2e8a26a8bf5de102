"""What silence must not be taken for: flows that were not followed, models of unknown libraries, trainings that are not
judged where they stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.asking import words
from modelwright.checks.code.facts import Facts, finding
from modelwright.checks.code.inventory import LIBRARIES
from modelwright.checks.code.library import role
from modelwright.checks.code.nouns import CodeFinding, Confidence, Place, Role, RuleInfo
from modelwright.core.nouns import Severity

#: families that these answers stand for
ABOUT = ("LK", "EV")
#: libraries that train models on rows of their own kinds
_NOT_FOLLOWED = words(
    """pyspark h2o autogluon fastai surprise prophet neuralprophet pycaret tpot jax flax implicit sktime darts paddle
    mxnet chainer turicreate ludwig autosklearn flaml lightfm gluonts flair allennlp supervised orbit cuml dask_ml
    river"""
)
_FOREIGN_TRAINS = words(
    """fit train fine_tune fit_one_cycle fit_transform train_and_evaluate learn_one fit_resample partial_fit
    cross_validate"""
)
_FOREIGN_STARTS = words("grad value_and_grad setup compare_models create_model fit_model")
_TRAINS = frozenset({"fit", "fit_generator", "partial_fit", "train_on_batch"})
_SOURCE = "no finding and could not judge are different answers"
INFOS = (
    RuleInfo(
        code="NJ001",
        name="flow-not-followed",
        severity=Severity.INFO,
        why="The way of the rows through this file was not followed to its end, so a leak may be there unseen.",
        fix="review the file by eye, or divide it into smaller ones",
        source=_SOURCE,
    ),
    RuleInfo(
        code="NJ002",
        name="trained-and-not-judged-here",
        severity=Severity.INFO,
        why="A model is trained here and no score is taken here. A leak needs a score that it flatters, so none could "
        "be looked for; where the model is judged is not known.",
        fix="review the file that judges the model together with the one that trains it, or judge it here",
        source=_SOURCE,
    ),
    RuleInfo(
        code="NJ003",
        name="model-of-unknown-library",
        severity=Severity.INFO,
        why="What is fitted here belongs to a library or function that the review does not know, so the rows it "
        "learned from were not followed.",
        fix="review the file by eye",
        source=_SOURCE,
    ),
)


def unjudged(facts: Facts) -> Iterator[CodeFinding]:
    """At most one answer per file; none for files that train nothing."""
    foreign = _not_followed(facts)
    if foreign is not None:
        yield foreign
        return
    if facts.role not in (Role.TRAINING, Role.NOTEBOOK):
        return
    flow = facts.flow
    fits, judges = flow.fits, flow.judges
    if not flow.complete:
        place = Place(path=facts.source.path, line=1)
        yield CodeFinding(
            code="NJ001",
            place=place,
            message=f"Could not judge all of it: the flow of rows was not followed to its end ({flow.trouble}).",
            confidence=Confidence.PATTERN,
            undecided=True,
        )
        return
    if judges:
        return
    taught = [fit for fit in fits if fit.y is not None]
    known = [fit for fit in taught if fit.cls.partition(".")[0] in LIBRARIES]
    if known:
        said = "Could not judge leaks: a model is trained here, and no score of it is taken in this file."
        yield _at(facts, known[0].node, "NJ002", said)
    elif taught:
        named = taught[0].cls or "what is fitted here"
        yield _at(facts, taught[0].node, "NJ003", f"Could not judge leaks: {named} is not known to the review.")
    elif strange_fit := next((fit for fit in fits if not role(fit.cls) and fit.est.func is None), None):
        said = f"Could not judge leaks: what {ast.unparse(strange_fit.node)[:60]} trains is not known to the review."
        yield _at(facts, strange_fit.node, "NJ003", said)
    elif not fits:
        strange = _strange(facts)
        if strange is not None:
            called = ast.unparse(strange.func)[:60]
            said = f"Could not judge leaks: what {called}() trains is not known to the review."
            yield _at(facts, strange, "NJ003", said)


def _not_followed(facts: Facts) -> CodeFinding | None:
    """A training by a library whose rows are not followed, in a file where nothing else is judged on known rows."""
    used = facts.names.modules & _NOT_FOLLOWED
    if not used or facts.role in (Role.TEST, Role.SERVING, Role.CONFIG):
        return None
    call = next((call for call in facts.names.calls if _by_foreign(facts, call, used)), None)
    if call is None or any(judge.rows for judge in facts.flow.judges):
        return None
    said = f"Could not judge leaks: the rows that {sorted(used)[0]} works on are not followed by the review."
    return _at(facts, call, "NJ003", said)


def _by_foreign(facts: Facts, call: ast.Call, used: frozenset[str] | set[str]) -> bool:
    """Is something trained here by its method or by the library's own function, and not inside a definition alone?"""
    if facts.role is Role.LIBRARY and facts.names.function(call) is not None:
        return False
    name = facts.names.called(call) or ""
    last = call.func.attr if isinstance(call.func, ast.Attribute) else name.rpartition(".")[2]
    return last in _FOREIGN_TRAINS or (name.partition(".")[0] in used and last in _FOREIGN_STARTS)


def _strange(facts: Facts) -> ast.Call | None:
    """The first training call that the flow knows nothing of."""
    known = {id(learn.node) for learn in facts.flow.learns}
    return next(
        (
            call
            for call in facts.names.calls
            if isinstance(call.func, ast.Attribute)
            and call.func.attr in _TRAINS
            and id(call) not in known
            and len(call.args) + len(call.keywords) >= 2
        ),
        None,
    )


def _at(facts: Facts, node: ast.AST, code: str, message: str) -> CodeFinding:
    return finding(facts, code, node, message, Confidence.PATTERN, undecided=True)
