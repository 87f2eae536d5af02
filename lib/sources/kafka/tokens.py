"""Tokens with which OAUTHBEARER logs in: from an OpenID Connect server, a file, or AWS."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import requests

from lib.core.errors import AccessError, SettingsError
from lib.sources.kafka.settings import AWS_MSK_IAM

if TYPE_CHECKING:
    from lib.sources.kafka.settings import KafkaSettings

_LIFETIME_S: Final = 300.0
"""How long a token counts as valid that does not say how long it is."""

_USED: Final = 0.8
"""Share of its lifetime after which another token is asked for."""


@dataclass(frozen=True)
class Token:
    """A token, whose it is, and when it expires (epoch seconds)."""

    value: str = field(repr=False)
    principal: str
    expires_s: float


def token_of(settings: KafkaSettings) -> Token:
    """Return a token that is valid; a server is asked for another one when it is due.

    Raises
    ------
    SettingsError
        When the file of tokens, or the library for AWS, cannot be used.
    AccessError
        When there is none to be had.
    """
    if settings.sasl_mechanism == AWS_MSK_IAM:
        return _of_aws(settings.aws_region)
    if settings.oauth_token_file:
        return _of_file(settings.oauth_token_file)
    asked = (
        settings.oauth_token_url,
        settings.oauth_client_id,
        settings.oauth_client_secret,
        settings.oauth_scope,
        settings.timeout_s,
    )
    token, got_s = _of_server(*asked)
    if time.time() > got_s + _USED * (token.expires_s - got_s):
        _of_server.cache_clear()
        token, _ = _of_server(*asked)
    return token


@lru_cache(maxsize=16)
def _of_server(
    url: str, client_id: str, secret: str, scope: str, timeout_s: float
) -> tuple[Token, float]:
    """Return a token by client credentials (RFC 6749, 4.4), and when it was got."""
    grant = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
    try:
        answer = requests.post(
            url, data=grant, auth=(client_id, secret), timeout=timeout_s, allow_redirects=False
        )
    except requests.RequestException as error:
        raise AccessError(
            f"The OAuth server at {url} does not answer.",
            "Check oauth_token_url, and that the server is up.",
            type(error).__name__,
        ) from error
    now = time.time()
    try:
        given = answer.json()
    except ValueError:
        given = {}
    value = given.get("access_token") if isinstance(given, dict) else None
    if answer.status_code != requests.codes.ok or not isinstance(value, str):
        told = given if isinstance(given, dict) else {}
        said = ": ".join(str(told[name]) for name in ("error", "error_description") if name in told)
        raise AccessError(
            f"The OAuth server at {url} gives client {client_id!r} no token "
            f"(HTTP {answer.status_code}).",
            "Check oauth_client_id, oauth_client_secret and oauth_scope.",
            said[:200],
        )
    lifetime = given.get("expires_in")
    seconds = float(lifetime) if isinstance(lifetime, int | float) else _LIFETIME_S
    return Token(value, _principal(value) or client_id, now + seconds), now


def _of_file(path: str) -> Token:
    try:
        value = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The file {path} of oauth_token_file cannot be read.",
            "Set oauth_token_file to a file with a token that the server may read.",
            str(getattr(error, "strerror", "") or type(error).__name__),
        ) from error
    if not value or any(c.isspace() for c in value):
        raise SettingsError(
            f"The file {path} of oauth_token_file holds no token.",
            "Put one token into it, and nothing else.",
        )
    expires_s = _claims(value).get("exp")
    if isinstance(expires_s, int | float) and expires_s < time.time():
        raise AccessError(f"The token in {path} has expired.", "Put a token into it that is valid.")
    end = float(expires_s) if isinstance(expires_s, int | float) else time.time() + _LIFETIME_S
    return Token(value, _principal(value) or "skewline", end)


def _of_aws(region: str) -> Token:
    try:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise SettingsError(
            "AWS_MSK_IAM needs a library that is not installed.",
            "Run pip install -r requirements-msk.txt.",
            str(error),
        ) from error
    try:
        value, expires_ms = MSKAuthTokenProvider.generate_auth_token(region)
    except Exception as error:
        # botocore has no common base of what it raises for credentials, profiles and regions.
        raise AccessError(
            "AWS gives no credentials to sign with.",
            "Give the server an AWS role, profile or key, and check aws_region.",
            str(error)[:200],
        ) from error
    return Token(value, "skewline", expires_ms / 1000)


def _principal(token: str) -> str:
    return str(_claims(token).get("sub", ""))


def _claims(token: str) -> dict[str, object]:
    """Return what a JSON web token claims, unchecked; nothing where it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
