"""Proofs of `ev203_watching`: programs that must fire, and programs that must stay silent."""

# fmt: off
# ruff: noqa: E501  one program a line reads better than folded ones
from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample
from modelwright.checks.code.rules._snippets import SPLIT, TABLE, fires, silent

_NET = """\
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense
from tensorflow.keras.callbacks import EarlyStopping, ModelCheckpoint
"""
_BUILD = 'net = Sequential([Dense(8, activation="relu"), Dense(1)])\nnet.compile(loss="mse", optimizer="adam")\n'
_LGB = "import lightgbm as lgb\nimport xgboost as xgb\n"
_VAL = "X_fit, X_val, y_fit, y_val = train_test_split(X_train, y_train, random_state=1)\n"

EXAMPLES: tuple[CodeExample, ...] = (
    fires("keras stops on test", _NET + TABLE + SPLIT + _BUILD + "net.fit(X_train, y_train, validation_data=(X_test, y_test), "
          "epochs=99, callbacks=[EarlyStopping(patience=3)])\nprint(net.evaluate(X_test, y_test))\n", "EV203"),
    fires("checkpoint by test", _NET + TABLE + SPLIT + _BUILD + 'keep = ModelCheckpoint("best.h5", save_best_only=True)\n'
          "net.fit(X_train, y_train, epochs=9, validation_data=(X_test, y_test), callbacks=[keep])\n"
          "p = net.predict(X_test)\nprint(mean_squared_error(y_test, p))\n", "EV203"),
    fires("lightgbm", _LGB + TABLE + SPLIT + "m = lgb.LGBMClassifier()\nm.fit(X_train, y_train, eval_set=[(X_test, y_test)], "
          "callbacks=[lgb.early_stopping(50)])\nprint(roc_auc_score(y_test, m.predict_proba(X_test)[:, 1]))\n", "EV203"),
    fires("xgboost", _LGB + TABLE + SPLIT + "m = xgb.XGBClassifier(early_stopping_rounds=20)\n"
          "m.fit(X_train, y_train, eval_set=[(X_test, y_test)])\nprint(m.score(X_test, y_test))\n", "EV203"),
    fires("native boosting", _LGB + TABLE + SPLIT + "dtrain = xgb.DMatrix(X_train, label=y_train)\ndtest = xgb.DMatrix(X_test, label=y_test)\n"
          'b = xgb.train({}, dtrain, 999, evals=[(dtrain, "train"), (dtest, "test")], early_stopping_rounds=9)\n'
          "print(mean_squared_error(y_test, b.predict(dtest)))\n", "EV203"),
    silent("a third part", _NET + TABLE + SPLIT + _VAL + _BUILD + "net.fit(X_fit, y_fit, validation_data=(X_val, y_val), "
           "callbacks=[EarlyStopping(patience=3)])\nprint(net.evaluate(X_test, y_test))\n"),
    silent("validation_split", _NET + TABLE + SPLIT + _BUILD + "net.fit(X_train, y_train, validation_split=0.2, "
           "callbacks=[EarlyStopping(patience=3)])\nprint(net.evaluate(X_test, y_test))\n"),
    silent("watched without stopping", _NET + TABLE + SPLIT + _BUILD + "net.fit(X_train, y_train, validation_data=(X_test, y_test), epochs=9)\n"
           "print(net.evaluate(X_test, y_test))\n"),
    silent("lightgbm with a third part", _LGB + TABLE + SPLIT + _VAL + "m = lgb.LGBMClassifier()\nm.fit(X_fit, y_fit, eval_set=[(X_val, y_val)], "
           "callbacks=[lgb.early_stopping(50)])\nprint(m.score(X_test, y_test))\n"),
    silent("no early stopping", _LGB + TABLE + SPLIT + "m = xgb.XGBClassifier()\nm.fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"),
    fires("boosting watches training", _LGB + TABLE + SPLIT + "m = xgb.XGBClassifier(early_stopping_rounds=20)\n"
          "m.fit(X_train, y_train, eval_set=[(X_train, y_train)])\nprint(m.score(X_test, y_test))\n", "EV206"),
    fires("lightgbm watches training", _LGB + TABLE + SPLIT + "m = lgb.LGBMRegressor()\nm.fit(X_train, y_train, eval_set=[(X_train, y_train)], "
          "callbacks=[lgb.early_stopping(50)])\n", "EV206"),
    fires("native watches training", _LGB + TABLE + SPLIT + "d = xgb.DMatrix(X_train, label=y_train)\n"
          'b = xgb.train({}, d, 999, evals=[(d, "train")], early_stopping_rounds=9)\n', "EV206"),
    fires("keras watches training", _NET + TABLE + SPLIT + _BUILD + "net.fit(X_train, y_train, validation_data=(X_train, y_train), "
          "callbacks=[EarlyStopping()])\n", "EV206"),
    fires("rounds in fit", _LGB + TABLE + SPLIT + "m = lgb.LGBMClassifier()\nm.fit(X_train, y_train, eval_set=(X_train, y_train), early_stopping_rounds=5)\n", "EV206"),
    silent("both are watched", _LGB + TABLE + SPLIT + _VAL + "m = xgb.XGBClassifier(early_stopping_rounds=20)\n"
           "m.fit(X_fit, y_fit, eval_set=[(X_fit, y_fit), (X_val, y_val)])\nprint(m.score(X_test, y_test))\n"),
    silent("training watched, no stopping", _LGB + TABLE + SPLIT + "m = xgb.XGBClassifier()\nm.fit(X_train, y_train, eval_set=[(X_train, y_train)])\n"),
    silent("validation watched", _LGB + TABLE + SPLIT + _VAL + "m = lgb.LGBMClassifier()\nm.fit(X_fit, y_fit, eval_set=[(X_val, y_val)], early_stopping_rounds=9)\n"
           "print(m.score(X_test, y_test))\n"),
    silent("keras with its own share", _NET + TABLE + SPLIT + _BUILD + "net.fit(X_train, y_train, validation_split=0.1, callbacks=[EarlyStopping()])\n"),
    silent("no evaluation set", _LGB + TABLE + SPLIT + "m = lgb.LGBMClassifier()\nm.fit(X_train, y_train)\n"),
)
