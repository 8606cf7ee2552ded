"""Rasa as it comes: ``rasa run`` and its own Facebook channel; the project that ``rasa init`` makes."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.children import Child, Children
from benchmarks.installation import READY_SECONDS, clean_environment
from benchmarks.platforms import Credentials
from bot.assistant.server import nlu_python
from bot.settings import PROJECT_ROOT

_CHANNEL_FOLDER = Path(__file__).with_name("rasa_side")
_TRAINING_SECONDS = 900


def rasa_environment(send_url: str = "") -> dict[str, str]:
    """Without a word to Rasa's makers; ``send_url`` is where the Facebook channel sends."""
    return clean_environment() | {
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PYTHONPATH": str(_CHANNEL_FOLDER),
        "BENCHMARK_SEND_URL": send_url,
    }


def facebook_credentials(credentials: Credentials, path: Path) -> Path:
    """JSON is YAML, too."""
    channel = {
        "verify": credentials.verify_token,
        "secret": credentials.app_secret,
        "page-access-token": credentials.page_token,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"facebook_loopback.LoopbackFacebook": channel}), encoding="utf-8")
    return path


def start_rasa(
    children: Children,
    *,
    folder: Path,
    model: Path,
    endpoints: Path,
    port: int,
    credentials: Path,
    environment: Mapping[str, str],
    name: str = "rasa",
) -> Child:
    """``rasa run`` with one channel; returns when it answers, which is after it has loaded its model. Raises
    ``ChildFailed``."""
    command = [
        str(nlu_python(PROJECT_ROOT)),
        *("-m", "rasa", "run", "--interface", "127.0.0.1", "--port", str(port)),
        *("--model", str(model), "--credentials", str(credentials), "--endpoints", str(endpoints)),
    ]
    child = children.start(name, command, environment, folder)
    child.wait_until_ready(f"http://127.0.0.1:{port}/webhooks/facebook/", READY_SECONDS)
    return child


def default_project(cache: Path, progress: Callable[[str], None]) -> Path:
    """The project of ``rasa init``, trained once for each release of Rasa. Raises ``subprocess.SubprocessError``."""
    project = cache / f"rasa-init-{_rasa_version()}"
    if default_model(project):
        return project
    project.mkdir(parents=True, exist_ok=True)
    progress("training the project of rasa init, once: one to three minutes")
    command = [str(nlu_python(PROJECT_ROOT)), "-m", "rasa", "init", "--no-prompt", "--init-dir", str(project)]
    with (cache / "rasa-init.log").open("wb") as log:
        subprocess.run(
            command, env=rasa_environment(), cwd=cache, stdout=log, stderr=log, check=True, timeout=_TRAINING_SECONDS
        )
    return project


def default_model(project: Path) -> Path | None:
    return max((project / "models").glob("*.tar.gz"), default=None)


def _rasa_version() -> str:
    ask = "from importlib.metadata import version; print(version('rasa'))"
    answer = subprocess.run(
        [str(nlu_python(PROJECT_ROOT)), "-c", ask], stdout=subprocess.PIPE, check=True, timeout=60, text=True
    )
    return answer.stdout.strip()
