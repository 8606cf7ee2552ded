"""Reads messages with a model: ``python -m parvis_nlu.evaluate --model FILE``.

Standard input is one JSON object a line, ``{"text"}``; for each, standard output gets one,
``{"intent", "confidence", "candidates", "language", "other_language", "severity", "milliseconds"}``, in the same order.
``candidates`` are the intents of the ranking, best first. What the model does not say is null. The time is that of
reading one message, in process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parvis_nlu.noise import slip, without_accents
from parvis_nlu.serve import import_rasa

if TYPE_CHECKING:
    from rasa.core.agent import Agent

_WARM_UP = ("bonjour", "where is my order?")
_LETTERS_PER_SLIP = 15


def _with_slips(text: str) -> str:
    return slip(text, random.Random(text), _LETTERS_PER_SLIP)  # noqa: S311 - noise, not secrets


_TYPED: dict[str, Callable[[str], str]] = {
    "well": str,
    "plainly": lambda text: without_accents(text).lower(),
    "with-slips": _with_slips,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m parvis_nlu.evaluate")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--typed", choices=_TYPED, default="well", help="how the messages are made to look first")
    arguments = parser.parse_args()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no result
    import_rasa(arguments.model)
    asyncio.run(_read_all(arguments.model, _TYPED[arguments.typed], out))
    return 0


async def _read_all(model: Path, typed: Callable[[str], str], out: Any) -> None:
    from rasa.core.agent import Agent
    from rasa.utils.log_utils import configure_structlog

    logging.disable(logging.INFO)
    configure_structlog(logging.WARNING)  # or it would format every message for a debug log that nobody reads
    agent = Agent.load(str(model))
    for text in _WARM_UP:
        await _read(agent, text)
    for line in sys.stdin:
        out.write(json.dumps(await _read(agent, typed(json.loads(line)["text"])), ensure_ascii=False) + "\n")
        out.flush()


async def _read(agent: Agent, text: str) -> dict[str, Any]:
    started_at = time.perf_counter()
    parsed = await agent.parse_message(text)
    milliseconds = (time.perf_counter() - started_at) * 1000
    said = {entity["entity"]: entity["value"] for entity in reversed(parsed["entities"])}
    return {
        "intent": parsed["intent"]["name"],
        "confidence": round(float(parsed["intent"]["confidence"]), 4),
        "candidates": [candidate["name"] for candidate in parsed.get("intent_ranking", [])],
        **{name: said.get(name) for name in ("language", "other_language", "severity")},
        "milliseconds": round(milliseconds, 3),
    }


if __name__ == "__main__":
    sys.exit(main())
