"""Frame rules: only what is known to be a frame is spoken of."""

from __future__ import annotations

import pytest

from tests.contracts.test_code_rules import apply_edits
from tests.unit.checks.code.reviewing_rules import codes, found

HEAD = "import numpy as np\nimport pandas as pd\nfrom sklearn.linear_model import Ridge\n"
STATEMENTS = ['df.drop(columns="a")', 'df[df["a"] > 1]["a"] = 0', "for i, r in [1]:\n    df = df.append(r)"]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize(
    ("made", "is_frame"),
    [
        ('df = pd.read_csv("a.csv")', True),
        ('df = pd.read_csv("a.csv").dropna(subset=["a"]).reset_index(drop=True)', True),
        ("df = pd.concat([x, y])", True),
        ("def f(df: pd.DataFrame):\n    pass\ndf = pd.DataFrame()", True),
        ("df = load()", False),
        ("df = {}", False),
        ("df = spark.read.csv('a')", False),
        ("df = Table()", False),
    ],
)
def test_a_method_name_alone_is_no_frame(statement: str, made: str, is_frame: bool) -> None:
    fired = codes("da_frames", f"{HEAD}{made}\n{statement}\n") & {"DA401", "DA405", "DA408"}
    assert bool(fired) == is_frame


def test_nan_is_mended_in_place_also_beside_letters_of_two_bytes() -> None:
    text = f'{HEAD}df = pd.read_csv("a")\nx = "größe"; y = df["größe"] == np.nan; z = "ä"\n'
    fixes = [finding.fix for finding in found("da_frames", text) if finding.fix is not None]
    assert len(fixes) == 1
    assert fixes[0].safe
    assert apply_edits(text, list(fixes[0].edits)).endswith("""; y = df['größe'].isna(); z = "ä"\n""")


@pytest.mark.parametrize(("old", "new"), [("index=df2.index", ""), ("", "")])
def test_an_index_mends_the_concat(old: str, new: str) -> None:
    text = (
        f'{HEAD}from sklearn.preprocessing import OneHotEncoder\ndf2 = pd.read_csv("a").dropna()\n'
        "c = pd.DataFrame(OneHotEncoder().fit_transform(df2).toarray(), index=df2.index)\n"
        "X = pd.concat([df2, c], axis=1)\n"
    )
    changed = text.replace(f", {old}", new) if old else text
    assert ("DA412" in codes("da_frames", changed)) == bool(old)
