import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import httpx
import pytest
from aiohttp import web
from authlib.oauth1 import ClientAuth

from benchmarks.ports import free_port
from simulator.app import Simulator
from simulator.settings import SimulatorSettings
from simulator.signing import app_secret_proof, sign_for_messenger, sign_for_x


class Gateway:
    """Stands in for the brand's gateway: checks the signature, keeps what it took, fails when told to."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.bodies: list[bytes] = []
        self.attempts: list[bytes] = []
        self.statuses: list[int] = []
        self.delay_seconds = 0.0
        self.answers_crc = True
        self.crc_secret = settings.x.consumer_secret

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/webhooks/{channel}", self.receive)
        application.router.add_get("/webhooks/{channel}", self.shake_hands)
        self.runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self.runner.setup()
        port = int(self.settings.gateway_url.rsplit(":", 1)[1])
        await web.TCPSite(self.runner, "127.0.0.1", port).start()

    async def stop(self) -> None:
        await self.runner.cleanup()

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.attempts.append(body)
        if not self._signed(request, body):
            return web.Response(status=401)
        await asyncio.sleep(self.delay_seconds)
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.bodies.append(body)
        return web.Response(status=status)

    async def shake_hands(self, request: web.Request) -> web.Response:
        if token := request.query.get("crc_token"):
            status = 200 if self.answers_crc else 500
            return web.json_response({"response_token": sign_for_x(self.crc_secret, token.encode())}, status=status)
        if request.query["hub.verify_token"] != self.settings.messenger.verify_token:
            return web.Response(status=403)
        return web.Response(text=request.query["hub.challenge"])

    def _signed(self, request: web.Request, body: bytes) -> bool:
        if request.match_info["channel"] == "messenger":
            expected = sign_for_messenger(self.settings.messenger.app_secret, body)
            return request.headers.get("X-Hub-Signature-256") == expected
        expected = sign_for_x(self.settings.x.consumer_secret, body)
        return request.headers.get("x-twitter-webhooks-signature") == expected

    @property
    def messenger_items(self) -> list[dict[str, Any]]:
        return self._messenger_items("messaging")

    @property
    def standby_items(self) -> list[dict[str, Any]]:
        return self._messenger_items("standby")

    def _messenger_items(self, place: str) -> list[dict[str, Any]]:
        payloads = [json.loads(body) for body in self.bodies]
        return [item for p in payloads if p.get("object") == "page" for item in p["entry"][0].get(place, [])]

    @property
    def x_events(self) -> list[dict[str, Any]]:
        return [payload["data"] for payload in map(json.loads, self.bodies) if "data" in payload]


RESPONSE: Final = {"messaging_type": "RESPONSE"}


class Client:
    """What a test does with a running simulator: plays customers and the brand's sender."""

    def __init__(self, simulator: Simulator, gateway: Gateway, http: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.gateway = gateway
        self.http = http
        self.settings = simulator.settings

    async def write(self, channel: str, user: str, **body: Any) -> str:
        response = await self.http.post(f"/api/{channel}/users/{user}/messages", json=body)
        assert response.status_code == 200, response.text
        return str(response.json()["message_id"])

    async def conversation(self, channel: str, user: str) -> list[dict[str, Any]]:
        response = await self.http.get(f"/api/{channel}/users/{user}/messages")
        return list(response.json())

    async def fault(self, **body: Any) -> None:
        response = await self.http.post("/api/faults", json=body)
        assert response.status_code == 200, response.text

    async def graph(self, method: str, path: str, **options: Any) -> httpx.Response:
        account = self.settings.messenger
        token = options.pop("token", account.page_token)
        query = {"access_token": token, "appsecret_proof": app_secret_proof(account.app_secret, token)}
        query |= options.pop("params", {})
        return await self.http.request(method, f"/v25.0/{account.page_id}/{path}", params=query, **options)

    async def messenger_send(
        self, user: str, text: str = "Bonjour", kind: Mapping[str, str] = RESPONSE, **message: Any
    ) -> httpx.Response:
        body = {"recipient": {"id": user}, **kind, "message": {"text": text, **message}}
        return await self.graph("POST", "messages", json=body)

    async def thread_control(self, act: str, user: str, **more: str) -> httpx.Response:
        return await self.graph("POST", f"{act}_thread_control", json={"recipient": {"id": user}, **more})

    async def thread_owner(self, user: str) -> str | None:
        told = (await self.graph("GET", "thread_owner", params={"recipient": user})).json()["data"]
        return told[0]["thread_owner"]["app_id"] if told else None

    async def inbox_acts(self, act: str, user: str) -> httpx.Response:
        return await self.http.post(f"/api/messenger/users/{user}/thread", json={"act": act})

    async def x_call(self, method: str, path: str, body: Any = None, **changes: str) -> httpx.Response:
        account = self.settings.x
        keys = {
            "client_id": account.consumer_key,
            "client_secret": account.consumer_secret,
            "token": account.access_token,
            "token_secret": account.access_token_secret,
        } | changes
        content = json.dumps(body).encode() if body is not None else b""
        url, headers, _ = ClientAuth(**keys).prepare(
            method, f"{self.http.base_url}".rstrip("/") + path, {"Content-Type": "application/json"}, content
        )
        return await self.http.request(method, url, headers=headers, content=content)

    async def x_send(self, user: str, text: str = "Bonjour") -> httpx.Response:
        return await self.x_call("POST", f"/2/dm_conversations/with/{user}/messages", {"text": text})

    async def x_app(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.settings.x.bearer_token}"}
        return await self.http.request(method, path, headers=headers, json=body)

    async def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition never came true"
            await asyncio.sleep(0.005)

    async def quiet(self) -> None:
        await self.until(lambda: self.simulator.dispatcher.counts.pending == 0)


@pytest.fixture
def settings() -> SimulatorSettings:
    return SimulatorSettings(port=free_port(), smtp_port=free_port(), gateway_url=f"http://127.0.0.1:{free_port()}")


@pytest.fixture
async def gateway(settings: SimulatorSettings) -> AsyncIterator[Gateway]:
    gateway = Gateway(settings)
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture
async def client(settings: SimulatorSettings, gateway: Gateway) -> AsyncIterator[Client]:
    simulator = Simulator(settings)
    await simulator.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}") as http:
        yield Client(simulator, gateway, http)
    await simulator.stop()
