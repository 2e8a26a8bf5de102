"""Forms that files of others showed: each that leaks beside its clean twin."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.checks.code.finding_models import FileReview
from modelwright.checks.code.reviewing import Reviewer

SPLIT = "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)\n"
SK = "from sklearn.model_selection import train_test_split\nfrom sklearn.linear_model import LinearRegression\n"
FIT = "m = LinearRegression().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"
POLARS = "import polars as pl\nfrom sklearn.linear_model import LinearRegression\ndf = pl.read_csv('a.csv')\n"
HUB = """from datasets import load_dataset
from transformers import AutoTokenizer, Trainer, TrainingArguments
raw = load_dataset("imdb")
tok = AutoTokenizer.from_pretrained("m")
enc = raw.map(lambda b: tok(b["text"]), batched=True)
args = TrainingArguments("out", eval_strategy="epoch", load_best_model_at_end=True)
trainer = Trainer(model, args, train_dataset=enc["train"], eval_dataset=enc["{side}"])
trainer.train()
print(trainer.evaluate(enc["test"]))
"""
POOL = """from catboost import CatBoostClassifier
from sklearn.metrics import roc_auc_score
m = CatBoostClassifier(iterations=900{more})
m.fit(X_train, y_train, eval_set=(X_test, y_test))
print(roc_auc_score(y_test, m.predict_proba(X_test)[:, 1]))
"""
SEEDS = """best = 0
for seed in range(50):
    a, b, c, d = train_test_split(X, y, random_state=seed)
    r = LinearRegression().fit(a, c).score(b, d)
    {then}
print(best)
"""
PICTURES = """import cv2, os
import numpy as np
X, y = [], []
for f in os.listdir("p"):
    img = cv2.imread(f)
    X.append(img); y.append(f[0] == "a")
    {more}
X, y = np.array(X), np.array(y)
"""
BIKES = "import pandas as pd\ndf = pd.read_csv('b.csv')\ndf['total'] = df['casual'] + df['member']\n"
TUNER = """import keras_tuner as kt
tuner = kt.RandomSearch(build, objective="val_accuracy", max_trials=9)
tuner.search(X_train, y_train, validation_data=({watched}))
print(tuner.get_best_models(1)[0].evaluate(X_test, y_test))
"""
CASES = [
    (
        POLARS + "df = df.with_columns(((pl.col('a') - pl.col('a').mean()) / pl.col('a').std()).alias('z'))\n" + SK + ""
        "X, y = df.select('z').to_numpy(), df['t'].to_numpy()\n" + SPLIT + FIT,
        "LK102",
    ),
    (
        POLARS + "df = df.with_columns(pl.col('a').log1p().alias('z'), pl.col('a').shift(1).over('g').alias('l'))\n"
        "tr, te = df.filter(pl.col('d') < cut), df.filter(pl.col('d') >= cut)\n"
        "m = LinearRegression().fit(tr.select(['z', 'l']).to_numpy(), tr['t'].to_numpy())\n"
        "print(m.score(te.select(['z', 'l']).to_numpy(), te['t'].to_numpy()))\n",
        "",
    ),
    (HUB.format(side="test"), "EV203"),
    (HUB.format(side="validation"), ""),
    (SK + SPLIT + POOL.format(more=""), "EV203"),
    (SK + SPLIT + POOL.format(more=", use_best_model=False"), ""),
    (SK + SEEDS.format(then="best = r if r > best else best\n    if r > best:\n        best = r"), "EV202"),
    (SK + SEEDS.format(then="best += r / 50"), ""),
    (PICTURES.format(more="X.append(np.fliplr(img)); y.append(f[0] == 'a')") + SK + SPLIT + FIT, "LK112"),
    (PICTURES.format(more="pass") + SK + SPLIT + FIT, ""),
    (BIKES + SK + "X, y = df[['temp', 'casual', 'member']], df['total']\n" + SPLIT + FIT, "LK108"),
    (BIKES + SK + "X, y = df[['temp', 'casual']], df['total']\n" + SPLIT + FIT, ""),
    (SK + SPLIT + TUNER.format(watched="X_test, y_test"), "EV203"),
    (SK + SPLIT + "X_train, X_val, y_train, y_val = train_test_split(X_train, y_train, random_state=0)\n"
     + TUNER.format(watched="X_val, y_val"), ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), CASES, ids=[f"{n}-{code or 'clean'}" for n, (_, code) in enumerate(CASES)])
def test_unseen_form(tmp_path: Path, text: str, code: str) -> None:
    file = tmp_path / "study.py"
    file.write_text(text, encoding="utf-8")
    review = Reviewer(root=tmp_path).file(file, "study.py")
    assert isinstance(review, FileReview)
    grave = {each.code for each in review.findings if each.severity.value not in {"low", "info"}}
    assert grave - {"SK501", "DP801"} == ({code} if code else set()), review.findings
