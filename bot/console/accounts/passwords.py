"""Passwords: argon2id (RFC 9106, the library's default parameters), hashed off the event loop."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 200

_hasher = PasswordHasher()
# Checked when there is no account or no password, so that the answer takes as long as a wrong password's.
_NOBODYS: Final = _hasher.hash("nobody has this password")


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(_hasher.hash, password)


async def is_right(password: str, hashed: str | None) -> bool:
    matches = await asyncio.to_thread(_verify, hashed or _NOBODYS, password)
    return matches and hashed is not None


def is_outdated(hashed: str) -> bool:
    """Made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(hashed)


def problem_of(password: str, email: str, name: str) -> str | None:
    """``short``, ``long`` or ``guessable``; None when it will do. Length is what counts (NIST SP 800-63B)."""
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    plain = password.lower()
    own = {email.lower(), email.lower().partition("@")[0], name.lower(), "parvis"}
    is_own = any(len(word) > 3 and plain.replace(word, "") in {"", *_TRIMMINGS} for word in own)
    return "guessable" if is_own or len(set(plain)) < 5 or plain in _SEQUENCES else None


_TRIMMINGS: Final = frozenset({"1", "12", "123", "1234", "12345", "!", "1!", "123!"})
_SEQUENCES: Final = frozenset({"123456789012", "1234567890123", "azertyuiop123", "qwertyuiop123", "password1234"})


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
