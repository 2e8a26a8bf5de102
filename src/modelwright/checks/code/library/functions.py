"""Functions: what each does to rows.

keep      one row in, the same row out        stack     rows of all arguments, one under the other
stat      a figure over all rows              learn     keeps rows, each changed by a figure over all rows
read      a new source                        load      a known set: a bunch, or X and y
toy       generated X and y                   random    generated numbers
split     the splits of its arguments         metric    judges a prediction; cv judges an estimator by folds
select    scores columns by the target        resample  draws rows, with repeats
shuffle   the same rows in another order      plain     no rows come out
"""

from __future__ import annotations

from modelwright.checks.code.library._rows import table

FUNCTIONS: dict[str, str] = {
    **table(
        "numpy",
        """keep: array asarray ascontiguousarray copy log log1p log2 log10 exp expm1 sqrt square abs absolute sign power
             clip round around floor ceil nan_to_num where isnan isinf isfinite reshape ravel squeeze expand_dims
             transpose hstack column_stack c_ stack float32 float64 int32 int64 array_split sin cos tanh multiply add
             subtract divide matmul dot digitize searchsorted swapaxes moveaxis pad tile_cols delete insert
             logical_not logical_and logical_or maximum minimum select vectorize ma.masked
             argmax argmin argsort
           stack: vstack concatenate r_ append row_stack
           stat: mean nanmean std nanstd var nanvar median nanmedian percentile nanpercentile quantile nanquantile
             average cov corrcoef max amax nanmax min amin nanmin ptp
           plain: unique bincount histogram sum shape size nonzero count_nonzero arange linspace zeros ones
             zeros_like ones_like full full_like empty eye logspace meshgrid allclose array_equal any all
           resample: repeat
           read: load loadtxt genfromtxt fromfile""",
    ),
    **table("numpy", "turn: fliplr flipud rot90 flip roll"),
    **table("cv2", "turn: flip rotate warpAffine"),
    **table("PIL.ImageOps", "turn: mirror flip"),
    **table("skimage.transform", "turn: rotate"),
    **table("scipy.ndimage", "turn: rotate"),
    **table(
        "numpy.random",
        """random: rand randn random normal uniform randint random_sample standard_normal binomial poisson exponential
             multivariate_normal beta gamma lognormal integers
           plain: seed RandomState default_rng
           permutation: permutation
           inplace: shuffle
           resample: choice""",
    ),
    **table(
        "pandas",
        """keep: DataFrame Series to_numeric to_datetime get_dummies cut isnull isna notnull notna factorize Categorical
             merge merge_asof melt json_normalize to_timedelta
           stack: concat
           learn: qcut
           plain: crosstab pivot_table Index date_range set_option option_context ExcelWriter MultiIndex unique
           read: read_csv read_excel read_parquet read_json read_sql read_table read_hdf read_feather read_pickle""",
    ),
    **table(
        "polars",
        """keep: DataFrame Series from_pandas from_numpy lit when
           stack: concat
           pl_col: col all
           read: read_csv scan_csv read_parquet scan_parquet read_excel read_json""",
    ),
    **table(
        "sklearn.preprocessing",
        """learn: scale minmax_scale maxabs_scale robust_scale quantile_transform power_transform
           keep: normalize binarize add_dummy_feature label_binarize""",
    ),
    **table(
        "sklearn.utils",
        "resample: resample\nshuffle: shuffle\nkeep: check_array check_X_y\n"
        "plain: Bunch check_random_state compute_class_weight compute_sample_weight",
    ),
    **table("sklearn.utils.class_weight", "plain: compute_class_weight compute_sample_weight"),
    **table(
        "sklearn.feature_selection",
        "select: chi2 f_classif f_regression mutual_info_classif\nselect: mutual_info_regression r_regression",
    ),
    **table(
        "sklearn.model_selection",
        """split: train_test_split
           cv: cross_val_score cross_validate
           cvp: cross_val_predict
           cvq: learning_curve validation_curve permutation_test_score""",
    ),
    **table("sklearn.inspection", "plain: permutation_importance partial_dependence"),
    **table("sklearn.pipeline", "pipeline: make_pipeline make_union"),
    **table("imblearn.pipeline", "pipeline: make_pipeline"),
    **table("sklearn.compose", "pipeline: make_column_transformer\nplain: make_column_selector"),
    **table("sklearn.base", "clone: clone"),
    **table("copy", "clone: deepcopy copy"),
    **table(
        "sklearn.metrics",
        """metric: accuracy_score f1_score fbeta_score precision_score recall_score roc_auc_score log_loss
             average_precision_score mean_squared_error mean_absolute_error r2_score confusion_matrix
             classification_report roc_curve precision_recall_curve balanced_accuracy_score matthews_corrcoef
             cohen_kappa_score mean_squared_log_error explained_variance_score max_error brier_score_loss
             root_mean_squared_error mean_absolute_percentage_error jaccard_score hamming_loss zero_one_loss
             precision_recall_fscore_support top_k_accuracy_score median_absolute_error ndcg_score hinge_loss
             d2_absolute_error_score multilabel_confusion_matrix root_mean_squared_log_error
           plain: auc make_scorer get_scorer pairwise_distances silhouette_score
           display: plot_confusion_matrix plot_roc_curve plot_precision_recall_curve""",
    ),
    **table("sklearn.metrics.RocCurveDisplay", "display: from_estimator\nmetric: from_predictions"),
    **table("sklearn.metrics.PrecisionRecallDisplay", "display: from_estimator\nmetric: from_predictions"),
    **table("sklearn.metrics.ConfusionMatrixDisplay", "display: from_estimator\nmetric: from_predictions"),
    **table("imblearn.metrics", "metric: classification_report_imbalanced geometric_mean_score"),
    **table("scipy.stats", "learn: zscore boxcox yeojohnson rankdata\nstat: iqr pearsonr spearmanr\nplain: mode"),
    **table("re", "keep: sub subn findall split"),
    **table("nltk", "keep: word_tokenize sent_tokenize pos_tag"),
    **table("nltk.tokenize", "keep: word_tokenize sent_tokenize"),
    **table("bs4", "keep: BeautifulSoup"),
    **table("contractions", "keep: fix"),
    **table("unidecode", "keep: unidecode"),
    **table("html", "keep: unescape"),
    **table("scipy.special", "keep: boxcox1p expit logit inv_boxcox"),
    **table("scipy.sparse", "keep: csr_matrix csc_matrix hstack coo_matrix\nstack: vstack"),
    **table("lightgbm", "train: train\ncv_train: cv\nkeep: Dataset\nearly: early_stopping\nplain: log_evaluation"),
    **table("xgboost", "train: train\ncv_train: cv\nkeep: DMatrix QuantileDMatrix"),
    **table("catboost", "keep: Pool\ntrain: train\ncv_train: cv"),
    **table(
        "torch",
        """keep: tensor from_numpy as_tensor Tensor FloatTensor LongTensor DoubleTensor IntTensor squeeze unsqueeze
             reshape flatten stack sigmoid softmax argmax max relu tanh log exp round clamp transpose
           stack: cat concat vstack
           stat: mean std var median quantile
           plain: zeros ones randn rand arange no_grad device manual_seed save sum numel
           permutation: randperm""",
    ),
    **table(
        "torch.nn.functional",
        "keep: softmax log_softmax sigmoid relu one_hot dropout normalize pad\n"
        "loss: cross_entropy nll_loss mse_loss binary_cross_entropy binary_cross_entropy_with_logits l1_loss",
    ),
    **table("torch.utils.data", "random_split: random_split\nkeep: TensorDataset"),
    **table(
        "tensorflow",
        "keep: convert_to_tensor constant cast reshape expand_dims one_hot squeeze argmax Variable\n"
        "stack: concat\nstat: reduce_mean reduce_max reduce_min",
    ),
    **table("tensorflow.data.Dataset", "keep: from_tensor_slices from_tensors"),
    **table("keras.utils", "keep: to_categorical normalize\nplain: plot_model set_random_seed"),
    **table("keras.preprocessing.sequence", "keep: pad_sequences\nwindow: TimeseriesGenerator"),
    **table("keras.utils", "keep: pad_sequences to_categorical normalize"),
    **table("nltk", "keep: word_tokenize"),
    **table(
        "builtins",
        "keep: list tuple abs round float int str sorted reversed iter dict set\n"
        "plain: len print type isinstance range sum hasattr getattr id repr format open input bool",
    ),
    **table("statsmodels.api", "keep: add_constant"),
    **table("statsmodels.tools.tools", "keep: add_constant"),
    **table("os.path", "join: join"),
    **table("datasets", "hub_load: load_dataset\nhub_dict: DatasetDict"),
    **table("joblib", "plain: dump\nload_model: load"),
    **table("pickle", "plain: dump dumps\nload_model: load loads"),
    "yellowbrick.classifier.ROCAUC": "meta",
}
