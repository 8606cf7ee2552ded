"""The wiring: one event loop with the platforms' HTTP servers, the page and the SMTP server."""

import asyncio
import contextlib
import itertools
import socket

from sanic import HTTPResponse, Request, Sanic
from sanic.response import json as json_response

from simulator.api import test_api
from simulator.conversations import ChannelName, Conversations
from simulator.faults import Faults
from simulator.live import LivePages
from simulator.mailbox import Mailbox, smtp_protocol
from simulator.messenger.api import graph_api
from simulator.messenger.platform import Messenger
from simulator.page import comes_from_elsewhere, page_routes
from simulator.platform import Platform
from simulator.settings import SimulatorSettings
from simulator.webhooks import WebhookDispatcher
from simulator.x.api import x_api
from simulator.x.platform import X

_numbers = itertools.count(1)


class PortTaken(OSError):
    """Another program listens there; the message says which setting to change."""


class Simulator:
    """Everything, between ``start`` and ``stop``."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.conversations = Conversations()
        self.dispatcher = WebhookDispatcher()
        self.faults = Faults()
        self.mailbox = Mailbox()
        self.live = LivePages(self.conversations, self.mailbox)
        self.messenger = Messenger(settings, self.conversations, self.dispatcher, self.faults)
        self.x = X(settings, self.conversations, self.dispatcher, self.faults)
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Raises ``PortTaken``."""
        async with contextlib.AsyncExitStack() as stack:
            http_socket = _bind(self.settings.port, "PARVIS_SIMULATOR_PORT")
            stack.callback(http_socket.close)
            smtp_socket = _bind(self.settings.smtp_port, "PARVIS_SIMULATOR_SMTP_PORT")
            stack.callback(smtp_socket.close)
            await self.dispatcher.open()
            stack.push_async_callback(self.dispatcher.close)
            await self._serve_smtp(smtp_socket, stack)
            await self._serve_http(http_socket, stack)
            crc = asyncio.create_task(self.x.registrations.challenge_hourly())
            stack.callback(crc.cancel)
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        self.live.disconnect_all()
        await self._stack.aclose()

    async def _serve_smtp(self, bound: socket.socket, stack: contextlib.AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: smtp_protocol(self.mailbox), sock=bound)
        stack.callback(server.close)

    async def _serve_http(self, bound: socket.socket, stack: contextlib.AsyncExitStack) -> None:
        app = self._build_app()
        server = await app.create_server(sock=bound, return_asyncio_server=True, access_log=False)
        assert server is not None  # noqa: S101  # create_server promises it with return_asyncio_server
        await server.startup()
        await server.before_start()
        await server.start_serving()
        await server.after_start()

        async def close() -> None:
            server.close()
            for connection in list(server.connections):
                connection.abort()
            await server.before_stop()
            await server.after_stop()
            Sanic.unregister_app(app)

        stack.push_async_callback(close)

    def _build_app(self) -> Sanic:
        app = Sanic(f"simulator-{next(_numbers)}", configure_logging=False)
        app.config.update(
            FALLBACK_ERROR_FORMAT="json", REQUEST_MAX_SIZE=2 * 1024 * 1024, MOTD=False, ACCESS_LOG=False, TOUCHUP=False
        )
        platforms: dict[ChannelName, Platform] = {"messenger": self.messenger, "x": self.x}
        app.blueprint(graph_api(self.messenger))
        app.blueprint(x_api(self.x))
        app.blueprint(
            test_api(
                platforms,
                self.messenger,
                self.conversations,
                self.dispatcher,
                self.faults,
                self.mailbox,
                self.settings.gateway_url,
            )
        )
        app.blueprint(page_routes(self.settings, self.live))

        @app.on_request
        async def refuse_other_sites(request: Request) -> HTTPResponse | None:
            if comes_from_elsewhere(request):
                return json_response({"error": "only this machine's own pages and programs may call"}, status=403)
            return None

        return app


def _bind(port: int, variable: str) -> socket.socket:
    """Loopback only: what stands here accepts orders from anybody."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
        bound.listen(1024)
    except OSError as error:
        bound.close()
        raise PortTaken(f"port {port} is taken by another program; stop it or set {variable}") from error
    bound.setblocking(False)
    return bound
