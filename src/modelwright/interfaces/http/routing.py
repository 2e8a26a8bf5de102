"""The table of every path, with the policy of each, and what answers it."""

from __future__ import annotations

import time

from modelwright.interfaces.http.exchange import Exchange
from modelwright.interfaces.http.inference import Inference
from modelwright.interfaces.http.predicting import Predicting
from modelwright.interfaces.http.public import Public
from modelwright.interfaces.http.replaying import Replays
from modelwright.interfaces.http.routes import Policy, Route
from modelwright.interfaces.http.service import Service

#: the protocol's own clients name no type at all with JSON; the check of Origin keeps foreign pages out
_TENSORS = ("application/json", "application/octet-stream", "")
_SMALL = 64 << 10


def build(service: Service, *, traced: bool = True) -> Exchange:
    """The exchange of one process, with every route in it."""
    public = Public(service)
    exchange = Exchange(service, traced=traced)
    replays = Replays(service.replays, service.replay_s, time.monotonic)
    predicting = Predicting(service, exchange, replays)
    inference = Inference(service, predicting, replays)
    public.routes = (*_ours(predicting, public), *_tensors(inference, public))
    exchange.open(public.routes)
    return exchange


def _ours(predicting: Predicting, public: Public) -> tuple[Route, ...]:
    predict = Policy(scope="predict", methods=("POST",), max_body=None)
    explain = Policy(scope="explain", methods=("POST",), max_body=1 << 20)
    feedback = Policy(scope="feedback", methods=("POST",), max_body=None)
    anybody = Policy(scope="open", methods=("GET",), max_body=0)
    read = Policy(scope="read", methods=("GET",), max_body=0)
    caller = Policy(scope="predict", methods=("GET",), max_body=0, browser=True)
    return (
        Route("/v1/models/{name}/predict", predict, predicting.predict, "Predict rows"),
        Route("/v1/models/{name}/versions/{version}/predict", predict, predicting.predict, "Predict by one version"),
        Route("/v1/models/{name}/explain", explain, predicting.explain, "Say why rows get their answers"),
        Route("/v1/models/{name}/versions/{version}/explain", explain, predicting.explain, "Explain by one version"),
        Route("/v1/models/{name}/feedback", feedback, predicting.feedback, "Tell what really happened"),
        Route("/v1/models", caller, public.models, "List the served models"),
        Route("/health/live", anybody, public.live, "Whether the process turns"),
        Route("/health/ready", anybody, public.ready, "Whether it may be sent requests"),
        Route("/health/startup", anybody, public.startup, "Whether it has ever been ready"),
        Route("/metrics", read, public.metrics, "Metrics in Prometheus' text format"),
        Route("/openapi.json", caller, public.openapi, "This interface, described"),
        Route("/docs", caller, public.docs, "This interface as a page"),
    )


def _tensors(inference: Inference, public: Public) -> tuple[Route, ...]:
    anybody = Policy(scope="open", methods=("GET",), max_body=0)
    caller = Policy(scope="predict", methods=("GET",), max_body=0)
    infer = Policy(scope="predict", methods=("POST",), max_body=None, media_types=_TENSORS)
    index = Policy(scope="predict", methods=("POST",), max_body=_SMALL, media_types=_TENSORS)
    model, version = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"
    return (
        Route("/v2", caller, inference.server, "The server's metadata"),
        Route("/v2/health/live", anybody, public.live, "Whether the process turns"),
        Route("/v2/health/ready", anybody, public.ready, "Whether it may be sent requests"),
        Route(model, caller, inference.model, "A model's metadata"),
        Route(version, caller, inference.model, "A version's metadata"),
        Route(f"{model}/ready", caller, inference.ready, "Whether a model is ready"),
        Route(f"{version}/ready", caller, inference.ready, "Whether a version is ready"),
        Route(f"{model}/infer", infer, inference.infer, "Infer from tensors"),
        Route(f"{version}/infer", infer, inference.infer, "Infer by one version"),
        Route("/v2/repository/index", index, inference.index, "List the models in the repository"),
    )
