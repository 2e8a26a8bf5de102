"""Forms that a fifth and a sixth batch of unseen files showed, each beside its clean twin; and what is not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.checks.code.finding_models import FileReview
from modelwright.checks.code.reviewing import Reviewer

SPLIT = """import pandas as pd
from sklearn.linear_model import LogisticRegression, LinearRegression
from sklearn.model_selection import train_test_split, cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import f1_score, mean_absolute_error
df = pd.read_csv("d.csv")
X, y = df.drop(columns="t"), df["t"]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
"""
VALID = "X_train, X_val, y_train, y_val = train_test_split(X_train, y_train, random_state=1)\n"
SERIES = """import pandas as pd
from statsmodels.tsa.arima.model import ARIMA
from sklearn.metrics import mean_absolute_error
y = pd.read_csv("s.csv")["v"]
train, test = y[:-12], y[-12:]
best, order = 9e9, None
for p in range(4):
    res = ARIMA(train, order=(p, 1, 1)).fit()
    err = {figure}
    if err < best:
        best, order = err, p
print(mean_absolute_error(test, ARIMA(train, order=(order, 1, 1)).fit().forecast(12)))
"""
OBJECTIVE = """import optuna
class Objective:
    def __init__(self, a, b, c, d):
        self.a, self.b, self.c, self.d = a, b, c, d
    def __call__(self, trial):
        m = LogisticRegression(C=trial.suggest_float("C", 0.1, 9)).fit(self.a, self.c)
        return m.score(self.b, self.d)
study = optuna.create_study()
study.optimize(Objective({given}))
print(LogisticRegression(**study.best_params).fit(X_train, y_train).score(X_test, y_test))
"""
LITERAL = "sc = StandardScaler()\nm = LogisticRegression().fit(sc.fit_transform(X_train), y_train)\n"
NET = """from keras.models import Sequential
from keras.layers import Dense
losses = []
for units in (8, 16, 32):
    net = Sequential()
    net.add(Dense(units))
    net.compile(loss="mse")
    net.fit(X_train, y_train)
    losses.append(net.evaluate(X_{part}, y_{part}))
print(losses.index(min(losses)))
last = LogisticRegression().fit(X_train, y_train)
print(last.score(X_test, y_test))
"""
LIGHTNING = """import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping
from torch.utils.data import DataLoader, random_split
from torchvision.datasets import MNIST
from net import LitNet
train, val = random_split(MNIST("d", train=True), [50000, 10000])
test = MNIST("d", train=False)
net = LitNet()
trainer = pl.Trainer(callbacks=[EarlyStopping("val_loss")])
trainer.fit(net, DataLoader(train), DataLoader({part}))
trainer.test(net, DataLoader(test))
"""
STOPPER = """import copy, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
class Stopper:
    def __init__(self):
        self.best, self.state = 9e9, None
    def step(self, value, model):
        if value < self.best:
            self.best, self.state = value, copy.deepcopy(model.state_dict())
train_set, val_set, test_set = random_split(TensorDataset(torch.randn(9, 2), torch.randn(9, 1)), [5, 2, 2])
train, val, test = DataLoader(train_set), DataLoader(val_set), DataLoader(test_set)
model, loss_fn, stopper = nn.Linear(2, 1), nn.MSELoss(), Stopper()
opt = torch.optim.SGD(model.parameters(), 0.1)
def mean_loss(part):
    model.eval()
    with torch.no_grad():
        return sum([loss_fn(model(x), y).item() for x, y in part])
for epoch in range(9):
    model.train()
    for x, y in train:
        opt.zero_grad()
        loss_fn(model(x), y).backward()
        opt.step()
    now = mean_loss({part})
    if now < stopper.best:
        stopper.step(now, model)
print(mean_loss(test))
"""
RATIO = "df['r'] = df['t'] / df['a']\nprint(cross_val_score(LinearRegression(), df[['a', {name!r}]], df['t']).mean())\n"
CASES = [
    (SERIES.format(figure="mean_absolute_error(test, res.forecast(12))"), "EV202"),
    (SERIES.format(figure="res.aic"), ""),
    (SPLIT + OBJECTIVE.format(given="X_train, X_test, y_train, y_test"), "EV202"),
    (SPLIT + VALID + OBJECTIVE.format(given="X_train, X_val, y_train, y_val"), ""),
    (SPLIT + LITERAL + "print(m.predict([[30, 87000]]))\n", "EV212"),
    (SPLIT + LITERAL + "print(m.predict(sc.transform([[30, 87000]])), m.predict([[0.3, -1.2]]))\n", ""),
    (SPLIT + NET.format(part="test"), "EV202"),
    (SPLIT + VALID + NET.format(part="val"), ""),
    (LIGHTNING.format(part="test"), "EV203"),
    (LIGHTNING.format(part="val"), ""),
    (STOPPER.format(part="test"), "EV203"),
    (STOPPER.format(part="val"), ""),
    (SPLIT + RATIO.format(name="r"), "LK108"),
    (SPLIT + RATIO.format(name="b"), ""),
]


def review(text: str, tmp_path: Path) -> FileReview:
    file = tmp_path / "study.py"
    file.write_text(text, encoding="utf-8")
    found = Reviewer(root=tmp_path).file(file, "study.py")
    assert isinstance(found, FileReview)
    return found


@pytest.mark.parametrize(("text", "code"), CASES, ids=[f"{n}-{code or 'clean'}" for n, (_, code) in enumerate(CASES)])
def test_form(tmp_path: Path, text: str, code: str) -> None:
    found = review(text, tmp_path).findings
    grave = {each.code for each in found if each.severity.value not in {"low", "info"}}
    assert grave == ({code} if code else set()), found


FOREIGN = {
    "spark": "from pyspark.ml.classification import LogisticRegression\n"
    "train, test = spark.table('t').randomSplit([0.8, 0.2])\nmodel = LogisticRegression().fit(train)\n",
    "h2o": "import h2o\nfrom h2o.estimators import H2OGradientBoostingEstimator\n"
    "m = H2OGradientBoostingEstimator()\nm.train(x=['a'], y='t', training_frame=h2o.import_file('a.csv'))\n",
    "fastai": "from fastai.vision.all import *\nlearn = vision_learner(dls, resnet34)\nlearn.fine_tune(4)\n",
    "jax": "import jax\ndef loss(w, x):\n    return (w * x).sum()\n"
    "step = jax.jit(jax.grad(loss))\nw = w - step(w, x)\n",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_rows_of_other_libraries_are_said_to_be_unjudged(tmp_path: Path, name: str) -> None:
    found = review(FOREIGN[name], tmp_path)
    assert [each.code for each in found.undecided] == ["NJ003"]
    assert found.could_not_judge


def test_library_that_is_only_named_is_no_reason(tmp_path: Path) -> None:
    assert review("import jax\nprint(jax.devices())\n", tmp_path).undecided == ()
    judged = SPLIT + "import prophet\nm = LogisticRegression().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"
    assert review(judged, tmp_path).undecided == ()
