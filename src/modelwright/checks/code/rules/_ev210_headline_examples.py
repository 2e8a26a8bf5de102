"""Proofs of `ev210_headline`: programs that must fire, and programs that must stay silent."""

# fmt: off
# ruff: noqa: E501  one program a line reads better than folded ones
from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample
from modelwright.checks.code.rules._snippets import SCORE, SPLIT, TABLE, TRAIN, fires, silent

_DATA = "from sklearn.datasets import load_iris, load_wine, load_diabetes, load_breast_cancer, fetch_california_housing\nfrom sklearn.dummy import DummyClassifier\n"
_CANCER = _DATA + "X, y = load_breast_cancer(return_X_y=True)\n"
_IRIS = _DATA + "X, y = load_iris(return_X_y=True)\n"
_WINE = _DATA + "wine = load_wine()\nX, y = wine.data, wine.target\n"
_ALONE = TABLE + SPLIT + TRAIN
_BASE = "base = DummyClassifier().fit(X_train, y_train)\nprint(base.score(X_test, y_test))\n"
_FOLDS = "for a, b in {cv}.split(X, y):\n    m = SVC().fit(X[a], y[a])\n    print(m.score(X[b], y[b]))\n"

EXAMPLES: tuple[CodeExample, ...] = (
    fires("one forest", _ALONE + SCORE, "EV210"),
    fires("one SVM", TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n", "EV210"),
    fires("one regression", TABLE + SPLIT + "m = Ridge().fit(X_train, y_train)\nprint(mean_squared_error(y_test, m.predict(X_test)))\n", "EV210"),
    fires("one pipeline", TABLE + SPLIT + "m = make_pipeline(StandardScaler(), SVC()).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n", "EV210"),
    fires("one search", TABLE + SPLIT + "m = GridSearchCV(SVC(), {}).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n", "EV210"),
    silent("dummy beside", _DATA + _ALONE + SCORE + _BASE + "print(cross_val_score(model, X_train, y_train).std())\n"),
    silent("two models", TABLE + SPLIT + TRAIN + SCORE + "m2 = LogisticRegression().fit(X_train, y_train)\nprint(m2.score(X_test, y_test))\nprint(cross_val_score(m2, X_train, y_train).std())\n"),
    silent("nothing judged", _ALONE),
    silent("folds only", TABLE + "print(cross_val_score(SVC(), X, y))\n"),
    silent("mean as baseline", _ALONE + SCORE + "baseline = (y_test == y_train.mode()[0]).mean()\nprint(baseline, cross_val_score(model, X_train, y_train).std())\n"),
    fires("iris, one split", _IRIS + SPLIT + TRAIN + SCORE, "EV211"),
    fires("wine, one split", _WINE + SPLIT + TRAIN + SCORE, "EV211"),
    fires("cancer, one split", _CANCER + SPLIT + TRAIN + SCORE, "EV211"),
    fires("diabetes", _DATA + "X, y = load_diabetes(return_X_y=True)\n" + SPLIT + "m = Ridge().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n", "EV211"),
    fires("bunch", _DATA + "d = load_breast_cancer()\nX_train, X_test, y_train, y_test = train_test_split(d.data, d.target, random_state=0)\n" + TRAIN + SCORE, "EV211"),
    silent("iris, folds", _IRIS + "cv = StratifiedKFold(5)\nprint(cross_val_score(SVC(), X, y, cv=cv))\n"),
    silent("split and folds, with a dummy", _CANCER + SPLIT + TRAIN + SCORE + _BASE + "print(cross_val_score(model, X_train, y_train))\n"),
    silent("repeated", _CANCER + "for s in range(20):\n    a, b, c, d = train_test_split(X, y, random_state=s)\n    m = SVC().fit(a, c)\n    print(m.score(b, d), 'baseline', c.mean())\n"),
    silent("no score", _CANCER + SPLIT + TRAIN),
    silent("cross-validated only", _WINE + "print(cross_val_score(SVC(), X, y, cv=5))\n"),
    fires("KFold over iris", _IRIS + "print(cross_val_score(SVC(), X, y, cv=KFold(5)))\n", "EV217"),
    fires("named folds over iris", _IRIS + "cv = KFold(n_splits=3)\nprint(cross_val_score(SVC(), X, y, cv=cv))\n", "EV217"),
    fires("KFold over wine", _WINE + "print(cross_val_score(RandomForestClassifier(), X, y, cv=KFold(10, shuffle=False)))\n", "EV217"),
    fires("a loop over iris", _IRIS + _FOLDS.format(cv="KFold(3)"), "EV217"),
    fires("a loop over wine", _WINE + _FOLDS.format(cv="KFold(n_splits=5)"), "EV217"),
    silent("shuffled", _IRIS + "print(cross_val_score(SVC(), X, y, cv=KFold(5, shuffle=True, random_state=0)))\n"),
    silent("stratified", _IRIS + "print(cross_val_score(SVC(), X, y, cv=StratifiedKFold(5)))\n"),
    silent("another table", TABLE + "print(cross_val_score(SVC(), X, y, cv=KFold(5)))\n"),
    silent("regression", _DATA + "X, y = load_diabetes(return_X_y=True)\nprint(cross_val_score(Ridge(), X, y, cv=KFold(5)))\n"),
    silent("default folds", _IRIS + "print(cross_val_score(SVC(), X, y, cv=5))\n"),
    fires("a bare accuracy", _ALONE + SCORE, "EV219"),
    fires("a bare score", _ALONE + "print(model.score(X_test, y_test))\n", "EV219"),
    fires("a bare error", TABLE + SPLIT + "m = Ridge().fit(X_train, y_train)\nprint(mean_squared_error(y_test, m.predict(X_test)))\n", "EV219"),
    fires("a bare AUC", _ALONE + "print(roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]))\n", "EV219"),
    fires("a bare F1", _ALONE + "print(f1_score(y_test, model.predict(X_test)))\n", "EV219"),
    silent("folds with a spread", TABLE + "s = cross_val_score(SVC(), X, y)\nprint(s.mean(), s.std())\n"),
    silent("no figure", _ALONE + "model.predict(X_test)\n"),
    silent("folds by hand", TABLE + _FOLDS.format(cv="StratifiedKFold(5)")),
    silent("a search only", TABLE + "g = GridSearchCV(SVC(), {}).fit(X, y)\nprint(g.best_score_)\n"),
    silent("clusters", "from sklearn.cluster import KMeans\n" + TABLE + "print(KMeans(3).fit_predict(X))\n"),
)
