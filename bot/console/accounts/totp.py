"""The second factor: time-based codes (RFC 6238), 30 seconds each, good once."""

import hmac
from datetime import datetime
from typing import Final

import pyotp
import segno

STEP_SECONDS: Final = 30
_DRIFT_STEPS: Final = (-1, 0, 1)


def new_secret() -> str:
    return pyotp.random_base32()


def address_of(secret: str, email: str, brand: str) -> str:
    """What an authenticator reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=f"{brand} · Parvis")


def picture_of(address: str) -> str:
    """A QR code as a ``data:`` address of an SVG image."""
    return segno.make(address, error="m").svg_data_uri(scale=5, border=2, dark="#211d19", light="#ffffff")


def matching_step(secret: str, code: str, now: datetime, used_step: int) -> int | None:
    """The step whose code this is, a step early or late included; None when none fits or it was used before."""
    current = int(now.timestamp()) // STEP_SECONDS
    given = code.replace(" ", "").encode()
    for step in (current + drift for drift in _DRIFT_STEPS):
        expected = pyotp.HOTP(secret).at(step).encode()
        if step > used_step and hmac.compare_digest(expected, given):
            return step
    return None
