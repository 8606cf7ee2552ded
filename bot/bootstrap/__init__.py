"""The one place of wiring: settings become channels, inbox, assistant and desk, and these become processes."""

from bot.bootstrap.console import open_console, prepare_accounts, run_console
from bot.bootstrap.desk import run_actions, run_desk
from bot.bootstrap.messages import run_gateway, run_sender, run_worker
from bot.bootstrap.parts import (
    load_language_models,
    load_replies_of,
    load_routing_of,
    masking_rules,
    open_channels,
    open_conversations,
)
from bot.bootstrap.process import Process

__all__ = [
    "Process",
    "load_language_models",
    "load_replies_of",
    "load_routing_of",
    "masking_rules",
    "open_channels",
    "open_console",
    "open_conversations",
    "prepare_accounts",
    "run_actions",
    "run_console",
    "run_desk",
    "run_gateway",
    "run_sender",
    "run_worker",
]
