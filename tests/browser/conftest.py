import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from authlib.oauth1 import ClientAuth
from playwright.async_api import Browser, Playwright, async_playwright

from benchmarks.ports import free_port
from simulator.app import Simulator
from simulator.settings import SimulatorSettings
from simulator.signing import app_secret_proof, sign_for_messenger, sign_for_x

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def _find_chromium() -> str | None:
    return os.environ.get("PARVIS_CHROMIUM") or next(filter(None, map(shutil.which, _CHROMIUMS)), None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The machine's own Chromium; ``PARVIS_CHROMIUM`` names another one."""
    if _find_chromium() is None:
        pytest.skip("no Chromium found: install one or set PARVIS_CHROMIUM")
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        yield browser
        await browser.close()


async def launch(playwright: Playwright) -> Browser:
    arguments = ["--disable-gpu", "--disable-background-networking", "--no-first-run"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")
    return await playwright.chromium.launch(executable_path=_find_chromium(), args=arguments)


class StandInBrand:
    """Takes signed webhooks and answers through the send endpoints, as the brand's gateway and sender would."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.simulator = Simulator(settings)
        self.taken: list[dict[str, Any]] = []
        self.open = True
        self.answers = True
        self.session: aiohttp.ClientSession | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    async def restart_simulator(self) -> None:
        await self.simulator.stop()
        self.simulator = Simulator(self.settings)
        await self.simulator.start()

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self.open or not self._signed(request, body):
            return web.Response(status=503)
        payload = await request.json()
        self.taken.append(payload)
        if self.answers:
            task = asyncio.create_task(self._answer(payload))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return web.Response()

    def _signed(self, request: web.Request, body: bytes) -> bool:
        if request.match_info["channel"] == "messenger":
            return request.headers["X-Hub-Signature-256"] == sign_for_messenger(
                self.settings.messenger.app_secret, body
            )
        return request.headers["x-twitter-webhooks-signature"] == sign_for_x(self.settings.x.consumer_secret, body)

    async def _answer(self, payload: dict[str, Any]) -> None:
        if payload.get("object") == "page":
            item = payload["entry"][0]["messaging"][0]
            message = item.get("message", {})
            if "text" in message and not message.get("is_echo"):
                tapped = message.get("quick_reply", {}).get("payload")
                answer = f"Reçu : {tapped or message['text']}"
                await self.write_messenger(item["sender"]["id"], answer, ["Nos horaires", "Livraison"])
            return
        event = payload["data"]
        if event["event_type"] == "dm.received":
            create = event["payload"]["direct_message_events"][0]["message_create"]
            await self.write_x(create["sender_id"], "1. A phone call\n2. An e-mail")

    async def act_messenger(self, user: str, action: str) -> None:
        await self._graph({"recipient": {"id": user}, "sender_action": action})

    async def write_messenger(self, user: str, text: str, titles: list[str]) -> None:
        replies = [{"content_type": "text", "title": title, "payload": f"/{title}"} for title in titles]
        message = {"text": text} | ({"quick_replies": replies} if replies else {})
        await self._graph({"recipient": {"id": user}, "messaging_type": "RESPONSE", "message": message})

    async def _graph(self, body: dict[str, Any]) -> None:
        account = self.settings.messenger
        proof = app_secret_proof(account.app_secret, account.page_token)
        query = {"access_token": account.page_token, "appsecret_proof": proof}
        url = f"http://127.0.0.1:{self.settings.port}/v25.0/{account.page_id}/messages"
        assert self.session
        async with self.session.post(url, params=query, json=body) as response:
            assert response.status == 200, await response.text()

    async def write_x(self, user: str, text: str) -> None:
        account = self.settings.x
        url = f"http://127.0.0.1:{self.settings.port}/2/dm_conversations/with/{user}/messages"
        auth = ClientAuth(
            account.consumer_key, account.consumer_secret, account.access_token, account.access_token_secret
        )
        signed, headers, _ = auth.prepare("POST", url, {"Content-Type": "application/json"}, b"")
        assert self.session
        async with self.session.post(signed, headers=headers, json={"text": text}) as response:
            assert response.status == 201, await response.text()


@pytest_asyncio.fixture(loop_scope="session")
async def brand() -> AsyncIterator[StandInBrand]:
    """A running simulator with a brand behind it that repeats what it is told."""
    gateway_port = free_port()
    settings = SimulatorSettings(
        port=free_port(), smtp_port=free_port(), gateway_url=f"http://127.0.0.1:{gateway_port}"
    )
    brand = StandInBrand(settings)
    application = web.Application()
    application.router.add_post("/webhooks/{channel}", brand.receive)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", gateway_port).start()
    await brand.simulator.start()
    async with aiohttp.ClientSession() as brand.session:
        yield brand
        await brand.simulator.stop()
        await asyncio.gather(*brand.tasks, return_exceptions=True)
    await runner.cleanup()
