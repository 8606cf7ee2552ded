"""What keeps others out, without a database."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from bot.console.accounts.passwords import hash_password, is_right, problem_of
from bot.console.accounts.rights import Right, Role, rights_of
from bot.console.accounts.secrets import Vault, read_or_make_key
from bot.console.accounts.totp import matching_step, new_secret
from bot.console.security import own_path

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("path", ["/", "/tickets/ML-7K3-FQ2", "/tickets?team=care&page=2"])
def test_after_signing_in_one_goes_on_where_one_wanted(path):
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", None, "/a\nb"]
)
def test_after_signing_in_nobody_is_sent_to_another_site(path):
    assert own_path(path) == "/"


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("court", "short"),
        ("x" * 201, "long"),
        ("lea.martin@brand.example", "guessable"),
        ("aaaaaaaaaaaaaa", "guessable"),
        ("lavande soleil neuf", None),
        ("  blanks belong to it ", None),
    ],
)
def test_a_password_that_is_easily_guessed_is_refused(password, problem):
    assert problem_of(password, "lea.martin@brand.example", "Léa Martin") == problem


async def test_a_password_is_kept_as_argon2id():
    hashed = await hash_password("lavande soleil neuf")
    assert hashed.startswith("$argon2id$")
    assert await is_right("lavande soleil neuf", hashed)
    assert not await is_right("lavande soleil dix", hashed)
    assert not await is_right("lavande soleil neuf", None)


def test_a_code_is_good_for_its_time_and_once():
    secret = new_secret()
    code = pyotp.TOTP(secret).at(NOW)
    step = matching_step(secret, code, NOW, used_step=0)
    assert step is not None
    assert matching_step(secret, code, NOW + timedelta(seconds=30), used_step=0) == step
    assert matching_step(secret, code, NOW, used_step=step) is None
    assert matching_step(secret, code, NOW + timedelta(minutes=2), used_step=0) is None


def test_what_is_sealed_is_read_with_the_same_key_only():
    sealed = Vault("k" * 32).seal("secret")
    assert "secret" not in sealed
    assert Vault("k" * 32).open(sealed) == "secret"
    assert Vault("l" * 32).open(sealed) is None
    assert Vault("k" * 32).open(sealed[:-2]) is None


def test_a_short_key_is_refused_with_a_way_to_make_one():
    with pytest.raises(ValueError, match="openssl"):
        Vault("short")


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path):
    path = tmp_path / "home" / "console.key"
    assert read_or_make_key(path) == read_or_make_key(path)
    assert path.stat().st_mode & 0o077 == 0


def test_an_admin_may_everything_and_a_trainer_reads_no_ticket():
    assert rights_of([Role.ADMIN]) == frozenset(Right)
    assert Right.WORK_TICKETS not in rights_of([Role.TRAINER])
    assert rights_of([Role.AGENT, Role.TRAINER]) == {Right.WORK_TICKETS, Right.TRAIN}
