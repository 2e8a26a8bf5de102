"""Proofs of `ev208_metrics`: programs that must fire, and programs that must stay silent."""

# fmt: off
# ruff: noqa: E501  one program a line reads better than folded ones
from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample
from modelwright.checks.code.rules._snippets import SCORE, SPLIT, TABLE, TRAIN, fires, silent

_REG = "model = RandomForestRegressor(random_state=0)\nmodel.fit(X_train, y_train)\n"
_WEIGHTS = 'model = LogisticRegression(class_weight="balanced")\nmodel.fit(X_train, y_train)\n'

_HALF = TABLE + SPLIT + TRAIN
_IMB = "from imblearn.over_sampling import SMOTE\nfrom imblearn.pipeline import Pipeline as Steps\n"
_P = "p = model.predict(X_test)\n"
_METRICS = ("from sklearn.metrics import average_precision_score, log_loss, roc_curve, precision_score, recall_score, "
            "classification_report, explained_variance_score, confusion_matrix, mean_absolute_error\n")  # fmt: skip


def _half(rest: str, train: str = TRAIN) -> str:
    return _METRICS + TABLE + SPLIT + train + rest

EXAMPLES: tuple[CodeExample, ...] = (
    fires("AUC of labels", _half(_P + "print(roc_auc_score(y_test, p))\n"), "EV208"),
    fires("log loss of labels", _half("print(log_loss(y_test, model.predict(X_test)))\n"), "EV208"),
    fires("average precision of labels", _half(_P + "ap = average_precision_score(y_test, p)\n"), "EV208"),
    fires("curve of labels", _half(_P + "fpr, tpr, _ = roc_curve(y_test, p)\n"), "EV208"),
    fires("a pipeline's labels", _half(_P + "print(roc_auc_score(y_test, p))\n", "model = make_pipeline(StandardScaler(), SVC())\nmodel.fit(X_train, y_train)\n"), "EV208"),
    silent("AUC of probabilities", _half("print(roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]))\n")),
    silent("AUC of a margin", _half("print(roc_auc_score(y_test, model.decision_function(X_test)))\n", "model = SVC().fit(X_train, y_train)\n")),
    silent("AUC of a regression", _half("print(roc_auc_score(y_test, model.predict(X_test)))\n", _REG)),
    silent("accuracy of labels", _half(_P + "print(accuracy_score(y_test, p))\n")),
    silent("AUC of a booster", "import lightgbm as lgb\n" + _half("print(roc_auc_score(y_test, model.predict(X_test)))\n", "model = lgb.train({}, lgb.Dataset(X_train, y_train))\n")),
    fires("class weights", _half(SCORE, _WEIGHTS), "EV209"),
    fires("weights and score", _half("print(model.score(X_test, y_test))\n", _WEIGHTS), "EV209"),
    fires("SMOTE on train", _IMB + _half(SCORE, "Xr, yr = SMOTE().fit_resample(X_train, y_train)\nmodel = SVC().fit(Xr, yr)\n"), "EV209"),
    fires("scale_pos_weight", "from xgboost import XGBClassifier\n" + _half(SCORE, "model = XGBClassifier(scale_pos_weight=20)\nmodel.fit(X_train, y_train)\n"), "EV209"),
    fires("unequal toy classes", "from sklearn.datasets import make_classification\nX, y = make_classification(weights=[0.99, 0.01])\n" + SPLIT + TRAIN + SCORE, "EV209"),
    silent("with F1", _half(SCORE + "print(f1_score(y_test, model.predict(X_test)))\n", _WEIGHTS)),
    silent("no sign of imbalance", _half(SCORE)),
    silent("with a report", _half(SCORE + "print(classification_report(y_test, model.predict(X_test)))\n", _WEIGHTS)),
    silent("regression", _half("print(model.score(X_test, y_test))\n", _REG)),
    silent("AUC beside", _half(SCORE + "print(roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]))\n", _WEIGHTS)),
    fires("precision swapped", _half(_P + "print(precision_score(p, y_test))\n"), "EV216"),
    fires("recall swapped", _half("print(recall_score(model.predict(X_test), y_test))\n"), "EV216"),
    fires("R2 swapped", _half(_P + "print(r2_score(p, y_test))\n", _REG), "EV216"),
    fires("report swapped", _half(_P + "print(classification_report(p, y_test))\n"), "EV216"),
    fires("matrix swapped", _half(_P + "cm = confusion_matrix(p, y_test)\n"), "EV216"),
    silent("right order", _half(_P + "print(precision_score(y_test, p), recall_score(y_test, p))\n")),
    silent("symmetric", _half(_P + "print(accuracy_score(p, y_test))\n")),
    silent("by keyword", _half(_P + "print(precision_score(y_pred=p, y_true=y_test))\n")),
    silent("squared error is symmetric", _half(_P + "print(mean_squared_error(p, y_test))\n", _REG)),
    silent("two predictions", _half(_P + "q = SVC().fit(X_train, y_train).predict(X_test)\nprint(precision_score(p, q))\n")),
    fires("R2 of classes", _half(_P + "print(r2_score(y_test, p))\n"), "EV218"),
    fires("explained variance of classes", _half(_P + "print(explained_variance_score(y_test, p))\n"), "EV218"),
    fires("accuracy of numbers", _half("print(accuracy_score(y_test, model.predict(X_test)))\n", _REG), "EV218"),
    fires("confusion of numbers", _half(_P + "print(confusion_matrix(y_test, p))\n", "model = LinearRegression().fit(X_train, y_train)\n"), "EV218"),
    fires("F1 of numbers", _half("print(f1_score(y_test, model.predict(X_test)))\n", "model = Ridge().fit(X_train, y_train)\n"), "EV218"),
    silent("rounded numbers", _half("p = (model.predict(X_test) > 0.5).astype(int)\nprint(accuracy_score(y_test, p))\n", _REG)),
    silent("R2 of numbers", _half(_P + "print(r2_score(y_test, p))\n", _REG)),
    silent("accuracy of classes", _half(SCORE)),
    silent("squared error of probabilities", _half("print(mean_squared_error(y_test, model.predict_proba(X_test)[:, 1]))\n")),
    silent("absolute error of numbers", _half(_P + "print(mean_absolute_error(y_test, p))\n", _REG)),
)
