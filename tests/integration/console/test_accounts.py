"""Who may sign in, and what is kept of it."""

import asyncio

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.console.accounts import (
    EmailTaken,
    InvalidInvitation,
    LastAdmin,
    Refusal,
    Role,
    SignInRefused,
    WeakPassword,
)
from bot.console.accounts.models import Base
from bot.console.accounts.secrets import Vault
from bot.console.accounts.totp import new_secret
from tests.integration.console.conftest import PASSWORD

FIRST = {"email": "Ada@Brand.example", "name": "Ada", "password": PASSWORD, "language": "fr", "address": "1.2.3.4"}


async def refusal(accounts, email="lea@brand.example", password=PASSWORD, address="1.2.3.4"):
    with pytest.raises(SignInRefused) as refused:
        await accounts.sign_in.with_password(email, password, address)
    return refused.value


async def code_refusal(accounts, proof, code="000000"):
    with pytest.raises(SignInRefused) as refused:
        await accounts.sign_in.with_code(proof, code, "1.2.3.4")
    return refused.value.refusal


async def prove_password(accounts):
    """The proof of somebody who has a second factor, and its secret."""
    user, secret = await accounts.make(), new_secret()
    await accounts.users.set_totp(user.id, accounts.vault.seal(secret), by=user.email)
    refused = await refusal(accounts)
    assert refused.refusal is Refusal.CODE_NEEDED
    return user, refused.proof, pyotp.TOTP(secret)


async def test_first_admin_is_made_by_a_link_that_works_once(accounts):
    token = await accounts.invitations.for_first_admin()
    user = await accounts.invitations.accept_as_first_admin(token, **FIRST)
    assert Role.ADMIN in user.roles
    assert user.email == "ada@brand.example"
    with pytest.raises(InvalidInvitation):
        await accounts.invitations.accept_as_first_admin(token, **(FIRST | {"email": "eve@brand.example"}))
    assert await accounts.invitations.for_first_admin() is None


async def test_a_new_start_makes_the_former_first_link_worthless(accounts):
    former = await accounts.invitations.for_first_admin()
    await accounts.invitations.for_first_admin()
    with pytest.raises(InvalidInvitation):
        await accounts.invitations.accept_as_first_admin(former, **FIRST)


async def test_two_people_who_open_the_first_link_at_once_make_one_admin(accounts):
    token = await accounts.invitations.for_first_admin()
    attempts = [
        accounts.invitations.accept_as_first_admin(token, **(FIRST | {"email": f"p{n}@brand.example"}))
        for n in range(4)
    ]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert len(await accounts.users.all()) == 1


async def test_a_weak_password_leaves_the_link_good(accounts):
    token = await accounts.invitations.for_first_admin()
    with pytest.raises(WeakPassword):
        await accounts.invitations.accept_as_first_admin(token, **(FIRST | {"password": "court"}))
    await accounts.invitations.accept_as_first_admin(token, **FIRST)


async def test_an_invited_person_chooses_a_password_and_signs_in(accounts):
    user = await accounts.users.create("tom@brand.example", "Tom", {Role.AGENT}, "en", by="ada")
    token = await accounts.invitations.for_user(user, by="ada")
    assert (await refusal(accounts, "tom@brand.example")).refusal is Refusal.WRONG
    await accounts.invitations.accept(token, PASSWORD, address="")
    signed_in = await accounts.sign_in.with_password("TOM@brand.example ", PASSWORD, "1.2.3.4")
    assert signed_in.id == user.id
    with pytest.raises(InvalidInvitation):
        await accounts.invitations.accept(token, PASSWORD + "!", address="")


async def test_an_invitation_ends_after_three_days_and_with_the_next_one(accounts):
    user = await accounts.make()
    first = await accounts.invitations.for_user(user, by="ada")
    second = await accounts.invitations.for_user(user, by="ada")
    with pytest.raises(InvalidInvitation):
        await accounts.invitations.purpose_of(first)
    accounts.clock.advance(days=3)
    with pytest.raises(InvalidInvitation):
        await accounts.invitations.purpose_of(second)


