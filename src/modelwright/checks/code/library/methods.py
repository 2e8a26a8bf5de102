"""Methods of frames, series, arrays and tensors: what each does to rows.

keep  row for row     stat  a figure over all rows       drop  fewer rows, the same otherwise
view  row for row, columns not known any more            plain nothing of the rows comes out
"""

from __future__ import annotations

from modelwright.checks.code.library._rows import table

METHODS: dict[str, str] = table(
    "",
    """keep: copy astype to_numpy as_matrix toarray todense A reset_index set_index rename round abs clip replace
         map applymap isin str dt cat add sub mul div truediv mod pow multiply divide subtract eq ne gt lt ge le
         reshape flatten ravel squeeze transpose T view unsqueeze float long int double half to cpu cuda numpy detach
         tolist to_list requires_grad_ contiguous permute isnull isna notnull notna between convert_dtypes infer_objects
         to_frame add_prefix add_suffix assign pipe explode swapaxes log exp sqrt permute_dims with_columns
         cast to_dummies to_pandas collect lazy lower upper strip split len contains startswith endswith extract get
         year month day hour weekday dayofweek normalize total_seconds codes tocsr tocsc todense persist compute
         argmax sort_index_cols select_dtypes_cols alias fill_null fill_nan cumsum cumprod cumcount cummax cummin
         days seconds quarter week weekofyear is_month_start strftime to_period item join findall slice
         batch prefetch cache shuffle repeat with_format set_format rename_column remove_columns tokenize
         factorize squeeze_ to_dense to_sparse combine_first update mask where batch_encode
       view: select_dtypes filter melt stack unstack pivot get_dummies
       stat: mean std var median quantile min max sum_stat skew kurt sem mad mode describe corr cov corrwith ptp
         nanmean value_counts agg_stat idxmax idxmin
       drop: dropna drop_duplicates nlargest nsmallest query truncate between_time
       order: sort_values sort_index sort
       plain: info head_plain hist plot boxplot nunique unique to_csv to_excel to_parquet to_json to_sql keys sum
         count any all duplicated size ndim memory_usage equals isnull_sum nonzero items iteritems iterrows itertuples
         argsort searchsorted backward""",
)
