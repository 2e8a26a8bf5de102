"""How rules about rows write their own proofs: a short program around a few lines that matter."""

from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample

IMPORTS = """\
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split, cross_val_score, GridSearchCV, KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler, MinMaxScaler, OneHotEncoder
from sklearn.impute import SimpleImputer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_classif, RFE
from sklearn.linear_model import LogisticRegression, LinearRegression, Ridge
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score, mean_squared_error, r2_score
"""
TABLE = 'df = pd.read_csv("data.csv")\nX = df.drop(columns=["target"])\ny = df["target"]\n'
SPLIT = "X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)\n"
TRAIN = "model = RandomForestClassifier(random_state=0)\nmodel.fit(X_train, y_train)\n"
SCORE = "print(accuracy_score(y_test, model.predict(X_test)))\n"


def fires(name: str, body: str, *codes: str) -> CodeExample:
    return CodeExample(name=name, text=IMPORTS + body, codes=codes)


def silent(name: str, body: str) -> CodeExample:
    return CodeExample(name=name, text=IMPORTS + body)


def plan(before: str = "", between: str = "", after: str = "", train: str = TRAIN, score: str = SCORE) -> str:
    """The usual program: read, (before), split, (between), train, (after), score."""
    return TABLE + before + SPLIT + between + train + after + score
