"""The review as data: checklist, recommendations with measured impact, escalations, conditions that clear."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from modelwright.checks.model import baseline
from modelwright.checks.model._shared import estimate, example
from modelwright.checks.verdict import fold, since
from modelwright.core.judgement import (
    Fairness,
    FairnessGap,
    Judgement,
    LearningCurve,
    LearningPoint,
    Proof,
    Robustness,
    Uncertainty,
    WeakSlice,
)
from modelwright.core.nouns import Decision, Finding, LeaderboardRow, Severity, Verdict
from modelwright.core.report import Comparison
from modelwright.core.run import RunRecord, SplitSummary

LEAK = Finding(
    code="leak.post_event",
    severity=Severity.HIGH,
    blocking=True,
    subject="column:duration",
    message="'duration' is only known after the call.",
    advice="drop 'duration'",
)
MISSING = Finding(
    code="data.missing",
    severity=Severity.MEDIUM,
    subject="column:age",
    message="'age' is missing in 23 % of rows.",
    advice="find out why",
    observed=0.2341,
)


def record(judgement: Judgement | None = None, **changes: Any) -> RunRecord:
    made = example(**changes).record
    assert made is not None
    assert made.report is not None
    report = msgspec.structs.replace(made.report, baselines={"dummy": {"roc_auc": estimate(0.5, 0.0)}})
    split = SplitSummary(kind="stratified", reason="r", rows={"train": 7000, "val": 1000, "test": 2000})
    return msgspec.structs.replace(made, judgement=judgement, report=report, profile={"rows": 10_000}, split=split)


def proof(kind: str, subject: str, value: float, whole: float = 0.99) -> Proof:
    return Proof(
        kind=kind,
        subject=subject,
        score=estimate(value),
        unchanged=estimate(whole),
        difference=estimate(value - whole),
    )


def answers(verdict: Verdict) -> dict[str, tuple[str, str]]:
    return {item.question: (item.answer, item.evidence) for item in verdict.checklist}


def test_no_goal_is_no_yes() -> None:
    answer, evidence = answers(fold([], "model", record=record()))["Is the goal met?"]
    assert answer == "could not judge"
    assert "no goal was set" in evidence
    assert answers(fold([], "model", record=record(goal=0.8)))["Is the goal met?"][0] == "yes"
    assert answers(fold([], "model", record=record(goal=0.84)))["Is the goal met?"][0] == "partly"
    assert answers(fold([], "model", record=record(goal=0.9)))["Is the goal met?"][0] == "no"


def test_absent_measurements_are_never_a_yes() -> None:
    found = answers(fold([], "model", record=record()))
    for question in (
        "Are segments served alike?",
        "Was it validated out of time?",
        "Does it stand noise, gaps and strange values?",
        "Are groups of people treated alike?",
        "Are its probabilities and intervals honest?",
        "Is it better than the model in use?",
        "Is the complexity justified by the amount of data?",
    ):
        assert found[question][0] == "could not judge", question
    broken = record(Judgement(missing={"robustness": "ValueError: no numbers"}))
    told = answers(fold([], "model", record=broken))["Does it stand noise, gaps and strange values?"]
    assert told == ("could not judge", "it could not be measured (ValueError: no numbers)")


def test_measured_answers() -> None:
    judgement = Judgement(
        weak_slices=(
            WeakSlice(condition="age <= 25", columns=("age",), n=120, share=0.06, metric="accuracy",
                      estimate=estimate(0.6), whole=0.8, difference=-0.2, confirmed=True),
        ),
        robustness=(
            Robustness(kind="missing", subject="tenure", level="all rows", score=estimate(0.60), fall=0.25),
            Robustness(kind="noise", subject="all", level="10 %", score=estimate(0.84), fall=0.01),
        ),
        uncertainty=Uncertainty(kind="set", asked=0.9, coverage=estimate(0.8), size=1.2, quantile=0.7),
        proofs=(proof("out_of_time", "split", 0.70, 0.85),),
        learning_curve=LearningCurve(
            metric="roc_auc", points=(LearningPoint(n=7000, train=0.9, judged=estimate(0.85)),),
            last_gain=estimate(0.001, 0.002),
        ),
    )  # fmt: skip
    found = answers(fold([], "model", record=record(judgement, train=0.88)))
    assert found["Are segments served alike?"][0] == "partly"
    assert "age <= 25" in found["Are segments served alike?"][1]
    assert found["Does it stand noise, gaps and strange values?"][0] == "partly"
    assert found["Are its probabilities and intervals honest?"][0] == "partly"
    assert found["Was it validated out of time?"][0] == "partly"
    assert found["Is the complexity justified by the amount of data?"][0] == "yes"


def test_recommendations_carry_measured_impact_and_are_deterministic() -> None:
    judgement = Judgement(proofs=(proof("without_column", "column:duration", 0.61),))
    others = [msgspec.structs.replace(MISSING, subject=f"column:{name}") for name in "bc"]
    verdicts = [
        fold(order, "model", record=record(judgement)) for order in itertools.permutations([LEAK, MISSING, *others])
    ]
    assert all(each == verdicts[0] for each in verdicts)
    first, second, *rest = verdicts[0].recommendations
    assert (first.priority, first.effort) == ("P1", "S")
    assert "0.61" in first.impact
    assert "instead of 0.99" in first.impact
    assert (second.priority, second.codes) == ("P2", ("data.missing",))
    assert second.subjects == ("column:age", "column:b", "column:c")
    assert "2,341 rows" in second.impact
    assert [each.priority for each in rest] == ["P3"]  # no goal was set
    assert verdicts[0].red_flags == (LEAK.message,)


def test_more_rows_are_recommended_only_where_the_curve_rises() -> None:
    points = (LearningPoint(n=7000, train=0.9, judged=estimate(0.85)),)
    for gain, wanted in ((estimate(0.03, 0.01), True), (estimate(0.003, 0.01), False)):
        curve = LearningCurve(metric="roc_auc", points=points, last_gain=gain)
        codes = [
            each.codes for each in fold([], "model", record=record(Judgement(learning_curve=curve))).recommendations
        ]
        assert (("model.learning_curve",) in codes) is wanted


@pytest.mark.parametrize(("score", "asked"), [(0.50, True), (0.61, False)])
def test_a_leak_without_honest_signal_is_escalated(score: float, asked: bool) -> None:
    judgement = Judgement(proofs=(proof("without_column", "column:duration", score),))
    found = fold([LEAK], "model", record=record(judgement)).escalation
    assert bool(found) is asked
    if asked:
        assert "duration" in found[0].question
        assert len(found[0].options) >= 2


def test_a_goal_out_of_reach_is_escalated_only_when_nothing_promises_to_reach_it() -> None:
    flat = LearningCurve(metric="roc_auc", points=(), last_gain=estimate(0.001, 0.004))
    steep = LearningCurve(metric="roc_auc", points=(), last_gain=estimate(0.04, 0.01))
    questions = [
        [each.codes for each in fold([], "model", record=record(Judgement(learning_curve=curve), goal=0.95)).escalation]
        for curve in (flat, steep)
    ]
    assert questions == [[("model.goal",)], []]
    assert fold([], "model", record=record(goal=0.86)).escalation == ()  # within the interval
    board = tuple(
        LeaderboardRow(name=name, family=name, params={}, status="done", score=0.85, low=0.83, high=0.87)
        for name in ("logistic", "lightgbm", "random_forest")
    )
    assert fold([], "model", record=record(goal=0.95, leaderboard=board)).escalation
    assert not fold([], "model", record=record(goal=0.95, leaderboard=board[:2])).escalation


def test_few_cases_and_harm_are_escalated() -> None:
    few = fold([], "model", record=record(classes={"no": 9980, "yes": 20})).escalation
    assert "20 cases" in few[0].why
    gap = FairnessGap(measure="selection_rate", best="a", worst="b", difference=estimate(0.2), ratio=0.5)
    harmed = record(Judgement(fairness=(Fairness(column="sex", groups=(), gaps=(gap,)),)))
    verdict = fold([], "model", record=harmed)
    assert "50%" in verdict.escalation[0].why
    assert answers(verdict)["Are groups of people treated alike?"][0] == "no"
    noise = FairnessGap(measure="selection_rate", best="a", worst="b", difference=estimate(0.2, 0.3), ratio=0.5)
    unsure = record(Judgement(fairness=(Fairness(column="sex", groups=(), gaps=(noise,)),)))
    assert fold([], "model", record=unsure).escalation == ()


def test_harm_by_a_column_that_nobody_named_is_escalated_only_beyond_doubt() -> None:
    def asked(ratio_high: float, half: float) -> bool:
        gap = FairnessGap(
            measure="selection_rate",
            best="a",
            worst="b",
            difference=estimate(0.2, half),
            ratio=0.5,
            ratio_high=ratio_high,
        )
        one = Fairness(column="sex", groups=(), gaps=(gap,), asked=False)
        return bool(fold([], "model", record=record(Judgement(fairness=(one,)))).escalation)

    assert asked(0.6, 0.05)
    assert not asked(0.9, 0.05)
    assert not asked(0.6, 0.15)


def test_labels_that_are_wrong_put_an_accuracy_out_of_reach() -> None:
    noise = Finding(
        code="data.label_noise", severity=Severity.MEDIUM, subject="column:y", message="m", evidence={"low": 0.1}
    )
    told = record(metric="accuracy", goal=0.95, test=estimate(0.85, 0.2))
    assert "0.9" in fold([noise], "model", record=told).escalation[0].why
    assert not fold([noise], "model", record=record(goal=0.95, test=estimate(0.85, 0.2))).escalation  # ROC AUC


@pytest.mark.parametrize("against", ["dummy", "always_the_commonest", "always_the_average"])
def test_a_model_that_adds_nothing_to_a_constant_blocks(against: str) -> None:
    def decided(value: float, half: float) -> Decision:
        found = baseline.PLUGIN.run(example(difference=estimate(value, half), against=against))
        return fold(found, "model").decision

    assert decided(0.0, 0.0) is Decision.NEEDS_REWORK
    assert decided(-0.01, 0.05) is Decision.NEEDS_REWORK
    assert decided(0.01, 0.05) is Decision.CONDITIONAL
    assert not list(baseline.PLUGIN.run(example(difference=estimate(0.05), against=against)))


def test_without_a_goal_a_model_within_the_noise_asks_what_it_is_for() -> None:
    tied = record(difference=estimate(0.005), against="logistic")
    assert tied.report is not None
    assert fold([], "model", record=tied).escalation[0].codes == ("model.goal", "model.baseline")
    clear = record(difference=estimate(0.2), against="logistic")
    assert fold([], "model", record=clear).escalation == ()


def test_an_empty_record_gives_could_not_judge_and_no_error() -> None:
    bare = RunRecord(run_id="r", name="n", status="failed", started_at="2026-01-01T00:00:00Z")
    verdict = fold([LEAK], "model", record=bare)
    assert {item.answer for item in verdict.checklist} <= {"could not judge", "no"}
    assert verdict.escalation == ()


def test_conditions_clear_when_their_check_passes_and_not_when_it_is_silent() -> None:
    before = fold([LEAK, MISSING], "model", record=record())
    after = fold([MISSING], "model", record=record())
    told = since(before, after, run_id="a", version=1)
    assert [each.subject for each in told.cleared] == ["column:duration"]
    assert [each.subject for each in told.still_open] == ["column:age"]
    wild = msgspec.structs.replace(MISSING, code="data.outliers")
    mute = msgspec.structs.replace(wild, undecided=True, severity=Severity.INFO)
    before = fold([LEAK, wild], "model", record=record())
    told = since(before, fold([mute], "model", record=record()), run_id="a")
    assert [each.code for each in told.not_judged] == ["data.outliers"]
    broken = msgspec.structs.replace(mute, code="check.failed", subject="check:data.post_event")
    assert since(before, fold([broken], "model", record=record()), run_id="a").cleared == ()


def test_a_shuffled_target_that_can_be_predicted_is_a_red_flag() -> None:
    judged = Judgement(proofs=(proof("shuffled_target", "target", 0.70, 0.85),))
    assert any("shuffled" in flag for flag in fold([], "model", record=record(judged)).red_flags)
    clean = Judgement(proofs=(proof("shuffled_target", "target", 0.505, 0.85),))
    assert fold([], "model", record=record(clean)).red_flags == ()


def test_the_champion_decides_its_question() -> None:
    found = Comparison(against="champion", metric="roc_auc", difference=estimate(-0.05), n=2000)
    verdict = fold([], "model", record=record(Judgement(champion=found, champion_version=3)))
    assert answers(verdict)["Is it better than the model in use?"][0] == "no"


def test_a_rule_of_many_that_could_not_judge_leaves_a_hole_and_no_yes() -> None:
    mute = Finding(
        code="leak.pipeline", severity=Severity.INFO, subject="p", message="Could not judge: x.", undecided=True
    )
    answer, evidence = answers(fold([mute], "model", record=record()))["Is the data free of leakage?"]
    assert answer == "partly"
    assert "not judged: x." in evidence
    goal = msgspec.structs.replace(mute, code="model.goal")
    assert answers(fold([goal], "model", record=record(goal=0.8)))["Is the goal met?"][0] == "could not judge"


def test_impact_counts_the_rows_concerned_and_never_all_rows() -> None:
    gaps = msgspec.structs.replace(MISSING, observed=0.2, evidence={"missing": 2009, "rows": 10_000})
    assert fold([gaps], "model", record=record()).recommendations[0].impact == "2,009 rows"
    scope = msgspec.structs.replace(MISSING, observed=0.2, evidence={"rows": 10_000})
    assert fold([scope], "model", record=record()).recommendations[0].impact == "2,000 rows"
    told = msgspec.structs.replace(LEAK, evidence={"score_without": "AUC 0.891"})
    assert fold([told], "model", record=record()).recommendations[0].impact == "expect AUC 0.891 without it"


def test_within_a_priority_the_gravest_comes_first() -> None:
    grave = msgspec.structs.replace(MISSING, code="model.fairness", severity=Severity.HIGH)
    quick = msgspec.structs.replace(MISSING, code="data.personal")
    found = fold([quick, grave], "model", record=record(goal=0.8)).recommendations
    assert [each.codes[0] for each in found] == ["model.fairness", "data.personal"]
