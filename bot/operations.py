"""What operators see of a process: ``/health``, ``/ready`` and ``/metrics`` on a loopback port, and structured logs."""

import json
import logging
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import make_wsgi_app

if TYPE_CHECKING:
    from sanic import Sanic

StartResponse = Callable[..., Any]


class Readiness:
    """Named conditions that must hold before a process can do its work; each has a reason while it does not."""

    def __init__(self, *names: str) -> None:
        self._problems: dict[str, str | None] = dict.fromkeys(names, "not yet checked")
        self._lock = threading.Lock()

    def set(self, name: str, problem: str | None) -> None:
        """``problem`` says what is wrong and what to do; None when the condition holds."""
        with self._lock:
            self._problems[name] = problem

    def problems(self) -> dict[str, str]:
        with self._lock:
            return {name: problem for name, problem in self._problems.items() if problem is not None}

    def report(self) -> tuple[bool, dict[str, Any]]:
        problems = self.problems()
        return not problems, {"ready": not problems, "problems": problems}


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Probes come every second; a line for each would bury the rest."""


class _ThreadingServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True


def serve_operations(port: int, readiness: Readiness) -> None:
    """Serve probes and metrics from a thread of their own, so that a busy loop still answers. Raises ``OSError``."""
    metrics = make_wsgi_app()

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            body: Iterable[bytes] = metrics(environ, start_response)
            return body
        if path == "/health":
            return _answer(start_response, "200 OK", {"alive": True})
        if path == "/ready":
            ready, report = readiness.report()
            return _answer(start_response, "200 OK" if ready else "503 Service Unavailable", report)
        return _answer(start_response, "404 Not Found", {"error": "try /health, /ready or /metrics"})

    server = make_server("127.0.0.1", port, application, server_class=_ThreadingServer, handler_class=_QuietHandler)
    threading.Thread(target=server.serve_forever, name="operations", daemon=True).start()


def _answer(start_response: StartResponse, status: str, body: dict[str, Any]) -> list[bytes]:
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


def add_probes(app: "Sanic[Any, Any]", readiness: Readiness) -> None:
    """``/health`` and ``/ready`` beside the application's own pages, for whoever balances the load in front of it."""
    # Few processes serve web pages; the others need not load what does.
    from sanic import HTTPResponse, Request
    from sanic.response import json as json_response

    async def health(_: Request) -> HTTPResponse:
        return json_response({"alive": True})

    async def ready(_: Request) -> HTTPResponse:
        is_ready, report = readiness.report()
        return json_response(report, status=200 if is_ready else 503)

    app.add_route(health, "/health", name="health")
    app.add_route(ready, "/ready", name="ready")


def configure_logging(process: str, style: Literal["auto", "pretty", "json"], level: str) -> None:
    """Pretty on a terminal, JSON lines otherwise. Libraries' warnings come through the same renderer."""
    pretty = style == "pretty" or (style == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    )
    # A traceback rendered with local variables would log message text.
    errors: list[structlog.typing.Processor] = [] if pretty else [structlog.processors.format_exc_info]
    if pretty:
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[*shared, *errors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    last = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *errors, renderer]
    foreign = [*shared, structlog.stdlib.add_logger_name]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=foreign, processors=last))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)


def utc_now() -> float:
    """UTC seconds since the epoch."""
    return time.time()