async def test_unknown_wrong_and_deactivated_look_alike(accounts):
    user = await accounts.make()
    await accounts.make("admin@brand.example", Role.ADMIN)
    await accounts.users.change(user.id, roles=user.roles, active=False, name=user.name, by="ada")
    for email, password in (
        ("nobody@brand.example", PASSWORD),
        ("lea@brand.example", PASSWORD),
        ("admin@brand.example", "wrong"),
    ):
        assert (await refusal(accounts, email, password)).refusal is Refusal.WRONG


async def test_too_many_wrong_passwords_make_one_wait_even_with_the_right_one(accounts):
    await accounts.make()
    for _ in range(3):
        assert (await refusal(accounts, password="wrong")).refusal is Refusal.WRONG
    refused = await refusal(accounts)
    assert refused.refusal is Refusal.TOO_MANY
    assert 0 < refused.wait_seconds <= 900


async def test_one_address_cannot_try_many_accounts(accounts):
    for n in range(6):
        await refusal(accounts, f"p{n}@brand.example")
    assert (await refusal(accounts, "p9@brand.example")).refusal is Refusal.TOO_MANY
    await accounts.make()
    await accounts.sign_in.with_password("lea@brand.example", PASSWORD, "5.6.7.8")


async def test_a_second_factor_is_asked_for_and_its_code_is_good_once(accounts):
    user, proof, totp = await prove_password(accounts)
    assert await code_refusal(accounts, proof, " ") is Refusal.CODE_NEEDED
    assert await code_refusal(accounts, proof) is Refusal.WRONG_CODE
    code = totp.at(accounts.clock())
    assert (await accounts.sign_in.with_code(proof, code, "1.2.3.4")).id == user.id
    assert await code_refusal(accounts, proof, code) is Refusal.WRONG_CODE


async def test_the_proof_of_a_password_holds_no_password_and_ends_after_five_minutes(accounts):
    user, proof, totp = await prove_password(accounts)
    assert PASSWORD not in accounts.vault.open(proof)
    accounts.clock.advance(seconds=299)
    assert (await accounts.sign_in.with_code(proof, totp.at(accounts.clock()), "1.2.3.4")).id == user.id
    accounts.clock.advance(seconds=60)
    assert await code_refusal(accounts, proof, totp.at(accounts.clock())) is Refusal.TOO_LATE


@pytest.mark.parametrize(
    "tampered",
    [
        lambda accounts, proof: proof[:-6] + "AAAA==",
        lambda accounts, proof: "",
        lambda accounts, proof: Vault("l" * 32, accounts.clock).seal(accounts.vault.open(proof)),
        lambda accounts, proof: accounts.vault.seal(accounts.vault.open(proof).replace('"user": 1', '"user": 2')),
        lambda accounts, proof: accounts.vault.seal('{"proves": "password", "user": 1}'),
        lambda accounts, proof: accounts.vault.seal("JBSWY3DPEHPK3PXP"),
        lambda accounts, proof: accounts.vault.seal("[1]"),
    ],
)
async def test_a_proof_that_was_tampered_with_proves_nothing(accounts, tampered):
    _, proof, totp = await prove_password(accounts)
    await accounts.make("eve@brand.example")
    assert await code_refusal(accounts, tampered(accounts, proof), totp.at(accounts.clock())) is Refusal.TOO_LATE


async def test_a_proof_is_worth_nothing_once_the_password_changed_or_the_account_is_closed(accounts):
    user, proof, totp = await prove_password(accounts)
    await accounts.make("admin@brand.example", Role.ADMIN)
    await accounts.users.change(user.id, roles=user.roles, active=False, name=user.name, by="ada")
    assert await code_refusal(accounts, proof, totp.at(accounts.clock())) is Refusal.TOO_LATE
    await accounts.users.change(user.id, roles=user.roles, active=True, name=user.name, by="ada")
    await accounts.users.set_password(user.id, PASSWORD + " dix", by="test")
    assert await code_refusal(accounts, proof, totp.at(accounts.clock())) is Refusal.TOO_LATE


async def test_wrong_codes_count_as_wrong_passwords_do(accounts):
    _, proof, totp = await prove_password(accounts)
    for _ in range(3):
        assert await code_refusal(accounts, proof) is Refusal.WRONG_CODE
    assert await code_refusal(accounts, proof, totp.at(accounts.clock())) is Refusal.TOO_MANY
    assert (await refusal(accounts)).refusal is Refusal.TOO_MANY


