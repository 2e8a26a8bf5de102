"""Classes: what each is in a workflow."""

from __future__ import annotations

from modelwright.checks.code.library._rows import table

#: any other class of these modules
BY_MODULE: dict[str, str] = {
    "sklearn.linear_model": "model",
    "sklearn.svm": "model",
    "sklearn.ensemble": "model",
    "sklearn.tree": "model",
    "sklearn.neighbors": "model",
    "sklearn.naive_bayes": "model",
    "sklearn.neural_network": "model",
    "sklearn.discriminant_analysis": "model",
    "sklearn.gaussian_process": "model",
    "sklearn.kernel_ridge": "model",
    "sklearn.isotonic": "model",
    "sklearn.multiclass": "meta",
    "sklearn.multioutput": "meta",
    "sklearn.calibration": "meta",
    "sklearn.semi_supervised": "model",
    "sklearn.cross_decomposition": "model",
    "sklearn.dummy": "dummy",
    "sklearn.cluster": "cluster",
    "sklearn.mixture": "cluster",
    "sklearn.decomposition": "reducer",
    "sklearn.manifold": "reducer",
    "sklearn.random_projection": "stateless",
    "sklearn.feature_selection": "selector",
    "sklearn.impute": "imputer",
    "sklearn.kernel_approximation": "kernel",
    "imblearn.over_sampling": "sampler",
    "imblearn.combine": "sampler",
    "imblearn.under_sampling": "undersampler",
    "imblearn.ensemble": "model",
    "xgboost": "model",
    "lightgbm": "model",
    "catboost": "model",
    "keras.layers": "layer",
    "keras.callbacks": "callback",
    "keras.optimizers": "optimizer",
    "keras.applications": "net",
    "torch.nn": "net",
    "torch.optim": "optimizer",
    "torchvision.models": "net",
    "transformers": "pretrained",
    "category_encoders": "target_encoder",
    "feature_engine.encoding": "encoder",
    "feature_engine.imputation": "imputer",
    "feature_engine.selection": "selector",
    "feature_engine.discretisation": "scaler",
    "feature_engine.transformation": "scaler",
    "feature_engine.outliers": "scaler",
    "umap": "reducer",
}

