"""The signature that both platforms put on a webhook: ``sha256=`` and an HMAC of the raw body."""

import base64
import hashlib
import hmac

from bot.channels.base import BadSignature

_SCHEME = "sha256="


def hex_signature(secret: str, message: bytes) -> str:
    return _SCHEME + _digest(secret, message).hex()


def base64_signature(secret: str, message: bytes) -> str:
    return _SCHEME + base64.b64encode(_digest(secret, message)).decode("ascii")


def require_equal(expected: str, received: str | None, secret: str) -> None:
    """Compare in constant time. Raises ``BadSignature``, also when the header is absent or no secret is configured.

    The hash is always SHA-256: naming another in the header must not weaken the check. An empty secret would let
    anybody sign.
    """
    if not secret:
        raise BadSignature("no secret is configured")
    if not received:
        raise BadSignature("the signature header is absent")
    # As bytes: compare_digest refuses text that is not ASCII, which a stranger's header may be.
    if not hmac.compare_digest(expected.encode(), received.encode("utf-8", "surrogateescape")):
        raise BadSignature("the signature does not match the body")


def same_secret(configured: str, received: str) -> bool:
    """Constant-time comparison of a shared word; false while none is configured."""
    return bool(configured) and hmac.compare_digest(configured.encode(), received.encode("utf-8", "surrogateescape"))


def _digest(secret: str, message: bytes) -> bytes:
    return hmac.digest(secret.encode(), message, hashlib.sha256)