async def test_a_session_ends_when_idle_and_in_any_case_in_time(accounts):
    user = await accounts.make()
    token = await accounts.sessions.begin(user.id)
    accounts.clock.advance(minutes=59)
    assert (await accounts.sessions.resolve(token)).user.id == user.id
    accounts.clock.advance(minutes=59)
    assert await accounts.sessions.resolve(token) is not None
    accounts.clock.advance(minutes=60)
    assert await accounts.sessions.resolve(token) is None
    busy = await accounts.sessions.begin(user.id)
    for _ in range(24):
        accounts.clock.advance(minutes=30)
        last = await accounts.sessions.resolve(busy)
    assert last is None


async def test_the_database_does_not_hold_the_cookie(accounts, database):
    token = await accounts.sessions.begin((await accounts.make()).id)
    async with database.reading() as session:
        kept = (await session.execute(text("SELECT * FROM console_sessions"))).all()
    assert kept
    assert token not in repr(kept)


async def test_who_loses_a_role_or_changes_the_password_is_signed_out_everywhere(accounts):
    user = await accounts.make()
    token = await accounts.sessions.begin(user.id)
    await accounts.make("admin@brand.example", Role.ADMIN)
    await accounts.users.change(user.id, roles={Role.TRAINER}, active=True, name=user.name, by="ada")
    assert await accounts.sessions.resolve(token) is None
    token = await accounts.sessions.begin(user.id)
    await accounts.users.set_password(user.id, PASSWORD + " dix", by=user.email)
    assert await accounts.sessions.resolve(token) is None


async def test_somebody_stays_admin(accounts):
    admin = await accounts.make("admin@brand.example", Role.ADMIN)
    with pytest.raises(LastAdmin):
        await accounts.users.change(admin.id, roles={Role.AGENT}, active=True, name=admin.name, by="ada")
    with pytest.raises(LastAdmin):
        await accounts.users.change(admin.id, roles=admin.roles, active=False, name=admin.name, by="ada")
    assert (await accounts.users.get(admin.id)).roles == admin.roles


async def test_an_address_has_one_account(accounts):
    await accounts.make()
    with pytest.raises(EmailTaken):
        await accounts.users.create("LEA@brand.example", "Other", {Role.AGENT}, "fr", by="ada")


async def test_every_change_is_in_the_audit_log(accounts):
    user = await accounts.make()
    await accounts.sign_in.with_password(user.email, PASSWORD, "1.2.3.4")
    await refusal(accounts, password="wrong")
    assert await accounts.actions() == ["user_created", "password_set", "signed_in", "sign_in_failed"]


async def test_an_unknown_address_is_not_kept_since_it_may_be_a_password(accounts):
    await refusal(accounts, "lavande soleil neuf")
    [(_, entry)] = await accounts.audit.newest()
    assert "lavande" not in repr(entry)


@pytest.mark.parametrize("statement", ["UPDATE console_audit_log SET actor = 'x'", "DELETE FROM console_audit_log"])
async def test_the_database_refuses_to_change_the_audit_log(accounts, database, statement):
    await accounts.make()
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.writing() as session:
            await session.execute(text(statement))


async def test_tables_and_migrations_agree(database):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def differences(connection):
        names = set(Base.metadata.tables)
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or name in names,
            },
        )
        return compare_metadata(context, Base.metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_page_left_open_does_not_keep_its_session_alive(accounts):
    user = await accounts.make()
    token = await accounts.sessions.begin(user.id)
    for _ in range(11):
        accounts.clock.advance(minutes=5)
        assert await accounts.sessions.resolve(token, by_hand=False)
    accounts.clock.advance(minutes=5)
    assert await accounts.sessions.resolve(token, by_hand=False) is None


async def test_namesakes_are_told_apart_by_the_desk(accounts):
    first = await accounts.make("lea@brand.example")
    second = await accounts.make("lea@shop.example")
    third = await accounts.make("inbox@brand.example")
    assert (first.handle, second.handle, third.handle) == ("lea", "lea-2", "inbox-2")
