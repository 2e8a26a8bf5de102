"""Proofs of `ev205_holdout`: programs that must fire, and programs that must stay silent."""

# fmt: off
# ruff: noqa: E501  one program a line reads better than folded ones
from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample
from modelwright.checks.code.rules._snippets import SPLIT, TABLE, fires, silent

_FIT = "m = RandomForestClassifier(random_state=0)\nm.fit(X, y)\n"

EXAMPLES: tuple[CodeExample, ...] = (
    fires("score on what was fitted", TABLE + _FIT + "print(m.score(X, y))\n", "EV205"),
    fires("accuracy on what was fitted", TABLE + _FIT + "print(accuracy_score(y, m.predict(X)))\n", "EV205"),
    fires("a pipeline on its own rows", TABLE + "p = make_pipeline(StandardScaler(), SVC())\np.fit(X, y)\nprint(p.score(X, y))\n", "EV205"),
    fires("regression on its own rows", TABLE + "m = LinearRegression().fit(X, y)\nprint(mean_squared_error(y, m.predict(X)))\n", "EV205"),
    fires("compared by hand", TABLE + "m = SVC().fit(X, y)\nprint((m.predict(X) == y).mean())\n", "EV205"),
    silent("held out", TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\nprint(m.score(X_train, y_train), m.score(X_test, y_test))\n"),
    silent("cross-validated", TABLE + _FIT + "print(m.score(X, y), cross_val_score(m, X, y).mean())\n"),
    silent("clusters", "from sklearn.cluster import KMeans\n" + TABLE + "k = KMeans(3).fit(X)\nprint(k.predict(X))\n"),
    silent("a demonstration", "from sklearn.datasets import make_moons\nX, y = make_moons()\nm = SVC().fit(X, y)\nprint(m.score(X, y))\n"),
    silent("fitted and stored", TABLE + _FIT + "print(m.feature_importances_)\n"),
    fires("folds of the test part", TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\nprint(cross_val_score(m, X_test, y_test))\n", "EV207"),
    fires("both parts folded", TABLE + SPLIT + "m = SVC()\nm.fit(X_train, y_train)\na = cross_val_score(m, X_train, y_train)\n"
          "b = cross_val_score(m, X_test, y_test, cv=5)\n", "EV207"),
    fires("cross_validate", "from sklearn.model_selection import cross_validate\n" + TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\n"
          "print(cross_validate(m, X_test, y_test))\n", "EV207"),
    fires("search on the test part", TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\ng = GridSearchCV(SVC(), {'C': [1, 2]})\ng.fit(X_test, y_test)\n", "EV207"),
    fires("in a loop of models", TABLE + SPLIT + "for m in [SVC(), KNeighborsClassifier()]:\n    m.fit(X_train, y_train)\n"
          "    print(cross_val_score(m, X_test, y_test).mean())\n", "EV207"),
    silent("folds of the training part", TABLE + SPLIT + "print(cross_val_score(SVC(), X_train, y_train))\n"),
    silent("folds of all rows", TABLE + "print(cross_val_score(SVC(), X, y))\n"),
    silent("search on the training part", TABLE + SPLIT + "g = GridSearchCV(SVC(), {}).fit(X_train, y_train)\nprint(g.score(X_test, y_test))\n"),
    silent("scored once", TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"),
    silent("folds by hand", TABLE + "for a, b in KFold(3).split(X):\n    m = SVC().fit(X.iloc[a], y.iloc[a])\n    print(m.score(X.iloc[b], y.iloc[b]))\n"),
)
