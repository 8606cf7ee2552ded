"""What the simulator reads from the environment: the same variables that the real platforms' credentials use.

Defaults make a bare ``python -m simulator`` work; they are invented and open nothing.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

XShape = Literal["activity", "account_activity"]
"""How X tells of direct messages: the X Activity API, or the older Account Activity API."""


class BadSetting(ValueError):
    """A variable holds what cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class MessengerAccount:
    page_id: str = "100200300400500"
    app_id: str = "700600500400300"
    app_secret: str = "simulated-app-secret"  # noqa: S105  # invented, opens nothing
    page_token: str = "simulated-page-token"  # noqa: S105
    verify_token: str = "simulated-verify-token"  # noqa: S105
    human_agent: bool = True
    """Whether Meta has granted the permission for the tag of that name."""


@dataclass(frozen=True, slots=True)
class XAccount:
    account_id: str = "900800700600"
    app_id: str = "13579246"
    consumer_key: str = "simulated-consumer-key"
    consumer_secret: str = "simulated-consumer-secret"  # noqa: S105
    access_token: str = "900800700600-simulated-access-token"  # noqa: S105
    access_token_secret: str = "simulated-access-token-secret"  # noqa: S105
    bearer_token: str = "simulated-bearer-token"  # noqa: S105
    shape: XShape = "activity"
    rate_limit: int = 15_000
    """Direct messages that may be sent in 15 minutes; the real platform allows far fewer."""


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    port: int = 8010
    smtp_port: int = 8025
    gateway_url: str = "http://127.0.0.1:8080"
    brand_name: str = "Maison Lumen"
    messenger: MessengerAccount = field(default_factory=MessengerAccount)
    x: XAccount = field(default_factory=XAccount)


def read_settings(environment: Mapping[str, str] = os.environ) -> SimulatorSettings:
    """Raises ``BadSetting``. An empty variable counts as absent."""
    read = _Reader(environment)
    return SimulatorSettings(
        port=read.port("SIMULATOR_PORT", 8010),
        smtp_port=read.port("SIMULATOR_SMTP_PORT", 8025),
        gateway_url=read.text("GATEWAY_URL", f"http://127.0.0.1:{read.port('GATEWAY_PORT', 8080)}").rstrip("/"),
        brand_name=read.text("BRAND_NAME", "Maison Lumen"),
        messenger=_read_messenger(read),
        x=_read_x(read),
    )


def _read_messenger(read: "_Reader") -> MessengerAccount:
    default = MessengerAccount()
    return MessengerAccount(
        page_id=read.text("MESSENGER_PAGE_ID", default.page_id),
        app_id=read.text("MESSENGER_APP_ID", default.app_id),
        app_secret=read.text("MESSENGER_APP_SECRET", default.app_secret),
        page_token=read.text("MESSENGER_PAGE_TOKEN", default.page_token),
        verify_token=read.text("MESSENGER_VERIFY_TOKEN", default.verify_token),
        human_agent=read.switch("SIMULATOR_HUMAN_AGENT", default.human_agent),
    )


def _read_x(read: "_Reader") -> XAccount:
    default = XAccount()
    return XAccount(
        account_id=read.text("X_ACCOUNT_ID", default.account_id),
        app_id=read.text("X_APP_ID", default.app_id),
        consumer_key=read.text("X_CONSUMER_KEY", default.consumer_key),
        consumer_secret=read.text("X_CONSUMER_SECRET", default.consumer_secret),
        access_token=read.text("X_ACCESS_TOKEN", default.access_token),
        access_token_secret=read.text("X_ACCESS_TOKEN_SECRET", default.access_token_secret),
        bearer_token=read.text("X_BEARER_TOKEN", default.bearer_token),
        shape=_read_shape(read),
        rate_limit=read.number("SIMULATOR_X_RATE_LIMIT", default.rate_limit),
    )


def _read_shape(read: "_Reader") -> XShape:
    match read.text("SIMULATOR_X_SHAPE", "activity"):
        case "activity":
            return "activity"
        case "account_activity":
            return "account_activity"
        case other:
            raise BadSetting(f"PARVIS_SIMULATOR_X_SHAPE is {other!r}; use activity or account_activity")


@dataclass(frozen=True, slots=True)
class _Reader:
    environment: Mapping[str, str]

    def text(self, name: str, default: str) -> str:
        return self.environment.get(f"PARVIS_{name}", "").strip() or default

    def number(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not value.isascii() or not value.isdecimal():
            raise BadSetting(f"PARVIS_{name} is {value!r}; use a whole number")
        return int(value)

    def switch(self, name: str, default: bool) -> bool:
        value = self.text(name, "on" if default else "off")
        if value not in ("on", "off"):
            raise BadSetting(f"PARVIS_{name} is {value!r}; use on or off")
        return value == "on"

    def port(self, name: str, default: int) -> int:
        value = self.number(name, default)
        if not 0 < value < 65536:
            raise BadSetting(f"PARVIS_{name} is {value}; a port lies between 1 and 65535")
        return value
