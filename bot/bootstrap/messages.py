"""The processes that carry messages: gateway, worker, sender."""

import asyncio
from typing import Any

import structlog

from bot.bootstrap.parts import open_channels
from bot.bootstrap.process import Process, run_process, start_process
from bot.inbox.connection import open_redis, until_redis_answers
from bot.inbox.keys import Layout
from bot.operations import Readiness, configure_logging, serve_operations
from bot.settings import Settings

log = structlog.get_logger()


def run_gateway(settings: Settings) -> None:
    from bot.gateway.application import create_gateway
    from bot.gateway.watch import WebhookWatch
    from bot.inbox.intake import Intake

    configure_logging("gateway", settings.core.log_format, settings.core.log_level)
    readiness = Readiness("redis")
    serve_operations(settings.operations.gateway_port, readiness)
    redis = open_redis(settings.redis.address, timeout=2.0)
    layout = Layout(settings.inbox.shards)
    intake = Intake(redis, layout)
    channels = open_channels(settings)
    watches = [WebhookWatch(redis, channel, intake, settings.public_url) for channel in channels.values()]
    gateway = create_gateway(channels, intake, readiness, watches)
    process = Process(settings, redis, layout, readiness, asyncio.Event())
    gateway.add_task(process.watch_redis())
    log.info("started", port=settings.gateway.port)
    gateway.run(
        host=settings.gateway.host,
        port=settings.gateway.port,
        single_process=True,
        access_log=False,
        motd=False,
    )


def run_worker(settings: Settings) -> None:
    start_process("worker", settings, _worker)


async def _worker(settings: Settings) -> None:
    await run_process(settings, settings.operations.worker_port, ("shards", "rasa"), _work)


async def _work(process: Process) -> None:
    from bot.assistant import AssistantClient, load_holding_text
    from bot.inbox import keys
    from bot.inbox.consumer import ShardConsumer
    from bot.inbox.worker import Worker, WorkerLimits

    inbox = process.settings.inbox
    rasa = process.settings.rasa
    assistant = AssistantClient(rasa.address, rasa.timeout_seconds, rasa.token.get_secret_value())
    limits = WorkerLimits(
        concurrent_turns=inbox.concurrent_turns,
        turn_attempts=inbox.turn_attempts,
        holding_after_seconds=inbox.holding_after_seconds,
        human_silence_seconds=inbox.human_silence_hours * 3600,
    )
    channels = open_channels(process.settings)
    worker = Worker(process.redis, process.layout, channels, assistant, limits, load_holding_text())
    consumer = ShardConsumer(
        process.redis,
        process.layout,
        keys.WORKERS,
        process.layout.inbox_streams(),
        worker,
        lease_seconds=inbox.lease_seconds,
    )

    async def watch() -> None:
        while True:
            is_ready = await assistant.ready()
            process.readiness.set("rasa", None if is_ready else "the assistant is not loaded yet, or away")
            _report_shards(process, keys.WORKERS, [consumer])
            await asyncio.sleep(1.0)

    watching = asyncio.create_task(watch())
    try:
        await consumer.run(process.stop)
    finally:
        watching.cancel()
        await assistant.close()
        for channel in channels.values():
            await channel.close()


def _report_shards(process: Process, group: str, consumers: list[Any]) -> None:
    from bot.inbox import metrics

    held = sum(consumer.shards_held for consumer in consumers)
    metrics.SHARDS.labels(group).set(held)
    metrics.WAITING.labels(group).set(sum(consumer.waiting for consumer in consumers))
    # More processes than shards is no fault, but one that holds none does nothing.
    process.readiness.set("shards", None if held else "holds no shard: others do, or their leases must run out first")


def run_sender(settings: Settings) -> None:
    start_process("sender", settings, _sender)


async def _sender(settings: Settings) -> None:
    conditions = ("shards", *(f"channel_{name}" for name in open_channels(settings)))
    await run_process(settings, settings.operations.sender_port, conditions, _send)


async def _send(process: Process) -> None:
    from bot.inbox import keys, metrics
    from bot.inbox.consumer import ShardConsumer
    from bot.inbox.pauses import Pauses
    from bot.inbox.sender import Sender, SenderLimits

    inbox = process.settings.inbox
    limits = SenderLimits(
        concurrent_sends=inbox.concurrent_sends,
        send_attempts=inbox.send_attempts,
        echo_wait_seconds=inbox.echo_wait_seconds,
    )
    channels = open_channels(process.settings)
    pauses = Pauses(process.redis)
    consumers = {
        name: ShardConsumer(
            process.redis,
            process.layout,
            keys.SENDERS,
            process.layout.outbox_streams(name),
            Sender(process.redis, process.layout, channel, limits),
            lease_seconds=inbox.lease_seconds,
        )
        for name, channel in channels.items()
    }

    async def watch() -> None:
        while True:
            for name, channel in channels.items():
                problem = await until_redis_answers(lambda channel=channel: pauses.reason(channel))  # type: ignore[misc]
                metrics.CHANNEL_PAUSED.labels(name).set(1 if problem else 0)
                process.readiness.set(f"channel_{name}", problem)
            _report_shards(process, keys.SENDERS, list(consumers.values()))
            await asyncio.sleep(1.0)

    watching = asyncio.create_task(watch())
    try:
        await asyncio.gather(*(consumer.run(process.stop) for consumer in consumers.values()))
    finally:
        watching.cancel()
        for channel in channels.values():
            await channel.close()
