"""The simulator as a process: it starts with nothing set, says what is wrong, and stops at once."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import httpx
import pytest

from simulator.app import Simulator
from simulator.settings import BadSetting, SimulatorSettings, read_settings


def start(settings: SimulatorSettings) -> subprocess.Popen[str]:
    environment = os.environ | {
        "PARVIS_SIMULATOR_PORT": str(settings.port),
        "PARVIS_SIMULATOR_SMTP_PORT": str(settings.smtp_port),
    }
    return subprocess.Popen([sys.executable, "-m", "simulator"], env=environment, stderr=subprocess.PIPE, text=True)


def wait_until_healthy(settings: SimulatorSettings, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{settings.port}/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_sigterm_stops_it_cleanly_and_fast(settings):
    process = start(settings)
    wait_until_healthy(settings)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert process.wait(5) == 0
    assert time.monotonic() - started < 2
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


async def test_taken_port_is_named_with_its_setting(client):
    process = start(client.settings)
    _, words = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"port {client.settings.port} is taken" in words
    assert "PARVIS_SIMULATOR_PORT" in words
    assert "Traceback" not in words


async def test_ready_while_the_gateway_answers(client):
    assert (await client.http.get("/ready")).status_code == 200


async def test_not_ready_while_the_gateway_is_away(settings):
    simulator = Simulator(settings)
    await simulator.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}") as http:
        assert (await http.get("/ready")).status_code == 503
        assert (await http.get("/health")).status_code == 200
    await simulator.stop()


def test_settings_come_from_the_environment():
    settings = read_settings(
        {
            "PARVIS_SIMULATOR_PORT": "9000",
            "PARVIS_GATEWAY_PORT": "9001",
            "PARVIS_X_ACCOUNT_ID": "7",
            "PARVIS_X_APP_ID": "",
        }
    )
    assert (settings.port, settings.gateway_url, settings.x.account_id) == (9000, "http://127.0.0.1:9001", "7")
    assert settings.x.app_id == SimulatorSettings().x.app_id


@pytest.mark.parametrize(
    "environment",
    [
        {"PARVIS_SIMULATOR_PORT": "eighty"},
        {"PARVIS_SIMULATOR_PORT": "70000"},
        {"PARVIS_SIMULATOR_X_SHAPE": "carrier_pigeon"},
        {"PARVIS_SIMULATOR_HUMAN_AGENT": "perhaps"},
    ],
)
def test_unusable_setting_is_named(environment):
    with pytest.raises(BadSetting, match=next(iter(environment))):
        read_settings(environment)


async def test_other_web_sites_may_not_give_orders(client):
    elsewhere = await client.http.get("/api/stats", headers={"Origin": "https://elsewhere.example"})
    rebound = await client.http.get("/api/stats", headers={"Host": "elsewhere.example"})
    own = await client.http.get("/api/stats", headers={"Origin": f"http://127.0.0.1:{client.settings.port}"})
    assert (elsewhere.status_code, rebound.status_code, own.status_code) == (403, 403, 200)
