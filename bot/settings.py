"""Every setting of Parvis, typed, read once from the environment and ``.env``.

A group is a class; its variables share a prefix. Secrets are ``SecretStr`` so that they never reach a log. A secret may
also be given as a file: ``PARVIS_<NAME>_FILE`` holds the path, as container platforms mount them.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent


# A second installation on the same machine (a benchmark, a test) must not inherit this one's credentials.
DOTENV = Path(os.environ.get("PARVIS_DOTENV", PROJECT_ROOT / ".env"))


def _group(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=prefix, env_file=DOTENV, extra="ignore", env_ignore_empty=True)


class BrandSettings(BaseSettings):
    """Who speaks. The facts that customers are told (hours, addresses, prices) live in ``domain.yml``."""

    model_config = _group("PARVIS_BRAND_")

    name: str = "Maison Lumen"
    country: str = Field(
        default="FR", pattern="^[A-Z]{2}$", description="ISO 3166; national phone numbers are read as this country's"
    )
    time_zone: str = "Europe/Paris"
    order_number: str = Field(
        default=r"\b(?:ML|LM)[- ]?\d{5,10}\b",
        description="Regular expression of order numbers; empty: only what a customer calls one is masked as one",
    )


class MessengerSettings(BaseSettings):
    model_config = _group("PARVIS_MESSENGER_")

    page_id: str = ""
    app_id: str = ""
    app_secret: SecretStr = SecretStr("")
    page_token: SecretStr = SecretStr("")
    verify_token: SecretStr = SecretStr("")
    api_url: str = "https://graph.facebook.com/v25.0"

    @property
    def enabled(self) -> bool:
        return bool(self.page_id)


class XSettings(BaseSettings):
    model_config = _group("PARVIS_X_")

    account_id: str = ""
    app_id: str = ""
    consumer_key: SecretStr = SecretStr("")
    consumer_secret: SecretStr = SecretStr("")
    access_token: SecretStr = SecretStr("")
    access_token_secret: SecretStr = SecretStr("")
    bearer_token: SecretStr = SecretStr("")
    api_url: str = "https://api.x.com"

    @property
    def enabled(self) -> bool:
        return bool(self.account_id)


class RedisSettings(BaseSettings):
    model_config = _group("PARVIS_REDIS_")

    url: str = Field(default="", description="Empty: the embedded Valkey on ``port``")
    port: int = 6390
    fsync: Literal["always", "everysec"] = Field(
        default="always", description="When the embedded Valkey's append-only file reaches the disk"
    )

    @property
    def embedded(self) -> bool:
        return not self.url

    @property
    def address(self) -> str:
        return self.url or f"redis://127.0.0.1:{self.port}/0"


class InboxSettings(BaseSettings):
    model_config = _group("PARVIS_INBOX_")

    shards: int = Field(default=16, ge=1, le=1024, description="Changing it needs empty streams")
    concurrent_turns: int = Field(default=16, ge=1, description="Conversations one worker answers at once")
    concurrent_sends: int = Field(default=16, ge=1, description="Conversations one sender writes to at once")
    lease_seconds: float = Field(default=5.0, gt=0)
    turn_attempts: int = Field(default=5, ge=1)
    send_attempts: int = Field(default=8, ge=1)
    holding_after_seconds: float = Field(
        default=10.0, gt=0, description="A customer who waits longer gets one short word, once per outage"
    )
    echo_wait_seconds: float = Field(
        default=10.0, ge=0, description="How long a cut-off send waits for its echo before it is tried again"
    )
    human_silence_hours: float = Field(
        default=24.0, ge=0, description="How long the assistant is silent after a person answered on the platform"
    )


class RasaSettings(BaseSettings):
    model_config = _group("PARVIS_RASA_")

    port: int = 5005
    url: str = ""
    timeout_seconds: float = Field(default=30.0, gt=0, description="How long one turn may take")
    token: SecretStr = Field(
        default=SecretStr(""), description="Shared with the Rasa process; empty: loopback is enough"
    )

    @property
    def address(self) -> str:
        return self.url or f"http://127.0.0.1:{self.port}"


class ActionsSettings(BaseSettings):
    model_config = _group("PARVIS_ACTIONS_")

    port: int = 5055


class GatewaySettings(BaseSettings):
    model_config = _group("PARVIS_GATEWAY_")

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = Field(default="", description="https address that the platforms call; empty: this machine")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class ConsoleSettings(BaseSettings):
    """Where people of the brand sign in. OpenID Connect is offered when an issuer is given."""

    model_config = _group("PARVIS_CONSOLE_")

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = Field(default="", description="https address that people open; empty: this machine")
    proxies: int = Field(default=0, ge=0, description="Reverse proxies in front, whose X-Forwarded-For is believed")
    secret: SecretStr = Field(
        default=SecretStr(""), description="Seals second factors; empty: made once and kept in ``home``"
    )
    session_idle_minutes: int = Field(default=60, ge=1)
    session_hours: int = Field(default=12, ge=1)
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_label: str = "OpenID Connect"
    oidc_roles_claim: str = Field(default="", description="The claim that names roles; empty: roles are given by hand")
    oidc_roles: dict[str, str] = Field(default={}, description="The claim's values, and the role of each")

    @property
    def address(self) -> str:
        return self.public_url.rstrip("/") or f"http://127.0.0.1:{self.port}"


class SimulatorSettings(BaseSettings):
    model_config = _group("PARVIS_SIMULATOR_")

    mode: Literal["auto", "on", "off"] = Field(default="auto", description="auto: on while no channel is configured")
    port: int = 8010
    smtp_port: int = 8025
    x_shape: Literal["activity", "account_activity"] = Field(
        default="activity", description="Which of X's two webhook formats is spoken"
    )
    x_rate_limit: int = Field(default=15000, ge=1, description="Direct messages in 15 minutes; the real X allows 15")
    human_agent: Literal["on", "off"] = Field(default="on", description="Whether its Page may use the tag HUMAN_AGENT")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class MailSettings(BaseSettings):
    model_config = _group("PARVIS_MAIL_")

    host: str = Field(default="", description="The SMTP server; empty only while the simulator stands in")
    port: int = 25
    username: str = ""
    password: SecretStr = SecretStr("")
    tls: Literal["none", "starttls", "implicit"] = "none"
    sender: str = "Parvis <parvis@maison-lumen.example>"


class OperationsSettings(BaseSettings):
    """Loopback ports of ``/health``, ``/ready`` and ``/metrics``."""

    model_config = _group("PARVIS_OPS_")

    gateway_port: int = 9101
    worker_port: int = 9102
    sender_port: int = 9103
    desk_port: int = 9104
    console_port: int = 9105


class CoreSettings(BaseSettings):
    model_config = _group("PARVIS_")

    home: Path = Field(
        default=PROJECT_ROOT / "var", description="Where state lives: Valkey's file, SQLite, logs, process ids"
    )
    database_url: str = Field(
        default="", description="SQLAlchemy URL of PostgreSQL (postgresql+asyncpg://…); empty: SQLite in ``home``"
    )
    routing: Path = Field(
        default=PROJECT_ROOT / "routing.yml", description="Which team takes what, and what the customer is promised"
    )
    replies: Path = Field(
        default=PROJECT_ROOT / "replies.yml", description="Canned replies, and the desk's own words to customers"
    )
    retention_days: int = Field(
        default=365, ge=0, description="Personal data of closed tickets and messages is kept so long; 0: for ever"
    )
    log_format: Literal["auto", "pretty", "json"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Settings:
    """All groups. Built once by ``bootstrap`` and passed down; nothing else reads the environment.

    ``simulated``: the simulator stands in for the platforms and the mail server.
    """

    def __init__(self) -> None:
        self.core = CoreSettings()
        _read_secret_files()
        self.brand = BrandSettings()
        self.messenger = MessengerSettings()
        self.x = XSettings()
        self.redis = RedisSettings()
        self.inbox = InboxSettings()
        self.rasa = RasaSettings()
        self.actions = ActionsSettings()
        self.gateway = GatewaySettings()
        self.console = ConsoleSettings()
        self.simulator = SimulatorSettings()
        self.mail = MailSettings()
        self.operations = OperationsSettings()
        configured = self.messenger.enabled or self.x.enabled
        self.simulated = self.simulator.mode == "on" or (self.simulator.mode == "auto" and not configured)

    @cached_property
    def database_url(self) -> str:
        return self.core.database_url or f"sqlite+aiosqlite:///{self.core.home / 'parvis.db'}"

    @property
    def first_admin_link(self) -> Path:
        """The file that holds it while nobody has an account."""
        return self.core.home / "first-admin.txt"

    @property
    def public_url(self) -> str:
        return self.gateway.public_url or self.gateway.address

    def groups(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if isinstance(value, BaseSettings)}


def _read_secret_files() -> None:
    for name, path in list(os.environ.items()):
        if name.startswith("PARVIS_") and name.endswith("_FILE") and path:
            os.environ.setdefault(name.removesuffix("_FILE"), Path(path).read_text(encoding="utf-8").strip())
