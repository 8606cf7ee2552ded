"""Signing in: password, second factor where there is one, and a limit on tries."""

import hashlib
import json
from enum import StrEnum
from typing import Final

from sqlalchemy import select, update

from bot.console.accounts.audit import Entry
from bot.console.accounts.models import UserRow
from bot.console.accounts.passwords import hash_password, is_outdated, is_right
from bot.console.accounts.rights import Role
from bot.console.accounts.secrets import Vault
from bot.console.accounts.throttle import Throttle
from bot.console.accounts.totp import matching_step
from bot.console.accounts.users import User, Users, plain_email, view
from bot.desk.changes import Clock, utc_now

_PROOF_SECONDS: Final = 300


class Refusal(StrEnum):
    WRONG = "wrong"
    """Unknown, without a password, deactivated or a wrong password: all look alike to who tries."""
    CODE_NEEDED = "code_needed"
    WRONG_CODE = "wrong_code"
    TOO_LATE = "too_late"
    """The proof that the password was right is too old, changed, or of another password than the account's."""
    TOO_MANY = "too_many"
    NOT_INVITED = "not_invited"
    """Known to the identity provider, but nobody gave this person a role."""


class SignInRefused(Exception):
    """``proof``, while only the code is missing: what ``SignIn.with_code`` takes in the password's place."""

    def __init__(self, refusal: Refusal, wait_seconds: int = 0, proof: str = "") -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.wait_seconds = wait_seconds
        self.proof = proof


class SignIn:
    """Methods raise ``SignInRefused`` and ``DeskUnavailable``."""

    def __init__(self, users: Users, throttle: Throttle, vault: Vault, clock: Clock = utc_now) -> None:
        self._users = users
        self._throttle = throttle
        self._vault = vault
        self._now = clock

    async def with_password(self, email: str, password: str, address: str) -> User:
        """Whoever has a second factor is refused with a proof, good for five minutes; see ``with_code``."""
        row = await self._check_password(email, password, address)
        await self._renew_hash(row, password)
        if row.totp_secret is not None:
            raise SignInRefused(Refusal.CODE_NEEDED, proof=self._prove(row))
        return await self._enter(row, address)

    async def with_code(self, proof: str, code: str, address: str) -> User:
        row = await self._proved(proof)
        if row is None:
            raise SignInRefused(Refusal.TOO_LATE)
        await self._require_patience(row.email, address)
        await self._check_code(row, code, address, proof)
        return await self._enter(row, address)

    async def confirm(self, email: str, password: str, address: str) -> None:
        """Before a change of one's own account: it is still the owner who sits there."""
        await self._check_password(email, password, address)

    async def with_identity(
        self, subject: str, email: str, name: str, roles: frozenset[Role], language: str, address: str
    ) -> User:
        """``subject``, ``email`` (verified by the provider) and ``roles`` (empty when the provider gives none) are of
        an identity that was proved by OpenID Connect. An account is found by subject, then by e-mail, else made."""
        async with self._users.database.writing() as session:
            row = await session.scalar(select(UserRow).where(UserRow.oidc_subject == subject))
            row = row or await session.scalar(select(UserRow).where(UserRow.email == plain_email(email)))
            if row is None and roles:
                row = await self._users.add_row(session, email, name, roles, language)
                self._users.audit.add(session, Entry(row.email, "user_created", row.email, {"roles": sorted(roles)}))
            if row is None or not row.active:
                raise SignInRefused(Refusal.NOT_INVITED)
            row.oidc_subject = subject
            if roles and frozenset(row.roles) != roles:
                self._users.audit.add(
                    session, Entry(row.email, "user_changed", row.email, {"roles": [row.roles, sorted(roles)]})
                )
                row.roles = sorted(roles)
            await session.flush()
            self._users.audit.add(session, Entry(row.email, "signed_in", row.email, {"with": "oidc"}, address))
            return view(row)

    async def _check_password(self, email: str, password: str, address: str) -> UserRow:
        await self._require_patience(email, address)
        async with self._users.database.reading() as session:
            row = await session.scalar(select(UserRow).where(UserRow.email == plain_email(email)))
        # Also hashed for nobody, so that the time taken does not tell who has an account.
        if not await is_right(password, row.password_hash if row and row.active else None) or row is None:
            await self._fail(email, address)
            raise SignInRefused(Refusal.WRONG)
        return row

    async def _require_patience(self, email: str, address: str) -> None:
        if wait := await self._throttle.wait_seconds(email, address):
            raise SignInRefused(Refusal.TOO_MANY, wait)

    async def _enter(self, row: UserRow, address: str) -> User:
        await self._throttle.forget(row.email)
        await self._users.audit.record(Entry(row.email, "signed_in", row.email, {"with": "password"}, address))
        return view(row)

    def _prove(self, row: UserRow) -> str:
        return self._vault.seal(json.dumps(_proof_of(row)))

    async def _proved(self, proof: str) -> UserRow | None:
        """Whose proof it is; None when it is too old, was changed, or the account is no longer what it was."""
        told = _read_proof(self._vault.open(proof, _PROOF_SECONDS))
        if told is None:
            return None
        async with self._users.database.reading() as session:
            row = await session.get(UserRow, told["user"])
        return row if row is not None and row.active and told == _proof_of(row) else None

    async def _check_code(self, row: UserRow, code: str, address: str, proof: str) -> None:
        if row.totp_secret is None:
            return
        if not code.strip():
            raise SignInRefused(Refusal.CODE_NEEDED, proof=proof)
        secret = self._vault.open(row.totp_secret)
        step = matching_step(secret, code, self._now(), row.totp_used_step) if secret else None
        if step is None or not await self._use_step(row.id, step):
            await self._fail(row.email, address)
            raise SignInRefused(Refusal.WRONG_CODE, proof=proof)

    async def _use_step(self, user_id: int, step: int) -> bool:
        """False when another request used the same code first."""
        async with self._users.database.writing() as session:
            used = await session.execute(
                update(UserRow)
                .where(UserRow.id == user_id, UserRow.totp_used_step < step)
                .values(totp_used_step=step)
                .returning(UserRow.id)
            )
            return used.first() is not None

    async def _renew_hash(self, row: UserRow, password: str) -> None:
        if row.password_hash is None or not is_outdated(row.password_hash):
            return
        row.password_hash = await hash_password(password)
        async with self._users.database.writing() as session:
            await session.execute(update(UserRow).where(UserRow.id == row.id).values(password_hash=row.password_hash))

    async def _fail(self, email: str, address: str) -> None:
        await self._throttle.count_failure(email, address)
        # The account that was tried, if there is one; a mistyped address may be a password.
        known = await self._users.find(email)
        await self._users.audit.record(Entry(known.email if known else "?", "sign_in_failed", address=address))


def _proof_of(row: UserRow) -> dict[str, object]:
    """The password's own hash is not given away, but another password is another proof."""
    return {
        "proves": "password",
        "user": row.id,
        "hash": hashlib.sha256((row.password_hash or "").encode()).hexdigest()[:16],
    }


def _read_proof(opened: str | None) -> dict[str, object] | None:
    """None for what is no proof: other things are sealed with the same key."""
    try:
        told = json.loads(opened or "null")
    except ValueError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("user"), int) else None
