"""Proofs of the rules about leaks: programs that must fire and programs that must stay silent, by file of rules."""

# fmt: off
# ruff: noqa: E501  one program a line reads better than folded ones
from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample
from modelwright.checks.code.rules._snippets import SCORE, SPLIT, TABLE, TRAIN, fires, plan, silent

_PARTS = TABLE + SPLIT + "sc = StandardScaler()\nA = sc.fit_transform(X_train)\nB = sc.transform(X_test)\n"
_TEXT = """\
from tensorflow.keras.preprocessing.text import Tokenizer
from tensorflow.keras.preprocessing.sequence import pad_sequences
df = pd.read_csv("reviews.csv")
texts, y = df["text"], df["stars"]
"""
_SEQ = "X = pad_sequences(tok.texts_to_sequences(texts), maxlen=50)\n"
_NET = "from keras.models import Sequential\nfrom keras.layers import Dense\n"
_RIDGE = "m = Ridge().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"
_REST = SPLIT + TRAIN + SCORE
_CV = "print(cross_val_score(SVC(), X, y))\n"
_SVC = "m = SVC().fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"

STEPS: tuple[CodeExample, ...] = (
    fires("scaled before the split", plan("X = StandardScaler().fit_transform(X)\n"), "LK101"),
    fires("fitted on all rows, applied to parts", plan("sc = MinMaxScaler().fit(X)\n", "X_train = sc.transform(X_train)\nX_test = sc.transform(X_test)\n"), "LK101"),
    fires("imputed in a helper", "def prepare(frame):\n    return SimpleImputer(strategy='median').fit_transform(frame)\n" + plan("X = prepare(X)\n"), "LK101"),
    fires("projected, then folds by hand", TABLE + "Z = PCA(n_components=5).fit_transform(X)\nfor tr, te in StratifiedKFold(5).split(Z, y):\n    m = SVC().fit(Z[tr], y.iloc[tr])\n    print(m.score(Z[te], y.iloc[te]))\n", "LK101"),
    fires("columns scaled in place", plan("cols = ['age', 'income']\nX[cols] = StandardScaler().fit_transform(X[cols])\n"), "LK101"),
    fires("scaled, then cross-validated", TABLE + "X = StandardScaler().fit_transform(X)\n" + _CV, "LK101"),
    silent("fitted on the training part", _PARTS + "m = SVC().fit(A, y_train)\nprint(m.score(B, y_test))\n"),
    silent("inside a pipeline", plan(train="model = make_pipeline(StandardScaler(), SVC())\nmodel.fit(X_train, y_train)\n")),
    silent("pipeline under folds", TABLE + "pipe = Pipeline([('s', StandardScaler()), ('m', SVC())])\nprint(cross_val_score(pipe, X, y))\n"),
    silent("shown only", plan("import matplotlib.pyplot as plt\nZ = PCA(2).fit_transform(X)\nplt.scatter(Z[:, 0], Z[:, 1], c=y)\n")),
    silent("stateless", "from sklearn.preprocessing import Normalizer, FunctionTransformer\n" + plan("X = Normalizer().fit_transform(X)\nX = FunctionTransformer(np.log1p).fit_transform(X)\n")),
    silent("overwritten", plan("Z = StandardScaler().fit_transform(X)\nZ = X\n")),
    fires("folds of the scaled training part", _PARTS + "m = SVC()\nprint(cross_val_score(m, A, y_train))\nm.fit(A, y_train)\nprint(m.score(B, y_test))\n", "LK105"),
    fires("search on the scaled training part", _PARTS + "g = GridSearchCV(SVC(), {'C': [1, 9]})\ng.fit(A, y_train)\nprint(g.score(B, y_test))\n", "LK105"),
    fires("imputed once", TABLE + SPLIT + "imp = SimpleImputer().fit(X_train)\nA, B = imp.transform(X_train), imp.transform(X_test)\ns = cross_val_score(SVC(), A, y_train)\nm = SVC().fit(A, y_train)\nprint(m.score(B, y_test))\n", "LK105"),
    fires("projected once", TABLE + SPLIT + "p = PCA(9)\nA = p.fit_transform(X_train)\nB = p.transform(X_test)\ng = GridSearchCV(SVC(), {})\ng.fit(A, y_train)\nprint(accuracy_score(y_test, g.predict(B)))\n", "LK105"),
    fires("search on all scaled rows", TABLE + "Z = StandardScaler().fit_transform(X)\ng = GridSearchCV(SVC(), {'C': [1]}).fit(Z, y)\nprint(g.best_score_)\n", "LK105"),
    silent("search over a pipeline", TABLE + SPLIT + "g = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {}).fit(X_train, y_train)\nprint(g.score(X_test, y_test))\n"),
    silent("raw rows under folds", TABLE + SPLIT + "print(cross_val_score(SVC(), X_train, y_train))\n"),
    silent("dummies before folds", TABLE + "X = pd.get_dummies(X)\n" + _CV),
    silent("row sums before folds", TABLE + "X['s'] = X.sum(axis=1)\n" + _CV),
    fires("tokenizer of all texts", _NET + _TEXT + "tok = Tokenizer(num_words=999)\ntok.fit_on_texts(texts)\n" + _SEQ + SPLIT + "net = Sequential([Dense(1)])\nnet.fit(X_train, y_train)\nprint(net.evaluate(X_test, y_test))\n", "LK116"),
    fires("tokenizer, another model", _TEXT + "tok = Tokenizer()\ntok.fit_on_texts(texts)\nX = tok.texts_to_matrix(texts)\n" + _REST, "LK116"),
    fires("tokenizer in a function", _TEXT + "def encode(t):\n    tok = Tokenizer()\n    tok.fit_on_texts(t)\n    return pad_sequences(tok.texts_to_sequences(t))\nX = encode(texts)\n" + _REST, "LK116"),
    fires("tokenizer of all, sequences of parts", _TEXT + "tok = Tokenizer()\ntok.fit_on_texts(texts.values)\na, b, c, d = train_test_split(texts, y)\nm = SVC().fit(tok.texts_to_matrix(a), c)\nprint(m.score(tok.texts_to_matrix(b), d))\n", "LK116"),
    fires("adapted to all texts", _NET + _TEXT + "from tensorflow.keras.layers import TextVectorization\nvec = TextVectorization(max_tokens=99)\nvec.adapt(texts)\nX = vec(texts)\n" + _REST, "LK116"),
    silent("tokenizer of the training texts", _TEXT + "a, b, c, d = train_test_split(texts, y, random_state=0)\ntok = Tokenizer()\ntok.fit_on_texts(a)\nm = SVC().fit(tok.texts_to_matrix(a), c)\nprint(m.score(tok.texts_to_matrix(b), d))\n"),
    silent("hashed words", _TEXT + "from sklearn.feature_extraction.text import HashingVectorizer\nX = HashingVectorizer().fit_transform(texts)\n" + _REST),
    silent("published tokenizer", _TEXT + "from transformers import AutoTokenizer\ntok = AutoTokenizer.from_pretrained('b')\nX = tok(list(texts))\n" + _REST),
    silent("lower case", _TEXT + "X = texts.str.lower().str.len()\n" + _REST),
    silent("counted, not modelled", _TEXT + "tok = Tokenizer()\ntok.fit_on_texts(texts)\nprint(len(tok.word_index))\n"),
    fires("target scaled before the split", TABLE + 'sy = StandardScaler()\ny = sy.fit_transform(df[["target"]])\n' + SPLIT + _RIDGE, "LK118"),
    fires("target by name", TABLE + "y = MinMaxScaler().fit_transform(y.values.reshape(-1, 1))\n" + SPLIT + _RIDGE, "LK118"),
    fires("both scaled", TABLE + "sy = StandardScaler()\nX = X * 2\ny = sy.fit_transform(np.array(y).reshape(-1, 1))\n" + SPLIT + _RIDGE, "LK118"),
    fires("fitted, then applied", TABLE + "sy = MinMaxScaler()\nsy.fit(y.to_frame())\n" + SPLIT + "y_train = sy.transform(y_train.to_frame())\n" + _RIDGE, "LK118"),
    fires("labels as an array", TABLE + "labels = df['target'].values.reshape(-1, 1)\ny = StandardScaler().fit_transform(labels)\n" + SPLIT + _RIDGE, "LK118"),
    silent("transformed target regressor", "from sklearn.compose import TransformedTargetRegressor\n" + TABLE + SPLIT + "m = TransformedTargetRegressor(Ridge(), transformer=StandardScaler()).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"),
    silent("fitted on training targets", TABLE + SPLIT + "sy = StandardScaler().fit(y_train.to_frame())\nm = Ridge().fit(X_train, sy.transform(y_train.to_frame()))\nprint(mean_squared_error(y_test, sy.inverse_transform(m.predict(X_test))))\n"),
    silent("labels encoded", "from sklearn.preprocessing import LabelEncoder\n" + TABLE + "y = LabelEncoder().fit_transform(y)\n" + _REST),
    silent("logged target", TABLE + "y = np.log1p(y)\n" + SPLIT + _RIDGE),
    silent("divided by a constant", TABLE + "y = y / 1000\n" + SPLIT + _RIDGE),
)

