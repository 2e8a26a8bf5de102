"""The questions an ML engineer asks in a review, each answered from findings and the run's record, with evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelwright.checks import answers, answers_measured
from modelwright.checks.answers import UNKNOWN, Said
from modelwright.core.nouns import ChecklistItem, Finding, Severity
from modelwright.core.run import RunRecord

#: the record's own answer; an empty text means that the record cannot answer
Evidence = Callable[[RunRecord], Said]
#: from best to worst: findings may only make an answer worse
_ORDER = ("yes", "not applicable", "partly", "no")
#: measurements that add to an answer which can be given without them
_PARTS = frozenset({"model.learning_curve", "split.hidden_order", "data.wide"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    text: str
    #: beginnings of the codes that answer it; any of them of medium or higher severity means no
    codes: tuple[str, ...]
    evidence: Evidence
    kinds: frozenset[str] = frozenset({"model", "pipeline"})


def answer(kind: str, findings: Sequence[Finding], record: RunRecord | None) -> tuple[ChecklistItem, ...]:
    """The checklist of a review: `data`, `features`, `pipeline` or `model`; empty for other kinds."""
    return tuple(_answer(question, findings, record) for question in QUESTIONS if kind in question.kinds)


def _answer(question: Question, findings: Sequence[Finding], record: RunRecord | None) -> ChecklistItem:
    mine = [finding for finding in findings if question.codes and finding.code.startswith(question.codes)]
    against = [finding for finding in mine if not finding.undecided and finding.severity.rank >= Severity.MEDIUM.rank]
    minor = [finding for finding in mine if not finding.undecided and finding.severity is Severity.LOW]
    open_ = [finding for finding in mine if finding.undecided]
    said = question.evidence(record) if record is not None else Said()
    if against:
        reply = "no" if any(finding.severity.rank >= Severity.HIGH.rank for finding in against) else "partly"
        if said.text and said.answer in _ORDER:
            reply = max(reply, said.answer, key=_ORDER.index)
        text = against[0].message
    elif open_ and said.text and said.answer in _ORDER and all(_is_a_part(each, question) for each in open_):
        reply = max("partly", said.answer, key=_ORDER.index)
        text = f"{said.text}; not judged: {open_[0].message.removeprefix('Could not judge: ')}"
    elif open_ and not (said.text and said.answer in ("no", "partly")):
        reply, text = UNKNOWN, open_[0].message
    elif not said.text:
        reply, text = UNKNOWN, "the run's record holds nothing that answers this"
    else:
        reply = said.answer
        text = f"{said.text}; minor: {minor[0].message}" if minor else said.text
    codes = tuple(dict.fromkeys(finding.code for finding in (*against, *open_, *minor)))
    return ChecklistItem(question=question.text, answer=reply, evidence=text, codes=codes)


def _is_a_part(finding: Finding, question: Question) -> bool:
    """One rule of a family, or a further measurement: without it the answer has a hole and is not void."""
    return finding.code in _PARTS or finding.code not in question.codes


_ALL = frozenset({"data", "features", "model", "pipeline"})
_DATA = frozenset({"data", "model", "pipeline"})
_FEATURES = frozenset({"features", "model", "pipeline"})

QUESTIONS: tuple[Question, ...] = (
    Question(text="Is the problem type clear?", codes=("problem.",), evidence=answers.problem, kinds=_ALL),
    Question(text="Is the data sound?", codes=("data.", "check.failed"), evidence=answers.data_quality, kinds=_DATA),
    Question(text="Is a simple baseline beaten?", codes=("model.baseline",), evidence=answers.baseline),
    Question(text="Is the goal met?", codes=("model.goal",), evidence=answers.goal),
    Question(
        text="Is the complexity justified by the amount of data?",
        codes=("model.complexity", "model.overfit", "model.learning", "data.tiny", "data.wide"),
        evidence=answers.complexity,
    ),
    Question(text="Is the search documented?", codes=(), evidence=answers.search),
    Question(text="Does the metric fit the goal?", codes=("metric.",), evidence=answers.metric),
    Question(text="Was interpretability considered?", codes=(), evidence=answers.interpretable),
    Question(
        text="Are the features available at inference time?",
        codes=("feature.availability", "leak.post_event", "leak.missingness"),
        evidence=answers.inputs,
        kinds=_FEATURES,
    ),
    Question(text="Is the data free of leakage?", codes=("leak.",), evidence=answers.leaks, kinds=_ALL),
    Question(
        text="Is scaling done where the family needs it?",
        codes=("feature.scaling",),
        evidence=answers.scaling,
        kinds=_FEATURES,
    ),
    Question(
        text="Do missing values have an answer?",
        codes=("data.missing", "data.all_missing"),
        evidence=answers.missing,
        kinds=_ALL,
    ),
    Question(
        text="Are categories encoded so that unseen ones have an answer?",
        codes=("feature.unseen", "data.identifier"),
        evidence=answers.encodings,
        kinds=_FEATURES,
    ),
    Question(text="Is the importance of features tracked?", codes=(), evidence=answers.importance, kinds=_FEATURES),
    Question(text="Are the seeds fixed?", codes=(), evidence=answers.seeds),
    Question(
        text="Is the split honest?",
        codes=("split.", "leak.overlap", "leak.group", "leak.time", "leak.near"),
        evidence=answers.splits,
        kinds=_DATA,
    ),
    Question(
        text="Is class imbalance met?",
        codes=("data.class_balance", "data.rare_class", "metric.misleading"),
        evidence=answers.imbalance,
        kinds=_DATA,
    ),
    Question(
        text="Are segments served alike?",
        codes=("model.slices", "model.weak_slice", "slice."),
        evidence=answers_measured.segments,
    ),
    Question(text="Were the errors analysed?", codes=("model.errors",), evidence=answers.errors),
    Question(
        text="Was it validated out of time?",
        codes=("split.hidden_order", "leak.time", "model.out_of_time"),
        evidence=answers_measured.out_of_time,
    ),
    Question(
        text="Does it stand noise, gaps and strange values?",
        codes=("model.robustness", "robustness."),
        evidence=answers_measured.robustness,
    ),
    Question(
        text="Are groups of people treated alike?",
        codes=("model.fairness", "fairness."),
        evidence=answers_measured.fairness,
    ),
    Question(
        text="Are its probabilities and intervals honest?",
        codes=("model.calibration", "model.coverage", "model.wide_interval", "uncertainty."),
        evidence=answers_measured.probabilities,
    ),
    Question(text="Is it better than the model in use?", codes=("model.champion",), evidence=answers_measured.champion),
    Question(text="Can the run be reproduced?", codes=(), evidence=answers.reproducible),
    Question(
        text="Does the packaged scorer agree with training?",
        codes=("deployment.",),
        evidence=answers.scorers,
        kinds=frozenset({"pipeline"}),
    ),
    Question(text="Are the known limits written down?", codes=(), evidence=answers.limits, kinds=_ALL),
)
