"""The search in documents: trials in order, what a parameter explains, and pictures only where there is something."""

from __future__ import annotations

import msgspec
import pytest

from modelwright.documents import pictures, report, search
from tests.unit.documents import document_samples


def searched():
    """40 trials whose score is set by `depth`; `rate` is noise; one stopped, one failed."""
    trials = [
        {
            "number": at,
            "family": "decision_tree",
            "params": {"depth": at % 4 + 1, "rate": 10.0 ** (at * 7 % 10 - 5), "kind": "ab"[at * 3 % 2]},
            "score": 0.7 + 0.05 * (at % 4) + 0.001 * (at * 5 % 7),
            "seconds": 0.25,
            "state": "done",
            "note": "",
        }
        for at in range(40)
    ]
    trials[3] = {**trials[3], "state": "pruned", "score": 0.99, "note": "stopped after fold 1"}
    trials[4] = {**trials[4], "state": "failed", "score": None}
    return msgspec.structs.replace(document_samples.binary(), trials=tuple(trials))


def test_the_best_trials_come_first_and_unfinished_ones_last() -> None:
    found = search.table(searched())
    scores = [one["score"] for one in found]
    assert len(found) == search.TRIALS_SHOWN
    assert scores == sorted(scores, reverse=True)
    assert {one["state"] for one in found} == {"done"}  # a stopped trial's score is of its first folds only
    assert search.caption(searched()).startswith("40 trials: 38 finished, 1 failed, 1 pruned.")


def test_what_a_parameter_explains() -> None:
    found = dict(search.importances(searched()))
    assert found["depth"] > 0.95
    assert found["rate"] < 0.2
    assert all(0 <= value <= 1 for value in found.values())
    assert search.importances(msgspec.structs.replace(searched(), trials=())) == []


def test_several_families_are_kept_apart() -> None:
    record = searched()
    second = tuple({**one, "family": "knn", "params": {"k": 1 + one["number"]}} for one in record.trials)
    names = [name for name, _ in search.importances(msgspec.structs.replace(record, trials=record.trials + second))]
    assert "decision tree: depth" in names
    assert "knn: k" in names


@pytest.mark.parametrize("values", [[1, 2, 3], [1e-5, 1e-1, 1.0], ["a", None, "b"], [True, False, True]])
def test_slices_draw_any_kind_of_value(values: list[object]) -> None:
    drawn = pictures.search_slice("p", list(zip(values, [0.1, 0.3, 0.2], strict=True)), metric="AUC",
                                  greater_is_better=True)  # fmt: skip
    assert drawn.count("<circle") == 3
    assert "see-through" in drawn
    assert ("power of ten" in drawn) == (values[0] == 1e-5)


def test_both_reports_show_the_search() -> None:
    page, text = str(report.html(searched())), report.markdown(searched())
    for words in ("Trials of the search", "Parameters that mattered", "Trials by depth"):
        assert words in page
    assert "What each parameter explains" in text
    assert "| Trial" in text.replace("|Trial", "| Trial")