_RATE = 'df = pd.read_csv("clicks.csv")\n{}X = df.drop(columns=["target", "city"])\ny = df["target"]\n' + _REST
_GROUP = "df.groupby('city')['target']"
_ENC = "from category_encoders import TargetEncoder\n"
FIGURES: tuple[CodeExample, ...] = (
    fires("a mean over all rows fills gaps", plan("X = X.fillna(X.mean())\n"), "LK102"),
    fires("one column's median, in place", plan("X['age'].fillna(X['age'].median(), inplace=True)\n"), "LK102"),
    fires("standardised by hand", plan("X = (X - X.mean()) / X.std()\n"), "LK102"),
    fires("figures kept in names", plan("low, high = X.quantile(0.01), X.quantile(0.99)\nX = X.clip(low, high)\n"), "LK102"),
    fires("numpy figures", plan("A = X.values\nmu = np.nanmean(A, axis=0)\nX = A - mu\n"), "LK102"),
    fires("a lambda over columns", plan("X = X.apply(lambda c: (c - c.mean()) / c.std())\n"), "LK102"),
    silent("figures of the training part", plan(between="m = X_train.mean()\nX_train = X_train.fillna(m)\nX_test = X_test.fillna(m)\n")),
    silent("shown only", plan("print(X.mean(), X['age'].median())\n")),
    silent("row by row", plan("X['mean'] = X[['a', 'b']].mean(axis=1)\nX = X.apply(lambda r: r / r.max(), axis=1)\n")),
    silent("a constant", plan("X = X.fillna(0) / 255\n")),
    silent("fixed bins", plan("X['age'] = pd.cut(X['age'], bins=[0, 18, 65, 120], labels=False)\n")),
    fires("means of the target by city", _RATE.format(f"df['rate'] = df['city'].map({_GROUP}.mean())\n"), "LK106"),
    fires("transformed in groups", _RATE.format(f"df['rate'] = {_GROUP}.transform('mean')\n"), "LK106"),
    fires("merged back", _RATE.format(f"t = {_GROUP}.mean().reset_index(name='r')\ndf = df.merge(t, on='city')\n"), "LK106"),
    fires("encoder of all rows", _ENC + TABLE + "X = TargetEncoder().fit_transform(X, y)\n" + _REST, "LK106"),
    fires("as a dictionary", _RATE.format(f"means = {_GROUP}.mean().to_dict()\ndf['rate'] = df['city'].map(means)\n"), "LK106"),
    silent("means of the training part", TABLE + SPLIT + "t = X_train.assign(t=y_train).groupby('city')['t'].mean()\nX_train['r'] = X_train['city'].map(t)\nX_test['r'] = X_test['city'].map(t)\n" + TRAIN + SCORE),
    silent("encoder in a pipeline", _ENC + TABLE + SPLIT + "m = make_pipeline(TargetEncoder(), SVC()).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"),
    silent("means shown", _RATE.format(f"print({_GROUP}.mean())\n")),
    silent("a fixed map", _RATE.format("df['region'] = df['city'].map(dict(a=1, b=2))\n")),
    silent("encoder fitted on train", _ENC + TABLE + SPLIT + "e = TargetEncoder().fit(X_train, y_train)\nm = SVC().fit(e.transform(X_train), y_train)\nprint(m.score(e.transform(X_test), y_test))\n"),
)

