"""Settings made whole: what is missing is named, and without any channel the simulator's credentials stand in."""

import json
import os
import secrets
from typing import Any

from pydantic import SecretStr

from bot.settings import MessengerSettings, Settings, XSettings


class ConfigurationError(Exception):
    """Settings are missing or contradict each other; the message names each and says what to do."""


def load_settings() -> Settings:
    """Read the settings; while no channel is configured, the simulator stands in for the platforms.

    Raises ``ConfigurationError``.
    """
    settings = Settings()
    if settings.simulated:
        _point_at_simulator(settings)
    missing = missing_settings(settings)
    if missing:
        raise ConfigurationError("These settings are missing (see .env.example for each): " + ", ".join(missing))
    return settings


def missing_settings(settings: Settings) -> list[str]:
    """Names of the variables that an enabled channel, or the desk, lacks."""
    missing: list[str] = []
    for channel in (settings.messenger, settings.x):
        if not channel.enabled:
            continue
        prefix = str(channel.model_config["env_prefix"])
        for name, value in channel:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            if plain == "":
                missing.append(prefix + name.upper())
    if not settings.mail.host:
        missing.append("PARVIS_MAIL_HOST")
    return missing


def _point_at_simulator(settings: Settings) -> None:
    """Credentials drawn at random for this installation: a forgotten simulator must not open the gateway to anyone."""
    drawn = _draw_credentials(settings)
    settings.messenger = MessengerSettings(**drawn["messenger"], api_url=f"{settings.simulator.address}/v25.0")
    settings.x = XSettings(**drawn["x"], api_url=settings.simulator.address)
    # The mailbox too, whatever server is set: nobody at the brand should be asked to answer an invented customer.
    mailbox = {"host": "127.0.0.1", "port": settings.simulator.smtp_port, "username": "", "tls": "none"}
    settings.mail = settings.mail.model_copy(update=mailbox)


def _draw_credentials(settings: Settings) -> dict[str, dict[str, Any]]:
    path = settings.core.home / "simulator.json"
    if path.exists():
        stored: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return stored
    drawn: dict[str, dict[str, Any]] = {
        "messenger": {"page_id": "100200300", "app_id": "400500600"},
        "x": {"account_id": "700800900", "app_id": "13572468"},
    }
    for name in ("app_secret", "page_token", "verify_token"):
        drawn["messenger"][name] = secrets.token_hex(24)
    for name in ("consumer_key", "consumer_secret", "access_token", "access_token_secret", "bearer_token"):
        drawn["x"][name] = secrets.token_hex(24)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    with open(os.open(unfinished, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(drawn, file)
    try:
        os.link(unfinished, path)  # fails when another process was first; then its draw counts
    except FileExistsError:
        return _draw_credentials(settings)
    finally:
        unfinished.unlink()
    return drawn


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings as ``PARVIS_*`` variables, for processes that read them themselves (simulator, Rasa)."""
    variables: dict[str, str] = {}
    for group in settings.groups().values():
        prefix = str(group.model_config["env_prefix"])
        for name, value in group:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            variables[prefix + name.upper()] = json.dumps(plain) if isinstance(plain, list | tuple) else str(plain)
    return variables