LEARNERS: dict[str, str] = {
    **table(
        "sklearn.preprocessing",
        """scaler: StandardScaler MinMaxScaler MaxAbsScaler RobustScaler QuantileTransformer PowerTransformer
             KBinsDiscretizer KernelCenterer SplineTransformer
           encoder: OneHotEncoder OrdinalEncoder LabelEncoder LabelBinarizer MultiLabelBinarizer
           target_encoder: TargetEncoder
           stateless: Normalizer Binarizer FunctionTransformer PolynomialFeatures""",
    ),
    **table(
        "sklearn.feature_extraction.text",
        "text: CountVectorizer TfidfVectorizer TfidfTransformer\nstateless: HashingVectorizer",
    ),
    **table("sklearn.feature_extraction", "encoder: DictVectorizer\nstateless: FeatureHasher"),
    **table("sklearn.kernel_approximation", "stateless: AdditiveChi2Sampler PolynomialCountSketch RBFSampler"),
    **table("sklearn.feature_selection", "unsupervised_selector: VarianceThreshold"),
    **table(
        "sklearn.ensemble",
        "encoder: RandomTreesEmbedding\nmeta: VotingClassifier VotingRegressor\n"
        "meta: StackingClassifier StackingRegressor",
    ),
    **table("sklearn.impute", "stateless: MissingIndicator"),
    **table("sklearn.neighbors", "cluster: KernelDensity\ncluster: LocalOutlierFactor"),
    **table("sklearn.covariance", "cluster: EllipticEnvelope"),
    **table("sklearn.pipeline", "pipeline: Pipeline FeatureUnion"),
    **table("sklearn.compose", "pipeline: ColumnTransformer\nmeta: TransformedTargetRegressor"),
    **table("imblearn.pipeline", "pipeline: Pipeline"),
    **table(
        "sklearn.model_selection",
        """search: GridSearchCV RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV
             TunedThresholdClassifierCV
           meta: FixedThresholdClassifier
           splitter: KFold StratifiedKFold RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedShuffleSplit
             LeaveOneOut LeavePOut PredefinedSplit
           group_splitter: GroupKFold GroupShuffleSplit StratifiedGroupKFold LeaveOneGroupOut LeavePGroupsOut
           time_splitter: TimeSeriesSplit""",
    ),
    **table("skopt", "search: BayesSearchCV"),
    **table("dask_ml.model_selection", "search: GridSearchCV RandomizedSearchCV"),
    **table("tune_sklearn", "search: TuneSearchCV TuneGridSearchCV"),
    **table("xgboost", "container: DMatrix QuantileDMatrix\ncallback: callback"),
    **table("lightgbm", "container: Dataset"),
    **table("catboost", "container: Pool"),
    **table("keras.models", "net: Sequential Model"),
    **table("keras.layers", "text: TextVectorization StringLookup IntegerLookup\nscaler: Normalization"),
    **table("keras.preprocessing.text", "text: Tokenizer"),
    **table("keras.preprocessing.image", "stateless: ImageDataGenerator"),
    **table("keras_tuner", "net_search: RandomSearch Hyperband BayesianOptimization GridSearch"),
    **table("kerastuner", "net_search: RandomSearch Hyperband BayesianOptimization GridSearch"),
    **table("kerastuner.tuners", "net_search: RandomSearch Hyperband BayesianOptimization"),
    **table("torch", "net: Module"),
    **table("torch.utils.data", "loader: DataLoader\ncontainer: TensorDataset Subset\nstack: ConcatDataset"),
    **table("gensim.models", "text: Word2Vec Doc2Vec FastText LdaModel TfidfModel LsiModel"),
    **table("gensim.models.word2vec", "text: Word2Vec"),
    **table("gensim.models.doc2vec", "text: Doc2Vec"),
    **table("gensim.models.fasttext", "text: FastText"),
    **table("gensim.corpora", "text: Dictionary"),
    **table("tokenizers", "text: Tokenizer"),
    **table("lightning.pytorch", "trainer: Trainer\nnet: LightningModule"),
    **table("lightning.pytorch.callbacks", "callback: EarlyStopping ModelCheckpoint"),
    **table("transformers", "hf_trainer: Trainer Seq2SeqTrainer"),
    **table(
        "category_encoders",
        "encoder: OneHotEncoder OrdinalEncoder BinaryEncoder BaseNEncoder\n"
        "stateless: HashingEncoder\nscaler: CountEncoder",
    ),
    **table("sklearn_pandas", "pipeline: DataFrameMapper"),
    **table("sklearn.base", "custom: BaseEstimator TransformerMixin ClassifierMixin RegressorMixin"),
    **table("scikeras.wrappers", "model: KerasClassifier KerasRegressor"),
    **table(
        "mlxtend.classifier",
        "meta: StackingClassifier StackingCVClassifier EnsembleVoteClassifier\nmodel: SoftmaxRegression",
    ),
    **table("mlxtend.feature_selection", "selector: SequentialFeatureSelector ExhaustiveFeatureSelector"),
    **table("boruta", "selector: BorutaPy"),
    **table("tpot", "search: TPOTClassifier TPOTRegressor"),
    **table("rgf.sklearn", "model: RGFClassifier RGFRegressor"),
    **table("pygam", "model: LogisticGAM LinearGAM"),
    **table("ngboost", "model: NGBClassifier NGBRegressor"),
    **table("statsmodels.api", "sm_model: OLS Logit GLM WLS GLS Probit Poisson MNLogit RLM"),
    **table("statsmodels.api.tsa", "sm_series: SARIMAX ARIMA ExponentialSmoothing Holt SimpleExpSmoothing AutoReg"),
    **table("statsmodels.tsa.api", "sm_series: SARIMAX ARIMA ExponentialSmoothing Holt SimpleExpSmoothing AutoReg"),
    **table("statsmodels.tsa.statespace.sarimax", "sm_series: SARIMAX"),
    **table("statsmodels.tsa.arima.model", "sm_series: ARIMA"),
    **table("statsmodels.tsa.arima_model", "sm_series: ARIMA ARMA"),
    **table("statsmodels.tsa.holtwinters", "sm_series: ExponentialSmoothing Holt SimpleExpSmoothing"),
    **table("statsmodels.tsa.ar_model", "sm_series: AutoReg"),
    **table("statsmodels.regression.linear_model", "sm_model: OLS WLS GLS"),
    **table("statsmodels.discrete.discrete_model", "sm_model: Logit Probit Poisson MNLogit"),
}

#: steps that learn from rows; what their fit is called in a finding
LEARNING = frozenset(
    [
        "scaler",
        "imputer",
        "encoder",
        "reducer",
        "text",
        "selector",
        "unsupervised_selector",
        "sampler",
        "undersampler",
        "target_encoder",
        "kernel",
        "cluster",
    ]
)
#: fitted steps whose output goes on to a model
TRANSFORMERS = LEARNING | {"stateless", "custom"}
SUPERVISED = frozenset(["selector", "sampler", "undersampler", "target_encoder"])
#: objects one fits and asks
MODELS = frozenset(["model", "meta", "dummy", "search", "pipeline", "net", "pretrained", "custom"])
SPLITTERS = frozenset(["splitter", "group_splitter", "time_splitter"])
#: models whose `fit` goes on from where it was
CONTINUING = frozenset(["net", "pretrained"])
#: models of classes whose name does not say so
CLASSIFIERS = frozenset(
    table(
        "",
        "labels: SVC LinearSVC NuSVC LogisticRegression LogisticRegressionCV GaussianNB MultinomialNB BernoulliNB\n"
        "ComplementNB LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis Perceptron NearestCentroid",
    )
)
