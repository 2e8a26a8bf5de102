"""OpenAPI, its page, metrics and spans: each read by somebody else's strict reader."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from modelwright.core.nouns import Task
from modelwright.interfaces.http import exposition, page
from modelwright.serving.counters import Reading
from tests.unit.interfaces.http import hosting


@pytest.fixture(scope="module")
def door() -> Iterator[hosting.Host]:
    with hosting.serving(hosting.host(tasks=(Task.BINARY, Task.REGRESSION))) as one:
        yield one


def _document(door: hosting.Host) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(door.call("GET", "/openapi.json")[2])
    return found


def test_the_description_is_valid_openapi(door: hosting.Host) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    document = _document(door)
    assert not list(OpenAPIV31SpecValidator(document).iter_errors())
    row = document["components"]["schemas"]["churn.Row"]
    assert row["properties"]["number"]["type"] == ["number", "null"]
    assert "/v1/models/churn/versions/3/predict" in document["paths"]
    listed = {
        path.replace("churn", "{name}").replace("/versions/3", "/versions/{version}") for path in document["paths"]
    }
    assert {route.pattern for route in door.app.exchange.table.routes} <= listed


def test_replies_keep_the_described_schema(door: hosting.Host) -> None:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    document = _document(door)
    registry = Registry().with_resource("urn:door", Resource(contents=document, specification=DRAFT202012))

    def check(name: str, value: Any) -> None:
        pointer = {"$ref": f"urn:door#/components/schemas/{name}"}
        Draft202012Validator(pointer, registry=registry).validate(value)

    example = document["components"]["schemas"]["churn.Request"]["examples"][0]
    check("churn.Request", example)
    status, _, content = door.call("POST", hosting.PATH, json.dumps(example).encode())
    assert status == 200
    check("churn.Reply", json.loads(content))
    bad = {**hosting.ROW, "number": "40"}
    check("churn.Reply", json.loads(door.call("POST", hosting.PATH, hosting.body(hosting.ROW, bad, partial=True))[2]))
    check("regression.Reply", json.loads(door.call("POST", "/v1/models/regression/predict", hosting.body())[2]))
    check("Error", json.loads(door.call("POST", hosting.PATH, hosting.body(bad))[2]))


def test_hostile_names_are_inert_on_the_page() -> None:
    evil = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    field = {"type": ["string", "null"], "description": evil, "examples": [evil]}
    document = {
        "info": {"title": evil, "description": evil},
        "paths": {evil: {"get": {"summary": evil, "x-scope": evil}}},
        "components": {"schemas": {
            f"{evil}.Row": {"properties": {evil: field}},
            f"{evil}.Request": {"examples": [{"rows": [{evil: evil}]}]},
            f"{evil}.Reply": {"properties": {"predictions": {"description": evil}}},
        }},
    }  # fmt: skip
    text, policy = page.page(document)
    assert b"<img" not in text
    assert text.count(b"<script>") == 1
    assert b"unsafe" not in policy


@pytest.mark.services
def test_the_page_works_in_a_browser_without_anything_from_outside(door: hosting.Host) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as play:
        try:
            browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no browser: {error}")
        shown = browser.new_page()
        said: list[str] = []
        asked: list[str] = []
        shown.on("console", lambda message: said.append(message.text))
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(f"http://127.0.0.1:{door.port}/docs")
        form = shown.locator("form[data-path]").first
        form.locator("button").click()
        shown.wait_for_function(
            "document.querySelector('pre:not([hidden])')?.textContent.startsWith('200')", timeout=60_000
        )
        reply = shown.locator("pre:not([hidden])").first.text_content()
        assert reply is not None
        assert '"predictions"' in reply
        assert not [text for text in said if "favicon" not in text and "404" not in text], said
        assert all(url.startswith(f"http://127.0.0.1:{door.port}/") for url in asked)
        browser.close()


def test_metrics_are_read_by_the_strict_parser(door: hosting.Host) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    door.call("POST", hosting.PATH, hosting.body())
    door.call("POST", hosting.PATH, b"{")
    status, headers, content = door.call("GET", "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {one.name: one for one in text_string_to_metric_families(content.decode())}
    requests = {tuple(sorted(s.labels.items())): s.value for s in families["modelwright_http_requests"].samples}
    assert requests[("model", "churn"), ("status", "200")] >= 1
    assert requests[("model", "-"), ("status", "400")] >= 1
    durations = families["modelwright_request_duration_seconds"]
    assert durations.type == "histogram"
    counts = {sample.name.rpartition("_")[2]: sample.value for sample in durations.samples}
    assert counts["count"] >= 1


def test_labels_are_escaped_as_the_format_wants() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    evil = 'a"b\\c\nd{}= '
    readings = [Reading("odd", "counter", "Line\none \\ two", (({"model": evil}, 3.0, ""),))]
    (family,) = text_string_to_metric_families(exposition.text(readings).decode())
    assert family.samples[0].labels == {"model": evil}
    assert family.documentation == "Line\none \\ two"


def test_names_of_callers_make_no_new_metrics(door: hosting.Host) -> None:
    for number in range(30):
        door.call("POST", f"/v1/models/made-up-{number}/predict", hosting.body())
    assert b"made-up" not in door.call("GET", "/metrics")[2]


def test_spans_are_sent_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    got: list[Any] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            import gzip

            content = self.rfile.read(int(self.headers["content-length"]))
            plain = gzip.decompress(content) if self.headers.get("content-encoding") == "gzip" else content
            got.append(ExportTraceServiceRequest.FromString(plain))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    running = threading.Thread(target=collector.serve_forever)
    running.start()
    trace = "0af7651916cd43dd8448eb211c80319c"
    try:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
        with hosting.serving(hosting.host()) as one:
            one.call("POST", hosting.PATH, hosting.body(), {"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
            _, headers, _ = one.call("POST", hosting.PATH, b"{")
            assert headers["traceparent"].startswith("00-")
    finally:
        collector.shutdown()
        running.join()
        collector.server_close()
    spans = [span for each in got for r in each.resource_spans for s in r.scope_spans for span in s.spans]
    assert [span.name for span in spans] == ["POST /v1/models/{name}/predict"] * 2
    assert spans[0].trace_id.hex() == trace
    assert spans[0].parent_span_id.hex() == "b7ad6b7169203331"
    said = {one.key: one.value for one in spans[1].attributes}
    assert said["http.response.status_code"].int_value == 400
    assert said["error.type"].string_value == "request.json"


def test_nothing_of_telemetry_is_imported_without_being_asked(tmp_path: Any) -> None:
    import subprocess
    import sys

    program = "import sys, modelwright.interfaces.http.listening; print([m for m in sys.modules if 'opentele' in m])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