_IMB = "from imblearn.over_sampling import SMOTE, RandomOverSampler\nfrom imblearn.combine import SMOTETomek\nfrom imblearn.pipeline import Pipeline as Steps\nfrom sklearn.utils import resample, shuffle\n"
_PART = "drop(columns='target')"
ROWS: tuple[CodeExample, ...] = (
    fires("SMOTE before the split", _IMB + plan("X, y = SMOTE(random_state=0).fit_resample(X, y)\n"), "LK103"),
    fires("oversampled, then folds", _IMB + TABLE + "X, y = RandomOverSampler().fit_resample(X, y)\n" + _CV, "LK103"),
    fires("old spelling", _IMB + TABLE + "A, b = SMOTE().fit_sample(X, y.ravel())\nc, d, e, f = train_test_split(A, b)\nm = SVC().fit(c, e)\nprint(m.score(d, f))\n", "LK103"),
    fires("rare rows repeated", _IMB + TABLE + f"more = resample(df[df.target == 1], n_samples=999)\ndf = pd.concat([df[df.target == 0], more])\ntrain, test = train_test_split(df)\nm = SVC().fit(train.{_PART}, train.target)\nprint(m.score(test.{_PART}, test.target))\n", "LK103"),
    fires("drawn with repeats", TABLE + "df = df.sample(n=9999, replace=True)\nX, y = df.drop(columns='target'), df['target']\n" + _REST, "LK103"),
    fires("combined sampler in a helper", _IMB + "def balance(a, b):\n    return SMOTETomek().fit_resample(a, b)\n" + plan("X, y = balance(X, y)\n"), "LK103"),
    silent("sampler on the training part", _IMB + plan(between="X_train, y_train = SMOTE().fit_resample(X_train, y_train)\n")),
    silent("sampler in a pipeline", _IMB + TABLE + "p = Steps([('o', SMOTE()), ('m', SVC())])\nprint(cross_val_score(p, X, y))\n"),
    silent("shuffled only", _IMB + plan("X, y = shuffle(X, y, random_state=0)\n")),
    silent("sampled without repeats", plan("df = df.sample(frac=0.5, random_state=0)\nX, y = df.drop(columns='target'), df['target']\n")),
    silent("looked at, not used", _IMB + plan("A, b = SMOTE().fit_resample(X, y)\nprint(b.value_counts())\n")),
    fires("rows repeated", plan("X = np.repeat(X.values, 5, axis=0)\ny = np.repeat(y.values, 5)\n"), "LK112"),
    fires("array repeated", plan("X = X.values.repeat(3, axis=0)\n"), "LK112"),
    fires("repeated in a helper", "def more(a, n):\n    return np.repeat(a, n, axis=0)\n" + plan("X, y = more(X, 4), more(y, 4)\n"), "LK112"),
    fires("repeated, then folds", TABLE + "X = np.repeat(X, 2, axis=0)\n" + _CV, "LK112"),
    fires("one table repeated", plan("big = np.repeat(df.values, 3, axis=0)\nX, y = big[:, :-1], big[:, -1]\n"), "LK112"),
    silent("repeated training rows", plan(between="X_train = np.repeat(X_train, 3, axis=0)\ny_train = np.repeat(y_train, 3)\n")),
    silent("augmented while training", "from tensorflow.keras.preprocessing.image import ImageDataGenerator\n" + plan(between="gen = ImageDataGenerator(rotation_range=9)\n")),
    silent("reshaped", plan("X = X.values.reshape(-1, 8)\n")),
    silent("a constant column", plan("X['one'] = 1\n")),
    silent("squares beside", plan("X = pd.concat([X, X ** 2], axis=1)\n")),
)

