"""The Sanic application that platforms call: verify, parse, append, 200."""

import gc
import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from sanic import Request, Sanic, empty, json, text
from sanic.exceptions import PayloadTooLarge
from sanic.response import HTTPResponse

from bot.channels.base import BadSignature, Channel, MalformedPayload
from bot.channels.vocabulary import ChannelName, Event, UnknownEvent
from bot.gateway.watch import WebhookWatch
from bot.inbox.intake import InboxUnavailable, Intake
from bot.operations import Readiness, add_probes

log = structlog.get_logger()

MAX_BODY_BYTES = 1024 * 1024
"""Platforms batch a few events of some kilobytes; more is not theirs."""

WEBHOOKS = Counter("parvis_webhooks_total", "Webhook requests", ["channel", "outcome"])
EVENTS = Counter("parvis_events_total", "Events parsed from webhooks", ["channel", "kind"])
ACKNOWLEDGED = Histogram(
    "parvis_acknowledge_seconds",
    "From request read to answer given",
    ["channel"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)


class Webhooks:
    """The two requests that a platform makes: it verifies our address, and it delivers events."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def answer_handshake(self, request: Request, channel: Channel) -> HTTPResponse:
        handshake = channel.answer_handshake({key: request.args.get(key, "") for key in request.args})
        return text(handshake.body, status=handshake.status, content_type=handshake.content_type)

    async def receive(self, request: Request, channel: Channel) -> HTTPResponse:
        started_at = time.perf_counter()
        try:
            channel.verify(request.headers, request.body)
            events = channel.parse(request.body)
            await self._intake.append(events)
        except BadSignature as error:
            return _refuse(channel, 401, "bad_signature", str(error))
        except MalformedPayload as error:
            return _refuse(channel, 400, "malformed", str(error))
        except InboxUnavailable:
            return _refuse(channel, 503, "inbox_unavailable", "the inbox cannot take events now; deliver again")
        _count(channel, events)
        _acknowledged(channel.name).observe(time.perf_counter() - started_at)
        return empty(status=200)


def create_gateway(
    channels: Mapping[ChannelName, Channel], intake: Intake, readiness: Readiness, watches: Sequence[WebhookWatch]
) -> Sanic[Any, Any]:
    gateway: Sanic[Any, Any] = Sanic("parvis-gateway", configure_logging=False)
    gateway.config.update(
        {
            "REQUEST_MAX_SIZE": MAX_BODY_BYTES,
            "ACCESS_LOG": False,
            "KEEP_ALIVE_TIMEOUT": 75,
            "FALLBACK_ERROR_FORMAT": "json",
            # Platforms give up after seconds; a body that trickles in for longer is not theirs.
            "REQUEST_TIMEOUT": 10,
            "RESPONSE_TIMEOUT": 10,
        }
    )
    webhooks = Webhooks(intake)
    for channel in channels.values():
        _add_webhook(gateway, webhooks, channel)
    gateway.add_route(_refuse_unknown_channel, "/webhooks/<name:str>", methods=["GET", "POST"])
    add_probes(gateway, readiness)

    @gateway.before_server_start
    async def start(*_: object) -> None:
        intake.start()
        for watch in watches:
            gateway.add_task(watch.run())

    @gateway.after_server_start
    async def spare_the_collector(*_: object) -> None:
        """What is loaded by now stays: a full collection that walked it all would hold every request up."""
        gc.collect()
        gc.freeze()

    @gateway.after_server_stop
    async def stop(*_: object) -> None:
        await intake.stop()

    @gateway.exception(PayloadTooLarge)
    async def refuse_large(_: Request, __: Exception) -> HTTPResponse:
        return json({"error": f"a webhook body has at most {MAX_BODY_BYTES} bytes"}, status=413)

    return gateway


def _add_webhook(gateway: Sanic[Any, Any], webhooks: Webhooks, channel: Channel) -> None:
    # A path without a parameter is found faster, and this is the one that every message takes.
    path = f"/webhooks/{channel.name}"
    handshake, receive = (partial(act, channel=channel) for act in (webhooks.answer_handshake, webhooks.receive))
    gateway.add_route(handshake, path, methods=["GET"], name=f"handshake_{channel.name}")
    gateway.add_route(receive, path, methods=["POST"], name=f"receive_{channel.name}")


async def _refuse_unknown_channel(_: Request, name: str) -> HTTPResponse:
    del name  # anybody may have written it
    WEBHOOKS.labels("unknown", "not_found").inc()
    return json({"error": f"no channel is configured under this name; known are {', '.join(ChannelName)}"}, status=404)


def _refuse(channel: Channel, status: int, outcome: str, explanation: str) -> HTTPResponse:
    WEBHOOKS.labels(channel.name, outcome).inc()
    log.warning("webhook_refused", channel=str(channel.name), outcome=outcome)
    return json({"error": explanation}, status=status)


def _count(channel: Channel, events: list[Event]) -> None:
    _accepted(channel.name).inc()
    for event in events:
        _events(channel.name, type(event)).inc()
        if isinstance(event, UnknownEvent):
            log.info("unknown_event", channel=str(channel.name), name=event.name)


# Looking a labelled metric up costs as much as reading the event that it counts; each is looked up once.


@cache
def _accepted(channel: ChannelName) -> Counter:
    return WEBHOOKS.labels(channel, "accepted")


@cache
def _events(channel: ChannelName, kind: type[Event]) -> Counter:
    return EVENTS.labels(channel, kind.__name__)


@cache
def _acknowledged(channel: ChannelName) -> Histogram:
    return ACKNOWLEDGED.labels(channel)
