"""A typed client of a served model: `from modelwright.client import Client`."""

from modelwright.interfaces.client import Client, Prediction, ServerError

__all__ = ["Client", "Prediction", "ServerError"]
