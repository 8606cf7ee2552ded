"""The gateway as the platforms meet it: a real process before a real Valkey."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.ports import free_port
from tests.conftest import Valkey

SECRET = "app-secret"
PROJECT_ROOT = Path(__file__).resolve().parents[3]


class Gateway:
    def __init__(self, valkey: Valkey, home: Path) -> None:
        port, self.operations = free_port(), f"http://127.0.0.1:{free_port()}"
        self.valkey = valkey
        settings = {
            "PARVIS_DOTENV": os.devnull,
            "PARVIS_HOME": str(home),
            "PARVIS_GATEWAY_PORT": str(port),
            "PARVIS_OPS_GATEWAY_PORT": self.operations.rpartition(":")[2],
            "PARVIS_REDIS_URL": valkey.address,
            "PARVIS_MESSENGER_PAGE_ID": "PAGE",
            "PARVIS_MESSENGER_APP_ID": "111",
            "PARVIS_MESSENGER_APP_SECRET": SECRET,
            "PARVIS_MESSENGER_PAGE_TOKEN": "page-token",
            "PARVIS_MESSENGER_VERIFY_TOKEN": "verify-me",
            "PARVIS_MESSENGER_API_URL": "http://127.0.0.1:9",
            "PARVIS_X_ACCOUNT_ID": "900",
            "PARVIS_X_APP_ID": "13",
            "PARVIS_X_CONSUMER_KEY": "key",
            "PARVIS_X_CONSUMER_SECRET": SECRET,
            "PARVIS_X_ACCESS_TOKEN": "token",
            "PARVIS_X_ACCESS_TOKEN_SECRET": "token-secret",
            "PARVIS_X_BEARER_TOKEN": "bearer",
            "PARVIS_X_API_URL": "http://127.0.0.1:9",
            "PARVIS_MAIL_HOST": "127.0.0.1",
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", "gateway"],
            cwd=PROJECT_ROOT,
            env={**clean, **settings},
            stderr=subprocess.DEVNULL,
        )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                if self.http.get("/ready").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "the gateway is not ready"
            time.sleep(0.05)

    def deliver(self, body: bytes, *, secret: str = SECRET) -> httpx.Response:
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return self.http.post("/webhooks/messenger", content=body, headers={"X-Hub-Signature-256": signature})

    def stored(self) -> int:
        with self.valkey.client() as client:
            return sum(client.xlen(f"parvis:inbox:{shard}") for shard in range(16))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.http.close()


def body(mid: str = "m_1", **message: Any) -> bytes:
    item = {
        "sender": {"id": "42"},
        "recipient": {"id": "PAGE"},
        "timestamp": 1790000000000,
        "message": {"mid": mid, "text": "bonjour", **message},
    }
    return json.dumps({"object": "page", "entry": [{"id": "PAGE", "time": 1, "messaging": [item]}]}).encode()


@pytest.fixture(scope="module")
def _gateway(_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = Gateway(_valkey, tmp_path_factory.mktemp("gateway"))
    running.wait_ready()
    yield running
    running.stop()


@pytest.fixture
def gateway(_gateway: Gateway, valkey: Valkey) -> Gateway:
    return _gateway


def test_messengers_handshake_is_answered_with_the_bare_challenge(gateway):
    query = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "12345"}
    answer = gateway.http.get("/webhooks/messenger", params=query)
    assert (answer.status_code, answer.text) == (200, "12345")
    assert gateway.http.get("/webhooks/messenger", params={**query, "hub.verify_token": "no"}).status_code == 403


def test_xs_challenge_is_answered_with_its_signature(gateway):
    answer = gateway.http.get("/webhooks/x", params={"crc_token": "abc"})
    expected = base64.b64encode(hmac.new(SECRET.encode(), b"abc", hashlib.sha256).digest()).decode()
    assert answer.json() == {"response_token": f"sha256={expected}"}


def test_a_signed_message_is_stored_and_acknowledged(gateway):
    assert gateway.deliver(body()).status_code == 200
    assert gateway.stored() == 1


def test_a_redelivery_is_acknowledged_and_not_stored_again(gateway):
    assert [gateway.deliver(body()).status_code for _ in range(3)] == [200, 200, 200]
    assert gateway.stored() == 1


def test_a_wrong_or_absent_signature_is_refused_and_nothing_stored(gateway):
    assert gateway.deliver(body(), secret="guess").status_code == 401
    assert gateway.http.post("/webhooks/messenger", content=body()).status_code == 401
    assert gateway.stored() == 0


def test_a_signed_body_that_is_no_webhook_is_malformed(gateway):
    assert gateway.deliver(b"not json").status_code == 400
    assert gateway.deliver(b"[1,2]").status_code == 400


def test_a_body_beyond_a_mebibyte_is_refused_unread(gateway):
    assert gateway.deliver(b"x" * (1024 * 1024 + 1)).status_code == 413


def test_what_is_ignored_is_acknowledged(gateway):
    read = {"sender": {"id": "42"}, "recipient": {"id": "PAGE"}, "timestamp": 1, "read": {"watermark": 1}}
    novelty = {"sender": {"id": "42"}, "recipient": {"id": "PAGE"}, "timestamp": 1, "novelty": {"x": 1}}
    entry = {"id": "PAGE", "time": 1, "messaging": [read, novelty]}
    assert gateway.deliver(json.dumps({"object": "page", "entry": [entry]}).encode()).status_code == 200
    assert gateway.stored() == 0


def test_an_unknown_channel_is_not_found(gateway):
    assert gateway.http.post("/webhooks/telegram", content=b"{}").status_code == 404
    assert gateway.http.get("/webhooks/telegram").status_code == 404


def test_health_readiness_and_metrics_are_there(gateway):
    gateway.deliver(body("m_2"))
    assert gateway.http.get("/health").json() == {"alive": True}
    assert gateway.http.get("/ready").json()["ready"] is True
    assert gateway.http.get("/metrics").status_code == 404, "metrics are on the loopback port only"
    metrics = httpx.get(f"{gateway.operations}/metrics").text
    assert 'parvis_webhooks_total{channel="messenger",outcome="accepted"}' in metrics


def test_while_the_inbox_is_away_the_platform_is_asked_to_deliver_again(own_valkey, tmp_path):
    gateway = Gateway(own_valkey, tmp_path)
    try:
        gateway.wait_ready()
        assert gateway.deliver(body("m_1")).status_code == 200
        own_valkey.kill()
        assert gateway.deliver(body("m_2")).status_code == 503
        deadline = time.monotonic() + 30
        while gateway.http.get("/ready").status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        own_valkey.start()
        gateway.wait_ready()
        assert gateway.deliver(body("m_1")).status_code == 200
        assert gateway.deliver(body("m_2")).status_code == 200
        assert gateway.stored() == 2
    finally:
        gateway.stop()