_SEARCH = "g = GridSearchCV(SVC(), {'C': [1, 9]})\ng.fit(X, y)\n"
_BEST = TABLE + _SEARCH + SPLIT + "m = SVC(**g.best_params_).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"
CHOICES: tuple[CodeExample, ...] = (
    fires("SelectKBest before the split", plan("X = SelectKBest(f_classif, k=5).fit_transform(X, y)\n"), "LK104"),
    fires("columns by a mask", plan("s = SelectKBest(k=5).fit(X, y)\nX = X.loc[:, s.get_support()]\n"), "LK104"),
    fires("columns by RFE", plan("r = RFE(SVC(kernel='linear'), n_features_to_select=5)\nr.fit(X, y)\nX = X[X.columns[r.support_]]\n"), "LK104"),
    fires("columns by importance", plan("f = RandomForestClassifier().fit(X, y)\nX = X[X.columns[f.feature_importances_ > 0.02]]\n"), "LK104"),
    fires("columns by correlation", plan("c = df.corr()['target'].abs()\nkeep = c[c > 0.3].index.drop('target')\nX = df[keep]\n"), "LK104"),
    fires("selected, then folds", TABLE + "X = SelectKBest(k=9).fit_transform(X, y)\n" + _CV, "LK104"),
    fires("a list written out after RFE", plan("rfe = RFE(LogisticRegression(), n_features_to_select=3).fit(X, y)\nprint(rfe.support_)\ncols = ['age', 'job', 'debt']\nX = X[cols]\n"), "LK104"),
    silent("selected on the training part", plan(between="s = SelectKBest(k=5).fit(X_train, y_train)\nX_train, X_test = s.transform(X_train), s.transform(X_test)\n")),
    silent("in a pipeline", TABLE + "p = make_pipeline(SelectKBest(k=5), SVC())\nprint(cross_val_score(p, X, y))\n"),
    silent("shown only", plan("f = RandomForestClassifier().fit(X, y)\nprint(f.feature_importances_)\nprint(df.corr()['target'])\n")),
    silent("columns by name", plan("X = X[['age', 'job', 'debt']]\n")),
    silent("empty columns dropped", plan("X = X[X.columns[X.isnull().mean() < 0.5]]\n")),
    fires("best settings of all rows", _BEST, "LK114"),
    fires("one setting taken over", _BEST.replace("**g.best_params_", "C=g.best_params_['C']"), "LK114"),
    fires("random search", "from sklearn.model_selection import RandomizedSearchCV\n" + _BEST.replace("GridSearchCV", "RandomizedSearchCV"), "LK114"),
    fires("settings in a name", _BEST.replace("m = SVC(**g.best_params_)", "best = g.best_params_\nm = SVC(**best)"), "LK114"),
    fires("in a function", "def tune(a, b):\n    g = GridSearchCV(SVC(), {'C': [1, 9]})\n    g.fit(a, b)\n    return g.best_params_\n" + TABLE + "p = tune(X, y)\n" + SPLIT + "m = SVC(**p).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n", "LK114"),
    silent("search on the training part", TABLE + SPLIT + "g = GridSearchCV(SVC(), {'C': [1]}).fit(X_train, y_train)\nm = SVC(**g.best_params_).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"),
    silent("only folds reported", TABLE + _SEARCH + "print(g.best_score_)\n"),
    silent("nested", TABLE + "g = GridSearchCV(SVC(), {'C': [1]})\nprint(cross_val_score(g, X, y))\n"),
    silent("settings written by hand", TABLE + SPLIT + "m = SVC(C=9).fit(X_train, y_train)\nprint(m.score(X_test, y_test))\n"),
    silent("settings shown", TABLE + _SEARCH + "print(g.best_params_)\n" + _REST),
)

