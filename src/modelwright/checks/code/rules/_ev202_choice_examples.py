"""Proofs of `ev202_choice`: programs that must fire, and programs that must stay silent."""

# fmt: off
# ruff: noqa: E501  one program a line reads better than folded ones
from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample
from modelwright.checks.code.rules._snippets import SPLIT, TABLE, fires, silent

_ONE = "m = KNeighborsClassifier(n_neighbors=k)\n    m.fit(X_train, y_train)\n"
_LOOP = TABLE + SPLIT + "scores = []\nfor k in range(1, 30):\n    " + _ONE
_HALF = TABLE + SPLIT + "m = LogisticRegression().fit(X_train, y_train)\np = m.predict_proba(X_test)[:, 1]\n"

EXAMPLES: tuple[CodeExample, ...] = (
    fires("best k by test score", _LOOP + "    scores.append(m.score(X_test, y_test))\nbest = 1 + np.argmax(scores)\n", "EV202", "EV204"),
    fires("error curve over k",
          "import matplotlib.pyplot as plt\n" + _LOOP + "    scores.append(np.mean(m.predict(X_test) != y_test))\nplt.plot(range(1, 30), scores)\n", "EV202", "EV204"),
    fires("kept if better", TABLE + SPLIT + "best, best_c = 0, None\nfor k in [1, 10, 100]:\n    m = SVC(C=k).fit(X_train, y_train)\n"
          "    s = accuracy_score(y_test, m.predict(X_test))\n    if s > best:\n        best, best_c = s, k\nprint(best_c, best)\n", "EV202", "EV204"),
    fires("depth into a dict", TABLE + SPLIT + "out = {}\nfor d in (2, 4, 8):\n    m = RandomForestClassifier(max_depth=d)\n"
          "    m.fit(X_train, y_train)\n    out[d] = f1_score(y_test, m.predict(X_test))\nprint(max(out, key=out.get))\n", "EV202", "EV204"),
    fires("threshold by a loop", _HALF + "best, cut = 0, 0.5\nfor t in np.arange(0.1, 0.9, 0.05):\n    f = f1_score(y_test, (p > t).astype(int))\n"
          "    if f > best:\n        best, cut = f, t\nprint(best, cut)\n", "EV202"),
    silent("best k by folds", TABLE + SPLIT + "scores = []\nfor k in range(1, 30):\n    m = KNeighborsClassifier(n_neighbors=k)\n"
           "    scores.append(cross_val_score(m, X_train, y_train).mean())\nm = KNeighborsClassifier(int(np.argmax(scores)) + 1).fit(X_train, y_train)\n"
           "print(m.score(X_test, y_test))\n"),
    silent("validation part", TABLE + SPLIT + "X_fit, X_val, y_fit, y_val = train_test_split(X_train, y_train, random_state=1)\nscores = []\n"
           "for k in range(1, 30):\n    m = KNeighborsClassifier(k).fit(X_fit, y_fit)\n    scores.append(m.score(X_val, y_val))\nprint(max(scores))\n"),
    silent("one model, scored once", TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"),
    silent("repeated hold-out", TABLE + "scores = []\nfor seed in range(10):\n    a, b, c, d = train_test_split(X, y, random_state=seed)\n"
           "    m = SVC().fit(a, c)\n    scores.append(m.score(b, d))\nprint(np.mean(scores))\n"),
    silent("folds", TABLE + "scores = []\nfor tr, te in KFold(5).split(X):\n    m = SVC().fit(X.iloc[tr], y.iloc[tr])\n"
           "    scores.append(m.score(X.iloc[te], y.iloc[te]))\nprint(np.max(scores))\n"),
    fires("two models", TABLE + SPLIT + "a = SVC().fit(X_train, y_train)\nb = LogisticRegression().fit(X_train, y_train)\n"
          "print(a.score(X_test, y_test), b.score(X_test, y_test))\n", "EV204"),
    fires("a table of models", TABLE + SPLIT + "for name, model in [('svc', SVC()), ('knn', KNeighborsClassifier())]:\n    model.fit(X_train, y_train)\n"
          "    print(name, model.score(X_test, y_test))\n", "EV204"),
    fires("three predictions", TABLE + SPLIT + "a = SVC().fit(X_train, y_train).predict(X_test)\nb = KNeighborsClassifier().fit(X_train, y_train).predict(X_test)\n"
          "print(accuracy_score(y_test, a), accuracy_score(y_test, b))\n", "EV204"),
    fires("refitted with other settings", TABLE + SPLIT + "m = SVC(C=1).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\nm = SVC(C=9).fit(X_train, y_train)\n"
          "print(m.score(X_test, y_test))\n", "EV204"),
    fires("by a helper", TABLE + SPLIT + "def run(m):\n    m.fit(X_train, y_train)\n    return m.score(X_test, y_test)\n"
          "a = SVC()\na.fit(X_train, y_train)\nprint(a.score(X_test, y_test))\nprint(run(KNeighborsClassifier()))\n", "EV204"),
    silent("one model, two figures", TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\np = m.predict(X_test)\nprint(accuracy_score(y_test, p), f1_score(y_test, p))\n"),
    silent("models compared by folds", TABLE + "print(cross_val_score(SVC(), X, y).mean(), cross_val_score(KNeighborsClassifier(), X, y).mean())\n"),
    silent("train and test score of one model", TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\nprint(m.score(X_train, y_train), m.score(X_test, y_test))\n"),
    silent("chosen by search", TABLE + SPLIT + "g = GridSearchCV(SVC(), {'C': [1, 9]}).fit(X_train, y_train)\nprint(g.score(X_test, y_test))\n"),
    silent("folds of one model", TABLE + "for tr, te in KFold(5).split(X):\n    m = SVC().fit(X.iloc[tr], y.iloc[tr])\n    print(m.score(X.iloc[te], y.iloc[te]))\n"),
)
