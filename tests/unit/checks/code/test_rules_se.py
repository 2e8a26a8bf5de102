"""Safety rules: where a path comes from decides how much it weighs, and no secret is repeated."""

from __future__ import annotations

import pytest

from modelwright.core.nouns import Severity
from tests.unit.checks.code.reviewing_rules import codes, found


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ('import joblib\nm = joblib.load("m.joblib")\n', Severity.LOW),
        ('import joblib, os\nm = joblib.load(os.environ["MODEL"])\n', Severity.LOW),
        ("import joblib\ndef f(path):\n    return joblib.load(path)\n", None),
        (
            "import joblib\ndef f(path):\n    return joblib.load(path)\ndef g(m, path2):\n    joblib.dump(m, path2)\n",
            Severity.LOW,
        ),
        ("import pickle, requests\nm = pickle.loads(requests.get(u).content)\n", Severity.HIGH),
        (
            "import pickle\nimport urllib.request\nm = pickle.load(urllib.request.urlopen(u))\n",
            Severity.HIGH,
        ),
        ("import torch\nm = torch.load(path)\n", Severity.LOW),
    ],
)
def test_where_it_comes_from(text: str, severity: Severity | None) -> None:
    findings = found("se_loading", text)
    assert [finding.code for finding in findings] == ["SE701"]
    assert findings[0].severity == severity


def test_a_secret_is_never_repeated() -> None:
    secret = "AKIAZQ3DRTYH7WPLMK2V"
    findings = found("se_secrets", f'import boto3\nc = boto3.client("s3", aws_access_key_id="{secret}")\n')
    assert len(findings) == 1
    assert secret not in repr(findings[0])


@pytest.mark.parametrize(
    "word",
    ["password", "changeme1", "your_password1", "xxxxxxxx1", "test1234", "<secret9>", "${SECRET1}", "example123"],
)
def test_placeholders_are_no_secrets(word: str) -> None:
    assert codes("se_secrets", f'PASSWORD = "{word}"\n') == set()