TRAINED: tuple[CodeExample, ...] = (
    fires("fitted on all rows, judged on a part", TABLE + SPLIT + "model = SVC().fit(X, y)\nprint(model.score(X_test, y_test))\n", "LK113"),
    fires("predicted after a fit on all rows", TABLE + "m = RandomForestClassifier().fit(X, y)\n" + SPLIT + "print(accuracy_score(y_test, m.predict(X_test)))\n", "LK113"),
    fires("split again without a seed", TABLE + "a, b, c, d = train_test_split(X, y)\nm = SVC().fit(a, c)\na, b, c, d = train_test_split(X, y)\nprint(m.score(b, d))\n", "LK113"),
    fires("pipeline on all rows", TABLE + SPLIT + "p = make_pipeline(StandardScaler(), SVC())\np.fit(X, y)\nprint(p.score(X_test, y_test))\n", "LK113"),
    fires("folds of a model fitted before", TABLE + "m = SVC().fit(X, y)\nfor tr, te in KFold(5).split(X):\n    print(m.score(X.iloc[te], y.iloc[te]))\n", "LK113"),
    fires("both parts under each other", TABLE + SPLIT + "m = SVC().fit(pd.concat([X_train, X_test]), pd.concat([y_train, y_test]))\nprint(m.score(X_test, y_test))\n", "LK113"),
    silent("fitted on the training part", TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\nprint(m.score(X_train, y_train), m.score(X_test, y_test))\n"),
    silent("refitted after judging", TABLE + SPLIT + _SVC + "m.fit(X, y)\nm.predict(pd.read_csv('new.csv'))\n"),
    silent("the same seed again", TABLE + SPLIT + "m = SVC().fit(X_train, y_train)\n" + SPLIT + "print(m.score(X_test, y_test))\n"),
    silent("folds with a fit in each", TABLE + "for tr, te in KFold(5).split(X):\n    m = SVC().fit(X.iloc[tr], y.iloc[tr])\n    print(m.score(X.iloc[te], y.iloc[te]))\n"),
    silent("all rows under folds", TABLE + "m = SVC()\nprint(cross_val_score(m, X, y))\nm.fit(X, y)\n"),
)

_LABEL = "from sklearn.preprocessing import Normalizer, LabelEncoder\nfrom sklearn.feature_extraction.text import TfidfVectorizer\nfrom sklearn.calibration import CalibratedClassifierCV\nfrom sklearn.manifold import TSNE\n"
TESTED: tuple[CodeExample, ...] = (
    fires("fit_transform on the test rows", plan(between="sc = StandardScaler()\nX_train = sc.fit_transform(X_train)\nX_test = sc.fit_transform(X_test)\n"), "EV201"),
    fires("a second scaler", plan(between="X_train = StandardScaler().fit_transform(X_train)\nX_test = StandardScaler().fit_transform(X_test)\n"), "EV201"),
    fires("fitted, then transformed", plan(between="s = MinMaxScaler()\ns.fit(X_train)\nX_train = s.transform(X_train)\ns.fit(X_test)\nX_test = s.transform(X_test)\n"), "EV201"),
    fires("projection of test rows", plan(between="p = PCA(5)\nX_train = p.fit_transform(X_train)\nX_test = p.fit_transform(X_test)\n"), "EV201"),
    fires("words of test texts", _LABEL + plan(between="v = TfidfVectorizer()\nX_train = v.fit_transform(X_train)\nX_test = v.fit_transform(X_test)\n"), "EV201"),
    fires("model fitted on test rows", plan(after="model.fit(X_test, y_test)\n"), "EV201"),
    fires("by a helper", "def prep(a):\n    return StandardScaler().fit_transform(a)\n" + plan(between="X_train = prep(X_train)\nX_test = prep(X_test)\n"), "EV201"),
    silent("transformed", plan(between="s = StandardScaler()\nX_train = s.fit_transform(X_train)\nX_test = s.transform(X_test)\n")),
    silent("stateless", _LABEL + plan(between="X_train = Normalizer().fit_transform(X_train)\nX_test = Normalizer().fit_transform(X_test)\n")),
    silent("calibrated on a part of its own", _LABEL + plan(after="X_cal, X_end, y_cal, y_end = train_test_split(X_test, y_test, random_state=0)\nc = CalibratedClassifierCV(model, cv='prefit').fit(X_cal, y_cal)\nprint(c.score(X_end, y_end))\n")),
    silent("labels encoded", _LABEL + plan(between="y_train = LabelEncoder().fit_transform(y_train)\ny_test = LabelEncoder().fit_transform(y_test)\n")),
    silent("drawn only", _LABEL + plan(after="Z = TSNE().fit_transform(X_test)\n")),
)

_SY = TABLE + SPLIT + "sy = StandardScaler()\ny_train = sy.fit_transform(y_train.to_frame())\nm = Ridge().fit(X_train, y_train)\n"
_LOG = TABLE + "y = np.log1p(y)\n" + SPLIT + "m = Ridge().fit(X_train, y_train)\n"
_ON_A = "model = SVC()\nmodel.fit(A, y_train)\n"
FORMS: tuple[CodeExample, ...] = (
    fires("fitted on scaled rows, asked about raw ones", plan(between="s = StandardScaler()\nA = s.fit_transform(X_train)\nB = s.transform(X_test)\n", train=_ON_A), "EV212"),
    fires("fitted on raw rows, asked about scaled", plan(between="s = StandardScaler().fit(X_train)\nB = s.transform(X_test)\n", score="print(model.score(B, y_test))\n"), "EV212"),
    fires("projection forgotten", plan(between="p = PCA(5).fit(X_train)\nA = p.transform(X_train)\n", train=_ON_A), "EV212"),
    fires("second step forgotten", plan(between="s = StandardScaler().fit(X_train)\nA, B = s.transform(X_train), s.transform(X_test)\nA = PCA(5).fit_transform(A)\n", train=_ON_A, score="print(model.score(B, y_test))\n"), "EV212"),
    fires("probabilities of raw rows", plan(between="A = MinMaxScaler().fit_transform(X_train)\n", train=_ON_A, score="print(roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]))\n"), "EV212"),
    silent("both transformed", plan(between="s = StandardScaler()\nX_train = s.fit_transform(X_train)\nX_test = s.transform(X_test)\n")),
    silent("pipeline", plan(train="model = make_pipeline(StandardScaler(), SVC()).fit(X_train, y_train)\n")),
    silent("raw model beside", plan(between="s = StandardScaler()\nA = s.fit_transform(X_train)\nB = s.transform(X_test)\n", train=TRAIN + "svc = SVC().fit(A, y_train)\nprint(svc.score(B, y_test))\n")),
    silent("transformed where asked", plan(between="s = StandardScaler().fit(X_train)\n", train="model = SVC().fit(s.transform(X_train), y_train)\n", score="print(model.score(s.transform(X_test), y_test))\n")),
    silent("nothing transformed", plan()),
    fires("truth raw, prediction scaled", _SY + "print(mean_squared_error(y_test, m.predict(X_test)))\n", "EV213"),
    fires("only the truth brought back", _LOG + "print(mean_squared_error(np.expm1(y_test), m.predict(X_test)))\n", "EV213"),
    fires("only the prediction brought back", _LOG + "print(r2_score(y_test, np.expm1(m.predict(X_test))))\n", "EV213"),
    fires("logged for training only", TABLE + SPLIT + "m = Ridge().fit(X_train, np.log1p(y_train))\nprint(mean_squared_error(y_test, m.predict(X_test)))\n", "EV213"),
    fires("truth scaled, prediction brought back", _SY + "t = sy.transform(y_test.to_frame())\nprint(r2_score(t, sy.inverse_transform(m.predict(X_test))))\n", "EV213"),
    silent("both brought back", _LOG + "print(mean_squared_error(np.expm1(y_test), np.expm1(m.predict(X_test))))\n"),
    silent("neither brought back", _LOG + "print(r2_score(y_test, m.predict(X_test)))\n"),
    silent("prediction brought back", _SY + "p = sy.inverse_transform(m.predict(X_test))\nprint(mean_squared_error(y_test, p))\n"),
    silent("logged for training, brought back", TABLE + SPLIT + "m = Ridge().fit(X_train, np.log1p(y_train))\nprint(mean_squared_error(y_test, np.expm1(m.predict(X_test))))\n"),
    silent("raw throughout", TABLE + SPLIT + "m = Ridge().fit(X_train, y_train)\nprint(mean_squared_error(y_test, m.predict(X_test)))\n"),
)
