"""Proofs of `ev214_wrong_object`: programs that must fire, and programs that must stay silent."""

# fmt: off
# ruff: noqa: E501  one program a line reads better than folded ones
from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample
from modelwright.checks.code.rules._snippets import SPLIT, TABLE, fires, silent

_TWO = (TABLE + SPLIT + "a = SVC().fit(X_train, y_train)\np = a.predict(X_test)\nprint(accuracy_score(y_test, p))\n"
        "b = RandomForestClassifier().fit(X_train, y_train)\n")
_MAKE = "from sklearn.metrics import make_scorer\n"

EXAMPLES: tuple[CodeExample, ...] = (
    fires("second report shows the first", _TWO + "q = b.predict(X_test)\nprint(accuracy_score(y_test, p))\n", "EV214"),
    fires("other names", TABLE + SPLIT + "lr = LogisticRegression()\nlr.fit(X_train, y_train)\ny_pred = lr.predict(X_test)\nprint(f1_score(y_test, y_pred))\n"
          "rf = RandomForestClassifier()\nrf.fit(X_train, y_train)\ny_pred_rf = rf.predict(X_test)\nprint(f1_score(y_test, y_pred))\n", "EV214"),
    fires("regression", TABLE + SPLIT + "a = LinearRegression().fit(X_train, y_train)\np1 = a.predict(X_test)\nprint(r2_score(y_test, p1))\n"
          "b = Ridge().fit(X_train, y_train)\np2 = b.predict(X_test)\nprint('ridge', r2_score(y_test, p1))\n", "EV214"),
    fires("probabilities", TABLE + SPLIT + "a = SVC(probability=True).fit(X_train, y_train)\ns = a.predict_proba(X_test)[:, 1]\nprint(roc_auc_score(y_test, s))\n"
          "b = KNeighborsClassifier().fit(X_train, y_train)\nt = b.predict(X_test)\nprint(roc_auc_score(y_test, s))\n", "EV214"),
    fires("third model", _TWO + "q = b.predict(X_test)\nprint(accuracy_score(y_test, q))\nc = KNeighborsClassifier().fit(X_train, y_train)\nr = c.predict(X_test)\n"
          "print(accuracy_score(y_test, q))\n", "EV214"),
    silent("each its own", _TWO + "q = b.predict(X_test)\nprint(accuracy_score(y_test, q))\n"),
    silent("the same name again", _TWO + "p = b.predict(X_test)\nprint(accuracy_score(y_test, p))\n"),
    silent("both shown", _TWO + "q = b.predict(X_test)\nprint(accuracy_score(y_test, p), accuracy_score(y_test, q))\n"),
    silent("another metric of the first", _TWO + "print(f1_score(y_test, p))\n"),
    silent("prediction written out", _TWO + "q = b.predict(X_test)\npd.Series(q).to_csv('q.csv')\nprint(accuracy_score(y_test, p))\n"),
    fires("folds not passed", TABLE + "cv = StratifiedKFold(5, shuffle=True, random_state=0)\nprint(cross_val_score(SVC(), X, y))\n", "EV215"),
    fires("KFold not passed", TABLE + "kfold = KFold(n_splits=10)\nprint(cross_val_score(SVC(), X, y, cv=10).mean())\n".replace(", cv=10", ""), "EV215"),
    fires("scorer not passed", _MAKE + TABLE + "scorer = make_scorer(f1_score)\nprint(cross_val_score(SVC(), X, y))\n", "EV215"),
    fires("search without the folds", TABLE + "folds = KFold(3)\ng = GridSearchCV(SVC(), {'C': [1]})\ng.fit(X, y)\n", "EV215"),
    fires("scorer built for a search", _MAKE + TABLE + "score = make_scorer(f1_score)\ng = GridSearchCV(SVC(), {'C': [1]})\ng.fit(X, y)\n", "EV215"),
    silent("passed", TABLE + "cv = KFold(5)\nprint(cross_val_score(SVC(), X, y, cv=cv))\n"),
    silent("used in a loop", TABLE + "cv = KFold(5)\nfor a, b in cv.split(X):\n    m = SVC().fit(X.iloc[a], y.iloc[a])\n    print(m.score(X.iloc[b], y.iloc[b]))\nprint(cross_val_score(SVC(), X, y))\n"),
    silent("passed as a scorer", _MAKE + TABLE + "s = make_scorer(f1_score)\nprint(cross_val_score(SVC(), X, y, scoring=s))\n"),
    silent("nothing is folded", TABLE + "cv = KFold(5)\n"),
    silent("written in place", TABLE + "print(cross_val_score(SVC(), X, y, cv=KFold(5)))\n"),
)
