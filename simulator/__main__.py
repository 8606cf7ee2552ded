"""``python -m simulator``: starts the simulator and says where it is. SIGTERM or Ctrl-C stops it."""

import argparse
import asyncio
import dataclasses
import logging
import signal
import sys

import structlog

from simulator.app import PortTaken, Simulator
from simulator.settings import BadSetting, SimulatorSettings, read_settings

log = structlog.get_logger()


def main() -> int:
    _configure_logs()
    try:
        settings = _read_arguments(read_settings())
        _run(settings)
    except (BadSetting, PortTaken) as error:
        print(f"simulator: {error}", file=sys.stderr)  # noqa: T201  # for the person who typed the command
        return 1
    return 0


def _read_arguments(settings: SimulatorSettings) -> SimulatorSettings:
    """Flags win over the environment."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description="Stands in for the platforms.")
    parser.add_argument("--port", type=int, default=settings.port, help="page, platforms and test API")
    parser.add_argument("--smtp-port", type=int, default=settings.smtp_port, help="the team's mailbox")
    parser.add_argument("--gateway-url", default=settings.gateway_url, help="where webhooks go")
    given = parser.parse_args()
    return dataclasses.replace(
        settings, port=given.port, smtp_port=given.smtp_port, gateway_url=given.gateway_url.rstrip("/")
    )


def _run(settings: SimulatorSettings) -> None:
    try:
        import uvloop  # not on every system
    except ImportError:
        asyncio.run(_serve(settings))
    else:
        uvloop.run(_serve(settings))


async def _serve(settings: SimulatorSettings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    simulator = Simulator(settings)
    await simulator.start()
    log.info("simulator_started", page=f"http://127.0.0.1:{settings.port}/", smtp_port=settings.smtp_port)
    await stopped.wait()
    await simulator.stop()
    log.info("simulator_stopped")


def _configure_logs() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


if __name__ == "__main__":
    sys.exit(main())
