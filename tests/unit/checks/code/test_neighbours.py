"""Leaks that go through modules beside the file: followed by the import's words, bounded, told once."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.checks.code.finding_models import FileReview, Reported
from modelwright.checks.code.reviewing import Reviewer

UTILS = """from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from sklearn.metrics import f1_score
{more}

def prepare_data(df):
    return StandardScaler().fit_transform(df.drop(columns=["t"])), df["t"]

def clean(df):
    return df.dropna()

def split(X, y):
    return train_test_split(X, y, random_state=0)

def pick(y, p):
    best, cut = 0, 0.5
    for t in [0.1, 0.2, 0.3]:
        f = f1_score(y, p > t)
        if f > best:
            best, cut = f, t
    return cut

if __name__ == "__main__":
    import pandas as pd
    print(prepare_data(pd.read_csv("other.csv")))
"""
MAIN = """import pandas as pd
from sklearn.linear_model import LogisticRegression
{imports}

df = pd.read_csv("a.csv")
{prepared}
X_train, X_test, y_train, y_test = {split}(X, y)
model = LogisticRegression().fit(X_train, y_train)
{judged}
"""
SCORED = "print(model.score(X_test, y_test))"
LEAKY = MAIN.format(
    imports="from utils import prepare_data, split", prepared="X, y = prepare_data(df)", split="split", judged=SCORED
)
CLEAN = MAIN.format(
    imports="from utils import clean, split",
    prepared="df = clean(df)\nX, y = df[['a']], df['t']",
    split="split",
    judged=SCORED,
)
WHOLE = """
from sklearn.linear_model import LogisticRegression
def everything(df):
    X, y = prepare_data(df)
    a, b, c, d = split(X, y)
    return LogisticRegression().fit(a, c).score(b, d)
"""


def review(folder: Path, files: dict[str, str], name: str = "main.py") -> list[Reported]:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    found = Reviewer(root=folder).file(folder / name, name)
    assert isinstance(found, FileReview)
    return [each for each in found.findings if each.severity.value not in {"low", "info"}]


def test_helper_that_fits_on_all_rows_is_told_at_the_call_with_both_places(tmp_path: Path) -> None:
    (found,) = review(tmp_path, {"utils.py": UTILS.format(more=""), "main.py": LEAKY})
    assert (found.code, found.finding.place.path, found.finding.place.line) == ("LK101", "main.py", 6)
    places = [(step.place.path, step.place.line) for step in found.finding.steps]
    assert places == [("utils.py", 7), ("utils.py", 13), ("main.py", 8), ("main.py", 9)]
    assert found.finding.fix is None
    assert "utils.py:7" in found.finding.message


def test_helper_that_learns_nothing_is_left_in_peace(tmp_path: Path) -> None:
    assert review(tmp_path, {"utils.py": UTILS.format(more=""), "main.py": CLEAN}) == []


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("import utils", "utils.prepare_data"),
        ("import utils as u", "u.prepare_data"),
        ("from utils import *", "prepare_data"),
        ("from lib import prep", "prep.prepare_data"),
        ("import lib.prep", "lib.prep.prepare_data"),
        ("from lib import ready as prepare_data", "prepare_data"),
    ],
)
def test_every_way_of_importing_is_followed(tmp_path: Path, imports: str, call: str) -> None:
    main = MAIN.format(
        imports=f"from sklearn.model_selection import train_test_split\n{imports}",
        prepared=f"X, y = {call}(df)",
        split="train_test_split",
        judged=SCORED,
    )
    helper = UTILS.format(more="")
    package = "from .prep import prepare_data as ready\n"
    files = {"utils.py": helper, "lib/prep.py": helper, "lib/__init__.py": package, "main.py": main}
    assert [found.code for found in review(tmp_path, files)] == ["LK101"]


def test_threshold_picked_next_door_is_told_where_the_prediction_is_handed_over(tmp_path: Path) -> None:
    judged = "p = model.predict_proba(X_test)[:, 1]\ncut = pick(y_test, p)\nprint((p > cut).mean())"
    main = MAIN.format(
        imports="from utils import clean, split, pick",
        prepared="X, y = clean(df)[['a']], df['t']",
        split="split",
        judged=judged,
    )
    (found,) = review(tmp_path, {"utils.py": UTILS.format(more=""), "main.py": main})
    assert (found.code, found.finding.place.line) == ("EV202", 10)


def test_what_happens_next_door_alone_is_told_there_only(tmp_path: Path) -> None:
    main = "import pandas as pd\nfrom utils import everything\nprint(everything(pd.read_csv('a.csv')))\n"
    files = {"utils.py": UTILS.format(more="") + WHOLE, "main.py": main}
    assert review(tmp_path, files) == []
    assert [found.code for found in review(tmp_path, files, "utils.py")] == ["LK101"]


def test_circles_and_missing_modules_end_well(tmp_path: Path) -> None:
    circle = "import main\nfrom nowhere import thing\nfrom . import absent\n"
    found = review(tmp_path, {"utils.py": UTILS.format(more=circle), "main.py": LEAKY})
    assert [each.code for each in found] == ["LK101"]


def test_order_and_company_change_nothing(tmp_path: Path) -> None:
    files = {"utils.py": UTILS.format(more="import main"), "main.py": LEAKY, "other.py": CLEAN}
    alone = [each.finding for each in review(tmp_path, files)]
    reviewer = Reviewer(root=tmp_path)
    for name in ("utils.py", "other.py", "main.py"):
        last = reviewer.file(tmp_path / name, name)
    assert isinstance(last, FileReview)
    kept = [each.finding for each in last.findings if each.severity.value not in {"low", "info"}]
    assert kept == alone
