"""How the Rasa process is started. It has an environment of its own (``nlu/.venv``, Python 3.10)."""

import os
import tempfile
from pathlib import Path
from typing import Final

MODEL: Final = Path("models") / "published.tar.gz"

# One process has two cores at most and shares them with a dozen others: thread pools would only wait for each other.
_ONE_THREAD_EACH: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    "1",
)
_QUIET: Final = {
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "SANIC_LOG_LEVEL": "WARNING",
    "LOG_LEVEL_LIBRARIES": "WARNING",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "PYTHONWARNINGS": "ignore",  # the deprecations of libraries that will not move any more
    # Rasa imports matplotlib, which makes a folder at each start unless it is given one.
    "MPLCONFIGDIR": str(Path(tempfile.gettempdir()) / "parvis-matplotlib"),
}


class AssistantNotInstalled(Exception):
    """The environment of the Rasa process is missing."""

    def __init__(self, python: Path) -> None:
        super().__init__(f"{python} is missing. Install it with: make setup")


def nlu_python(project_root: Path) -> Path:
    """The interpreter of the Rasa environment. Raises ``AssistantNotInstalled``."""
    python = project_root / "nlu" / ".venv" / "bin" / "python"
    if not python.exists():
        raise AssistantNotInstalled(python)
    return python


def nlu_environment() -> dict[str, str]:
    """What every process of the Rasa environment runs with: quiet, without telemetry, one thread."""
    return {**os.environ, **_QUIET, **_ONE_THREAD_EACH}


def rasa_command(
    project_root: Path,
    *,
    port: int,
    actions_port: int,
    redis_address: str,
    token: str = "",
    model: Path | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of the Rasa process, to be run in ``project_root``.

    It listens on loopback. ``parvis_nlu.serve`` does what ``rasa run`` does, without loading TensorFlow for a model
    that has no use for it. Raises ``AssistantNotInstalled``.
    """
    command = [
        str(nlu_python(project_root)),
        "-m",
        "parvis_nlu.serve",
        *("--model", str(model or project_root / MODEL)),
        *("--interface", "127.0.0.1", "--port", str(port)),
        *("--endpoints", str(project_root / "endpoints.yml")),
        *("--credentials", str(project_root / "credentials.yml")),
    ]
    environment = nlu_environment() | {
        "PARVIS_ACTIONS_PORT": str(actions_port),
        "PARVIS_RASA_REDIS_URL": redis_address,
        "PARVIS_RASA_TOKEN": token,
    }
    return command, environment
