"""Amazon S3 and compatible stores (s3://bucket/path), with credentials from the usual environment."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Any

from modelwright.adapters.stores._shared import CLIENT, RETRY, fetch, parse, send
from modelwright.core.errors import AdapterError
from modelwright.core.ports import Store

_CHECK = (
    "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE), AWS_REGION, AWS_ENDPOINT_URL, "
    "and the rights to list and read"
)
#: set on machines that hand out credentials themselves; obstore knows how to ask
_MACHINE = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


class _S3:
    schemes = ("s3", "s3a")

    def fetch(self, uri: str, into: Path, max_bytes: int) -> list[Path]:
        place = parse(uri)
        return fetch(_store(place.bucket), place, into, max_bytes, _CHECK)

    def send(self, file: Path, uri: str) -> None:
        place = parse(uri)
        send(_store(place.bucket), place, file, _CHECK)


def _store(bucket: str) -> Any:
    from obstore.store import S3Store

    profile = _profile()
    config: dict[str, Any] = {
        "region": _first("AWS_REGION", "AWS_DEFAULT_REGION") or profile.get("region", "us-east-1")
    }
    if not any(os.environ.get(name) for name in _MACHINE):
        config |= _credentials(profile)
    client: dict[str, Any] = dict(CLIENT)
    endpoint = _first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") or profile.get("endpoint_url", "")
    if endpoint:
        config["endpoint"] = endpoint
        config["virtual_hosted_style_request"] = False
        client["allow_http"] = endpoint.startswith("http://")
    return S3Store(bucket, client_options=client, retry_config=RETRY, **config)  # type: ignore[arg-type]


def _credentials(profile: dict[str, str]) -> dict[str, Any]:
    """From the environment unless a profile is asked for by name; nothing at all leaves it to the machine's role."""
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    token = os.environ.get("AWS_SESSION_TOKEN")
    if not (key and secret):
        key, secret = profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")
        token = profile.get("aws_session_token")
    if not (key and secret):
        return {"skip_signature": True} if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true" else {}
    found: dict[str, Any] = {"access_key_id": key, "secret_access_key": secret}
    return found | ({"session_token": token} if token else {})


def _profile() -> dict[str, str]:
    """The profile's keys from the two files that the AWS tools share. Raises AdapterError when there is none."""
    name = os.environ.get("AWS_PROFILE") or "default"
    found: dict[str, str] = {}
    for variable, usual, section in (
        ("AWS_CONFIG_FILE", "~/.aws/config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", name),
    ):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(Path(os.environ.get(variable) or usual).expanduser(), encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        if parser.has_section(section):
            found |= dict(parser.items(section))
    if not found and os.environ.get("AWS_PROFILE"):
        raise AdapterError(
            f"AWS_PROFILE is '{name}', but there is no such profile.",
            code="store.unknown_profile",
            hint="add it to ~/.aws/credentials, or unset AWS_PROFILE",
            subject="environment:AWS_PROFILE",
        )
    return found


def _first(*names: str) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


PLUGIN: Store = _S3()
