"""Two hundred broken pipeline files: each gets line, column, cause and a fix; mechanical fixes are applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from modelwright.core.errors import SpecError
from modelwright.spec.fixes import apply
from modelwright.spec.load import load_spec_text
from modelwright.spec.source import Source
from modelwright.spec.strict_yaml import decode, parse

ISSUE = """data:
  source: s3://bucket/path
  sample_rate: 1.0
  train_split: 0.7
  val_split: 0.15
  test_split: 0.15
features:
  categorical: [col1, col2]
  numerical: [col3, col4]
  target: label
model:
  type: random_forest
  n_estimators: 100
  max_depth: 10
evaluation:
  metric: f1_score
  threshold: 0.75
"""
AUTO = """# churn
data:
  source: churn.csv
  split:
    kind: time
    gap: 7d
features:
  target: churned
  time: signed_at
  id:
    - customer
  ignore: []
evaluation:
  metric: roc_auc
  cv:
    kind: stratified
    folds: 5
training:
  budget_s: 60
  memory_share: 0.5
  seed: 3
  early_stopping: true
"""
TUNED = """version: 1
data: {source: houses.parquet, train_split: 0.6, val_split: 0.2, test_split: 0.2}
features:
  target: price
  date_parts: false
  derived:
    ratio: area / rooms
model:
  type: [lightgbm, random_forest]
  calibrate: false
  n_estimators: 50
tuning:
  method: random
  trials: 20
  space:
    n_estimators: [50, 500]
evaluation:
  metric: rmse
  level: 0.9
