"""Random tokens, of which only a hash is stored, and the key that seals what must be read again."""

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from bot.desk.changes import Clock, utc_now

_TOKEN_BYTES: Final = 32


def new_token() -> str:
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """A random token needs no slow hash: it cannot be guessed from a list of likely ones."""
    return hashlib.sha256(token.encode()).hexdigest()


class Vault:
    """Seals short texts (a TOTP secret, the state of a sign-in elsewhere) with one key."""

    def __init__(self, key: str, clock: Clock = utc_now) -> None:
        """``key``: any text of at least 32 characters; its SHA-256 is what seals."""
        if len(key) < 32:
            raise ValueError("PARVIS_CONSOLE_SECRET needs at least 32 characters: openssl rand -base64 48 makes one")
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()))
        self._now = clock

    def seal(self, text: str) -> str:
        return self._fernet.encrypt_at_time(text.encode(), self._seconds()).decode()

    def open(self, sealed: str, good_for_seconds: int | None = None) -> str | None:
        """None when it was sealed with another key, changed, or is too old."""
        try:
            if good_for_seconds is None:
                return self._fernet.decrypt(sealed.encode()).decode()
            return self._fernet.decrypt_at_time(sealed.encode(), good_for_seconds, self._seconds()).decode()
        except (InvalidToken, ValueError):
            return None

    def _seconds(self) -> int:
        return int(self._now().timestamp())


def read_or_make_key(path: Path) -> str:
    """The installation's own key, made once and readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    key = secrets.token_urlsafe(48)
    with os.fdopen(file, "w", encoding="utf-8") as opened:
        opened.write(key)
    return key
