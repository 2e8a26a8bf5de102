"""H1, H3, H12, H13: no route without a policy, and every route keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from modelwright.interfaces.http.routes import Policy, Route, Table
from tests.unit.interfaces.http import hosting

KEYS = {
    "predict": hosting.key("predict-key", "predict"),
    "explain": hosting.key("explain-key", "explain"),
    "feedback": hosting.key("feedback-key", "feedback"),
    "read": hosting.key("read-key", "read"),
    "admin": hosting.key("admin-key", "admin"),
    "revoked": hosting.key("revoked-key", "admin", revoked=True),
}


@pytest.fixture(scope="module", params=["fast", "asgi"])
def door(request: pytest.FixtureRequest) -> Iterator[hosting.Host]:
    with hosting.serving(hosting.host(keys=list(KEYS.values())), fast=request.param == "fast") as one:
        yield one


def _places(door: hosting.Host) -> list[tuple[Route, str]]:
    named = [
        route.pattern.replace("{name}", "churn").replace("{version}", "3") for route in door.app.exchange.table.routes
    ]
    return list(zip(door.app.exchange.table.routes, named, strict=True))


def _ask(
    door: hosting.Host, method: str, path: str, key: str | None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    return door.call(method, path, b"{}" if method == "POST" else None, headers)


def test_every_route_asks_for_its_scope_whatever_the_method(door: hosting.Host) -> None:
    asked = 0
    for route, path in _places(door):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
            for name, wrong in (("none", None), ("unknown", "no-such-key"), ("revoked", "revoked-key")):
                status, headers, _ = _ask(door, method, path, wrong)
                asked += 1
                if route.policy.scope == "open":
                    assert status not in (401, 403), (method, path, name)
                else:
                    assert status == 401, (method, path, name)
                    assert headers["www-authenticate"].startswith("Bearer")
            for scope, key in KEYS.items():
                if scope != "revoked" and route.policy.scope not in key.allows | {"open"}:
                    assert _ask(door, method, path, key.name)[0] == 403, (method, path, scope)
                    asked += 1
    assert asked > 500


def test_the_right_key_is_let_in(door: hosting.Host) -> None:
    for route, path in _places(door):
        for method in route.policy.methods:
            status, _, content = _ask(door, method, path, "admin-key" if route.policy.scope != "open" else None)
            assert status in (200, 400, 422), (path, content)
    assert _ask(door, "POST", hosting.PATH, "predict-key")[0] == 422


def test_other_methods_are_refused_with_what_is_allowed(door: hosting.Host) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
        status, headers, _ = _ask(door, method, hosting.PATH, "predict-key")
        assert (status, headers["allow"]) == (405, "POST")
        status, headers, _ = _ask(door, method, "/metrics", "read-key", **{"x-http-method-override": "GET"})
        assert (status, headers["allow"]) == (405, "GET, HEAD")
    status, headers, content = _ask(door, "HEAD", "/v1/models", "predict-key")
    assert (status, content) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_unlisted_paths_do_not_exist_with_any_key(door: hosting.Host) -> None:
    for path in ("/", "/admin", "/v1", "/v1/models/churn", "/static/x.js", "/v1/models/churn/predict/", "/health"):
        for key in (None, "admin-key"):
            status, _, content = _ask(door, "GET", path, key)
            assert (status, json.loads(content)["error"]["code"]) == (404, "route.unknown"), path


def test_a_key_is_taken_from_two_headers_and_from_no_address(door: hosting.Host) -> None:
    assert door.call("GET", "/v1/models", None, {"x-api-key": "predict-key"})[0] == 200
    for query in ("?key=predict-key", "?api_key=predict-key", "?access_token=predict-key"):
        status, _, content = door.call("GET", f"/v1/models{query}", None, {"x-api-key": "predict-key"})
        assert (status, json.loads(content)["error"]["code"]) == (400, "request.query")
    status, _, _ = door.call("GET", "/v1/models", None, {"x-api-key": "a", "authorization": "Bearer predict-key"})
    assert status == 400


def test_pages_may_be_opened_with_the_key_as_a_password(door: hosting.Host) -> None:
    basic = {"authorization": "Basic OnByZWRpY3Qta2V5"}  # :predict-key
    assert door.call("GET", "/docs", None, basic)[0] == 200
    assert door.call("POST", hosting.PATH, hosting.body(), basic)[0] == 401


def test_a_route_without_a_policy_cannot_be_built() -> None:
    good = Policy(scope="read", methods=("GET",), max_body=0)
    with pytest.raises(TypeError, match="policy"):
        Route("/x", None, print, "")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Route("/x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="scope"):
        Route("/x", Policy(scope="anyone", methods=("GET",), max_body=0), print, "")
    with pytest.raises(TypeError, match="methods"):
        Route("/x", Policy(scope="read", methods=(), max_body=0), print, "")
    with pytest.raises(TypeError):
        Policy(scope="read", methods=("GET",))  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="two routes"):
        Table([Route("/x/{name}", good, print, ""), Route("/x/{other}", good, print, "")])


_DATATYPES = {float: "FP64", str: "BYTES", bool: "BOOL"}


def test_a_flooding_key_is_told_when_to_come_back() -> None:
    keys = [hosting.key("flood", "predict", rate=60), hosting.key("calm", "predict")]
    with hosting.serving(hosting.host(keys=keys)) as door:
        replies = [_ask(door, "POST", hosting.PATH, "flood") for _ in range(30)]
        refused = [headers for status, headers, _ in replies if status == 429]
        assert refused
        assert all(int(headers["retry-after"]) >= 1 for headers in refused)
        assert _ask(door, "POST", hosting.PATH, "calm")[0] == 422


@pytest.mark.parametrize("fast", [True, False])
def test_a_request_counts_by_its_rows(fast: bool) -> None:
    keys = [hosting.key(name, "predict", rate=60) for name in ("one", "other")]
    tensors = {"inputs": [{"name": name, "datatype": _DATATYPES[type(value)], "shape": [40], "data": [value] * 40}
                          for name, value in hosting.ROW.items()]}  # fmt: skip
    asked = {
        "one": (hosting.PATH, hosting.body(*[hosting.ROW] * 40)),
        "other": ("/v2/models/churn/infer", json.dumps(tensors).encode()),
    }
    with hosting.serving(hosting.host(keys=keys), fast=fast) as door:
        for name, (path, content) in asked.items():
            told = {"authorization": f"Bearer {name}"}
            assert door.call("POST", path, content, told)[0] == 200
            status, headers, _ = door.call("POST", hosting.PATH, hosting.body(), told)
            assert status == 429
            assert 25 <= int(headers["retry-after"]) <= 31