"""
GOOD = {"issue": ISSUE, "auto": AUTO, "tuned": TUNED}
Mutant = tuple[str, str]


def values(text: str) -> Iterator[tuple[int, str, str]]:
    """(line number, key, value) of every `key: value` line that holds a plain scalar."""
    for number, line in enumerate(text.split("\n")):
        found = re.match(r"^\s+(\w+): ([^\[{\s].*)$", line)
        if found:
            yield number, found.group(1), found.group(2)


def keys(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n")):
        found = re.match(r"^\s*(\w+):", line)
        if found:
            yield number, found.group(1)


def edited(text: str, number: int, change: Callable[[str], str]) -> str:
    lines = text.split("\n")
    lines[number] = change(lines[number])
    return "\n".join(lines)


def set_value(text: str, key: str, value: str) -> str:
    found = re.sub(rf"(?m)(?<![\w]){key}: [^,}}\n]+", f"{key}: {value}", text, count=1)
    assert found != text
    return found


def misspelt_keys() -> Iterator[Mutant]:
    for name, text in GOOD.items():
        for number, key in keys(text):
            if len(key) > 3 and key != "ratio":
                wrong = key[:-2] + key[-1] + key[-2] if key[-1] != key[-2] else key + "x"
                yield f"misspelt {name} {key}", edited(text, number, lambda s, k=key, w=wrong: s.replace(k, w, 1))


def duplicates() -> Iterator[Mutant]:
    for name, text in GOOD.items():
        for number, key, _ in values(text):
            yield f"duplicate {name} {key}", edited(text, number, lambda s: f"{s}\n{s}")


def decorated() -> Iterator[Mutant]:
    for name, text in GOOD.items():
        for number, key, value in list(values(text))[:6]:
            for what, prefix in (("tag", "!!python/object:os.system "), ("anchor", "&a "), ("own tag", "!x ")):
                yield f"{what} {name} {key}", edited(text, number, lambda s, v=value, p=prefix: s.replace(v, p + v, 1))
            yield f"alias {name} {key}", edited(text, number, lambda s, v=value: s.replace(f" {v}", " *other", 1))
            yield f"quote {name} {key}", edited(text, number, lambda s, v=value: s.replace(f" {v}", f' "{v}', 1))
            yield f"single quote {name} {key}", edited(text, number, lambda s, v=value: s.replace(f" {v}", f" '{v}", 1))
            yield f"tab {name} {key}", edited(text, number, lambda s: "\t" + s.lstrip())
            if key != "ratio":  # an only child may stand as deep as it likes
                yield f"deeper {name} {key}", edited(text, number + (number <= 2), lambda s: "   " + s)


def shapes() -> Iterator[Mutant]:
    for name, text in GOOD.items():
        for number, key, value in values(text):
            yield (
                f"map for scalar {name} {key}",
                edited(text, number, lambda s, v=value: s.replace(f" {v}", " {a: 1}", 1)),
            )
            if key not in ("type", "ratio"):
                yield (
                    f"list {name} {key}",
                    edited(text, number, lambda s, v=value: s.replace(f" {v}", f" [{v}, {v}]", 1)),
                )


NUMBERS = {
    "sample_rate": ("issue", ("0", "-1", "1.5", ".nan", ".inf", "1e999", "010", "no", '"1.0"', "12:30:45")),
    "train_split": ("issue", ("0.8", "1", "0", "-0.7", "seventy", "70%", "null", "2020-01-01")),
    "test_split": ("issue", ("0.3", "0", "1.0", "true")),
    "n_estimators": ("issue", ("-5", "1e3", "ten", "0", "100.5", "1000000000000000000", "'100'", "true")),
    "max_depth": ("issue", ("-1", "0", "deep", "[3]", "3.5")),
    "threshold": ("issue", ("high", "1e999", "true", "0x10")),
    "folds": ("auto", ("1", "-3", "1000", "five", "2.5", "[5]")),
    "budget_s": ("auto", ("0", "-60", "99999", "1h", "null", ".inf")),
    "memory_share": ("auto", ("0.9", "0", "80%", "all")),
    "seed": ("auto", ("-1", "4294967296", "x", "1.5")),
    "early_stopping": ("auto", ("no", "yes", "1", "maybe", "null", "on")),
    "kind": ("auto", ("tme", "randm", "7", "null", "group")),
    "gap": ("auto", ("7", "7days", "week", "7 d", "-7d")),
    "trials": ("tuned", ("0", "many", "1e2", "100000")),
    "method": ("tuned", ("bayes", "gird", "null")),
    "level": ("tuned", ("0.1", "1", "95%", "high")),
    "version": ("tuned", ("2", "0", "one")),
    "date_parts": ("tuned", ("off", "0", "nope")),
    "metric": ("tuned", ("rmsee", "f1_scor", "12", "true")),
}


def wrong_values() -> Iterator[Mutant]:
    for key, (name, wrong) in NUMBERS.items():
        for value in wrong:
            yield f"{key}={value}", set_value(GOOD[name], key, value)


def rules() -> Iterator[Mutant]:
    yield "empty", ""
    yield "only a comment", "# nothing\n"
    yield "null document", "null\n"
    yield "a list", "- data\n- features\n"
    yield "a text", "hello\n"
    yield "too deep", "data: " + "[" * 100 + "]" * 100 + "\n"
    yield "very deep", "[" * 3000
    yield "too long", ISSUE + "# " + "x" * 1_000_000
    yield "control character", ISSUE.replace("label", "la\x07bel")
    yield "second document", ISSUE + "---\n" + ISSUE
    yield "directive", "%YAML 1.1\n---\n" + ISSUE
    yield "merge", ISSUE.replace("model:\n", "model:\n  <<: {a: 1}\n")
    yield "bomb", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n" + ISSUE
    yield "no source", ISSUE.replace("  source: s3://bucket/path\n", "")
    yield "empty source", ISSUE.replace("s3://bucket/path", '""')
    yield "null source", ISSUE.replace("s3://bucket/path", "null")
    yield "no data", ISSUE[ISSUE.index("features") :]
    yield "data is a text", "data: churn.csv\n" + ISSUE[ISSUE.index("features") :]
    yield "unclosed bracket", ISSUE.replace("col2]", "col2")
    yield "unclosed brace", TUNED.replace("test_split: 0.2}", "test_split: 0.2")
    yield "wrong closer", ISSUE.replace("col2]", "col2}")
    yield "scalar for list", ISSUE.replace("[col1, col2]", "col1")
    yield "commas for list", ISSUE.replace("[col1, col2]", "col1, col2")
    yield "map for list", ISSUE.replace("[col1, col2]", "{col1: col2}")
    yield "number in list", ISSUE.replace("[col1, col2]", "[col1, 2]")
    yield "target among features", ISSUE.replace("[col3, col4]", "[col3, label]")
    yield "target only feature", ISSUE.replace("[col3, col4]", "[label]")
    yield "column in two lists", ISSUE.replace("[col3, col4]", "[col3, col1]")
    yield "column listed twice", ISSUE.replace("[col3, col4]", "[col3, col3]")
    yield "unknown family", ISSUE.replace("random_forest", "random_forrest")
    yield "unknown family 2", ISSUE.replace("random_forest", "xgbost")
    yield "family is a number", ISSUE.replace("random_forest", "7")
    yield "one of the families", TUNED.replace("[lightgbm, random_forest]", "[lightgbm, random_forst]")
    yield "family twice", TUNED.replace("[lightgbm, random_forest]", "[lightgbm, lightgbm]")
    yield "auto in a list", TUNED.replace("[lightgbm, random_forest]", "[auto, lightgbm]")
    yield "no families", TUNED.replace("[lightgbm, random_forest]", "[]")
    yield "parameter of another family", ISSUE.replace("max_depth", "num_leaves")
    yield "parameter beside auto", ISSUE.replace("random_forest", "auto")
    yield "parameter beside no type", ISSUE.replace("  type: random_forest\n", "")
    yield "unknown in space", TUNED.replace("    n_estimators: [", "    n_estimatrs: [")
    yield "range backwards", TUNED.replace("[50, 500]", "[500, 50]")
    yield "range of one", TUNED.replace("[50, 500]", "[50]")
    yield "range is a number", TUNED.replace("[50, 500]", "50")
    yield "range without high", TUNED.replace("[50, 500]", "{low: 3}")
    yield "range misspelt", TUNED.replace("[50, 500]", "{low: 3, high: 9, lgo: true}")
    yield "no choices", TUNED.replace("[50, 500]", "{choices: []}")
    yield "time split without time", AUTO.replace("  time: signed_at\n", "")
    yield "gap without time split", AUTO.replace("kind: time", "kind: random")
    yield (
        "windows without time",
        ISSUE.replace("  target: label", "  target: label\n  windows: [{name: w, column: a, entity: b}]"),
    )
    yield "window without a name", AUTO.replace("  ignore: []", "  windows: [{column: a, entity: b}]")
    yield "task without a target", ISSUE.replace("  target: label\n", "").replace("model:", "model:\n  task: binary")
    yield "clustering with a target", ISSUE.replace("model:\n", "model:\n  task: clustering\n")
    yield "unknown type", ISSUE.replace("features:", "  types: {age: numbr}\nfeatures:")
    yield "bad name", ISSUE.replace("model:\n", "model:\n  name: My Model\n")
    yield "bad hook", ISSUE.replace("features:", "  prepare: steps.py\nfeatures:")
    yield "no colon", ISSUE.replace("target: label", "target label")
    yield "equals", ISSUE.replace("target: label", "target=label")
    yield "second colon", ISSUE.replace("target: label", "target: label: x")
    yield "at sign", ISSUE.replace("label", "@label")
    yield "percent", ISSUE.replace("label", "%label")
    yield "backtick", ISSUE.replace("label", "`label`")
    yield "glob", ISSUE.replace("s3://bucket/path", "*.csv")
    yield "backslash", ISSUE.replace("s3://bucket/path", '"C:\\data\\x.csv"')
    yield "nameless key", ISSUE.replace("target: label", "target: label\n  : x")
    yield "list key", ISSUE.replace("target: label", "target: label\n  ? [a]\n  : x")
    yield "dedented", AUTO.replace("  target: churned", " target: churned")
    yield "extra section", ISSUE + "serving:\n  port: 80\n"


def mutants() -> list[Mutant]:
    parts = (misspelt_keys, duplicates, decorated, shapes, wrong_values, rules)
    return [mutant for part in parts for mutant in part()]


def refused(text: str, file: str = "pipeline.yaml") -> SpecError | None:
    try:
        load_spec_text(text, file)
    except SpecError as error:
        return error
    return None


def test_the_originals_are_good() -> None:
    for text in GOOD.values():
        assert load_spec_text(text).spec.data.source


def test_there_are_two_hundred_of_them() -> None:
    found = mutants()
    assert len(found) >= 200
    assert len({text for _, text in found}) > 0.9 * len(found)


@pytest.mark.parametrize("kind", ["misspelt_keys", "duplicates", "decorated", "shapes", "wrong_values", "rules"])
def test_each_mutant_is_refused_with_place_cause_and_fix(kind: str) -> None:
    problems = []
    for name, text in globals()[kind]():
        error = refused(text)
        if error is None:
            problems.append(f"{name}: loads")
            continue
        for each in (error, *error.others):
            complete = each.line and each.column and each.message.endswith(".") and each.hint and each.file
            if not complete or each.line > text.count("\n") + 2:
                problems.append(f"{name}: {each.as_dict()}")
    assert not problems


#: what only the author can know: there is no mechanical correction
_NOT_MECHANICAL = {
    "a list",
    "a text",
    "too deep",
    "very deep",
    "too long",
    "nameless key",
    "list key",
    "bomb",
    "bad hook",
}
_NOT_MECHANICAL |= {"window without a name"}


def repaired(text: str) -> tuple[bool, str]:
    """Apply the fix of the first error again and again; a file has few mistakes, so few rounds suffice."""
    for _ in range(8):
        error = refused(text)
        if error is None:
            return True, ""
        with_fix = next((each for each in (error, *error.others) if each.fix is not None), None)
        if with_fix is None or with_fix.fix is None:
            return False, f"{error.message} | {error.hint} | no mechanical fix"
        text = apply(text, with_fix.fix)
    return False, f"still: {error.message} | {error.hint}"


@pytest.mark.parametrize("kind", ["misspelt_keys", "duplicates", "decorated", "shapes", "wrong_values", "rules"])
def test_mechanical_fixes_apply(kind: str) -> None:
    outcomes = {name: repaired(text) for name, text in globals()[kind]() if name not in _NOT_MECHANICAL}
    assert {name: why for name, (good, why) in outcomes.items() if not good} == {}


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\xff\xfe" + ISSUE.encode("utf-16-le"), "UTF-16"),
        (ISSUE.encode("utf-16-be"), "UTF-16"),
        (b"\xef\xbb\xbf" + ISSUE.encode(), "byte order mark"),
        (ISSUE.replace("label", "Größe").encode("latin-1"), "not UTF-8"),
    ],
)
def test_wrong_encodings_are_named(data: bytes, word: str) -> None:
    with pytest.raises(SpecError, match=word) as caught:
        decode(data, "pipeline.yaml")
    assert caught.value.line
    assert caught.value.column
    assert "UTF-8" in caught.value.hint


def test_a_bomb_is_refused_before_it_expands() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60))]
    with pytest.raises(SpecError, match="Anchors"):
        parse(Source("bomb.yaml", "\n".join(lines)))
