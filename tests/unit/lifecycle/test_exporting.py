"""A model that leaves the house answers as it did inside: in onnxruntime alone, as a function, in a browser."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from modelwright.core.errors import ModelError, ModelwrightError, StateError
from modelwright.lifecycle.exporting import export
from modelwright.lifecycle.operation import Context
from modelwright.registry.bundle import load, write
from modelwright.registry.golden import decode
from tests.unit.registry.bundle_parts import contents, mixed, model

FILES_OF_THE_RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exporting") / "bundle"
    table = mixed()
    write(folder, contents(model(table), table))
    return folder


def _context(tmp_path: Path) -> Context:
    return Context(workspace=tmp_path / ".modelwright")


def _golden(bundle: Path) -> dict[str, Any]:
    return json.loads((bundle / "golden.json").read_text())


def _as_asked(bundle: Path) -> dict[str, Any]:
    """The first golden row as a caller would write it: moments are ISO 8601."""
    signature = load(bundle, probe=False).signature
    row = decode((bundle / "golden.json").read_bytes(), signature)[0][0]
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def test_the_script_beside_the_graph_needs_nothing_of_ours(bundle: Path, tmp_path: Path) -> None:
    made = export(bundle, "onnx", tmp_path / "out", None, _context(tmp_path))
    assert set(made["files"]) == {"model.onnx", "signature.json", "golden.json", "predict.py"}
    script = (tmp_path / "out" / "predict.py").read_text()
    assert "modelwright" not in script
    rows = tmp_path / "rows.json"
    golden = _golden(bundle)
    rows.write_text(json.dumps(golden["rows"][:5]))
    run = functools.partial(subprocess.run, capture_output=True, text=True, cwd=tmp_path)
    checked = run([sys.executable, "out/predict.py", "--check"])
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith(f"{len(golden['rows'])} golden rows")
    answered = [json.loads(line) for line in run([sys.executable, "out/predict.py", "rows.json"]).stdout.splitlines()]
    for answer, wanted in zip(answered, golden["probabilities"], strict=False):
        np.testing.assert_allclose(list(answer["probabilities"].values()), wanted, atol=1e-6)
    (tmp_path / "out" / "golden.json").write_text(
        json.dumps({**golden, "probabilities": golden["probabilities"][::-1]})
    )
    wrong = run([sys.executable, "out/predict.py", "--check"])
    assert wrong.returncode == 1
    assert "answers differ" in wrong.stderr


def _handler(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"handler_{folder.name}", folder / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler


def test_a_function_answers_gateways_and_direct_calls(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(bundle, "function", tmp_path / "fn", None, _context(tmp_path))
    handler = _handler(tmp_path / "fn")
    golden = _golden(bundle)
    row = _as_asked(bundle)

    class Host:
        aws_request_id = "r-1"

        def get_remaining_time_in_millis(self) -> int:
            return 5_000

    direct = handler({"rows": [row]}, Host())
    assert direct["request_id"] == "r-1"
    assert list(direct["probabilities"][0].values()) == golden["probabilities"][0]
    reply = handler({"httpMethod": "POST", "body": json.dumps({"rows": [row]})})
    assert reply["statusCode"] == 200
    assert json.loads(reply["body"])["predictions"] == direct["predictions"]
    for body in ("%%", "{", '{"rows": [{"nothing": 1}]}', None):
        refused = handler({"httpMethod": "POST", "body": body, "isBase64Encoded": body == "%%"})
        assert 400 <= refused["statusCode"] < 500
        assert json.loads(refused["body"])["error"]["code"].startswith("request.")
    assert handler(3)["error"]["code"] == "request.schema"
    lines = capsys.readouterr().err.strip().splitlines()
    assert {"request_id", "status", "took_us"} == set(json.loads(lines[0]))


def test_a_function_refuses_a_bundle_that_was_changed(bundle: Path, tmp_path: Path) -> None:
    export(bundle, "function", tmp_path / "fn", None, _context(tmp_path))
    card = tmp_path / "fn" / "bundle" / "card.md"
    card.write_bytes(card.read_bytes() + b" ")
    with pytest.raises(ModelError, match=r"card\.md"):
        _handler(tmp_path / "fn")


def test_nothing_is_overwritten_and_a_model_without_a_graph_says_why(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(StateError, match="something at"):
        export(bundle, "onnx", tmp_path / "out", None, _context(tmp_path))
    with pytest.raises(ModelwrightError, match="pdf"):
        export(bundle, "pdf", tmp_path / "other", None, _context(tmp_path))
    with pytest.raises(ModelwrightError, match=r"ort\.wasm"):
        export(bundle, "web", tmp_path / "web", tmp_path / "out", _context(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """onnxruntime-web's files, as `npm pack` brings them; kept beside the virtual environment."""
    kept = Path(sys.prefix) / "onnxruntime-web"
    if not all((kept / name).is_file() for name in FILES_OF_THE_RUNTIME):
        folder = tmp_path_factory.mktemp("npm")
        npm = shutil.which("npm")
        command = [npm or "npm", "pack", "--silent", "onnxruntime-web@1.30.0"]
        if npm is None or subprocess.run(command, cwd=folder, capture_output=True).returncode != 0:
            if os.environ.get("MODELWRIGHT_REQUIRE_SERVICES") == "1":
                pytest.fail("onnxruntime-web could not be fetched with npm")
            pytest.skip("onnxruntime-web could not be fetched with npm")
        subprocess.run(["tar", "xzf", next(folder.glob("*.tgz")).name], cwd=folder, check=True)
        draft = Path(f"{kept}.{os.getpid()}")
        draft.mkdir(parents=True)
        for name in FILES_OF_THE_RUNTIME:
            shutil.copyfile(folder / "package" / "dist" / name, draft / name)
        if not kept.exists():
            draft.rename(kept)
    return kept


@pytest.fixture
def browser() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("MODELWRIGHT_REQUIRE_SERVICES") == "1":
            pytest.fail("a Chromium is required")
        pytest.skip("no Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        pass


@pytest.mark.services
def test_the_page_answers_in_a_browser_as_the_bundle_does(
    bundle: Path, runtime: Path, browser: Any, tmp_path: Path
) -> None:
    export(bundle, "web", tmp_path / "page", runtime, _context(tmp_path))
    handler = functools.partial(_Quiet, directory=str(tmp_path / "page"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        page = browser.new_page()
        trouble: list[str] = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        page.wait_for_selector("#state[data-checked]", state="attached", timeout=60_000)
        assert page.get_attribute("#state", "data-checked") == "good", page.text_content("#state")
        row = _golden(bundle)["rows"][0]
        script = "async (row) => { const m = await import('./model.mjs'); return m.predict(await m.load(), [row]); }"
        answer = page.evaluate(script, row)[0]
        assert not trouble
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    np.testing.assert_allclose(answer["probabilities"], _golden(bundle)["probabilities"][0], atol=1e-6)


def test_the_signature_tells_how_to_ask(bundle: Path, tmp_path: Path) -> None:
    export(bundle, "onnx", tmp_path / "out", None, _context(tmp_path))
    said = msgspec.json.decode((tmp_path / "out" / "signature.json").read_bytes())
    assert {field["type"] for field in said["inputs"]} <= {"number", "boolean", "category", "text", "datetime"}
    assert said["outputs"] == ["label", "probabilities"]
