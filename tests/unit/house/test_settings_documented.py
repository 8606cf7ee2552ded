"""Every setting is in .env.example with its default, and nothing else is."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.configuration import ConfigurationError, load_settings, missing_settings
from bot.settings import PROJECT_ROOT, Settings


def documented() -> dict[str, str]:
    lines = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith("PARVIS_"))


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    _forget_environment(monkeypatch)
    variables: dict[str, Any] = {}
    for group in Settings().groups().values():
        for name, field in type(group).model_fields.items():
            variables[str(group.model_config["env_prefix"]) + name.upper()] = field.default
    return variables


def _forget_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("PARVIS_"):
            monkeypatch.delenv(name)


def test_every_setting_is_documented_and_nothing_else(defaults):
    assert set(documented()) == set(defaults)


def test_the_documented_values_are_the_defaults(defaults):
    for name, written in documented().items():
        default = defaults[name].get_secret_value() if isinstance(defaults[name], SecretStr) else defaults[name]
        if isinstance(default, Path):
            assert written == "", f"{name} depends on where the project is"
        elif isinstance(default, int | float) and not isinstance(default, bool):
            assert float(written) == float(default), name
        elif isinstance(default, tuple):
            assert written == str(list(default)).replace("'", '"').replace(", ", ","), name
        else:
            assert written == str(default), name


def test_a_secret_may_be_given_as_a_file(monkeypatch, tmp_path):
    _forget_environment(monkeypatch)
    (tmp_path / "secret").write_text("from-a-file\n", encoding="utf-8")
    monkeypatch.setenv("PARVIS_MESSENGER_APP_SECRET_FILE", str(tmp_path / "secret"))
    assert Settings().messenger.app_secret.get_secret_value() == "from-a-file"


def test_a_half_configured_channel_names_each_missing_variable(monkeypatch, tmp_path):
    _forget_environment(monkeypatch)
    monkeypatch.setenv("PARVIS_HOME", str(tmp_path))
    monkeypatch.setenv("PARVIS_X_ACCOUNT_ID", "900")
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    message = str(raised.value)
    assert "PARVIS_X_CONSUMER_SECRET" in message
    assert "PARVIS_X_BEARER_TOKEN" in message
    assert "PARVIS_MAIL_HOST" in message
    assert "MESSENGER" not in message


def test_without_a_channel_the_simulator_stands_in_with_credentials_of_its_own(monkeypatch, tmp_path):
    _forget_environment(monkeypatch)
    monkeypatch.setenv("PARVIS_HOME", str(tmp_path / "one"))
    first, again = load_settings(), load_settings()
    assert first.messenger.app_secret == again.messenger.app_secret
    assert missing_settings(first) == []
    assert first.x.api_url == "http://127.0.0.1:8010"
    monkeypatch.setenv("PARVIS_HOME", str(tmp_path / "two"))
    assert load_settings().messenger.app_secret != first.messenger.app_secret


def test_the_simulators_credentials_are_readable_by_their_owner_only(monkeypatch, tmp_path):
    _forget_environment(monkeypatch)
    monkeypatch.setenv("PARVIS_HOME", str(tmp_path))
    load_settings()
    assert (tmp_path / "simulator.json").stat().st_mode & 0o077 == 0


def test_while_simulated_no_mail_reaches_a_real_server(monkeypatch, tmp_path):
    _forget_environment(monkeypatch)
    monkeypatch.setenv("PARVIS_HOME", str(tmp_path))
    monkeypatch.setenv("PARVIS_MAIL_HOST", "smtp.example.com")
    monkeypatch.setenv("PARVIS_MAIL_TLS", "starttls")
    mail = load_settings().mail
    assert (mail.host, mail.port, mail.tls) == ("127.0.0.1", 8025, "none")
