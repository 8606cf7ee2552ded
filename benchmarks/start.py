"""``parvis bench start``: how long each process takes until it can work, and how much memory it holds then."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.children import Children, tree_memory_mb
from benchmarks.installation import READY_SECONDS, Installation
from benchmarks.platforms import Credentials
from benchmarks.ports import free_port
from benchmarks.rasa import default_model, default_project, facebook_credentials, rasa_environment, start_rasa
from benchmarks.report import Report
from bot.settings import PROJECT_ROOT, Settings

_SETTLE_SECONDS = 2.0

Progress = Callable[[str], None]


def bench_start(settings: Settings, home: Path, progress: Progress) -> Report:
    """Raises ``ChildFailed`` when a process does not come up."""
    project = default_project(settings.core.home / "benchmarks", progress)
    processes = _start_one_by_one(home / "one-by-one", progress)
    progress("parvis up")
    together = _start_together(home / "together")
    progress("rasa_default: starting")
    default = _start_default(project, home / "default")
    return _report(processes, together, default)


def _start_one_by_one(home: Path, progress: Progress) -> dict[str, dict[str, float]]:
    """Each while the others are idle, in the order in which ``parvis up`` starts them."""
    installation = Installation(home)
    started = {}
    with Children(home / "logs") as children:
        for name in installation.specs:
            progress(f"parvis: starting {name}")
            started[name] = installation.start(name, children)
        time.sleep(_SETTLE_SECONDS)
        return {
            name: {"ready_s": round(seconds, 2), "rss_mb": child.memory_mb()}
            for name, (child, seconds) in started.items()
        }


def _start_together(home: Path) -> dict[str, float]:
    """All at once, as an operator does; the assistant is trained already."""
    environment = Installation(home).environment
    command = [sys.executable, "-m", "bot.cli"]
    with Children(home / "logs") as children:
        try:
            up = children.start("up", [*command, "up", "--timeout", str(READY_SECONDS)], environment, PROJECT_ROOT)
            seconds = up.wait_until_done(READY_SECONDS + 60)
            time.sleep(_SETTLE_SECONDS)
            return {"ready_s": round(seconds, 2), "rss_mb": tree_memory_mb(_supervisor_pid(home))}
        finally:
            # The supervisor leaves the group of the command that started it.
            children.start("down", [*command, "down"], environment, PROJECT_ROOT).wait_until_done(60)
            with suppress(OSError, ValueError):  # its file goes with it
                os.kill(_supervisor_pid(home), signal.SIGKILL)


def _supervisor_pid(home: Path) -> int:
    return int((home / "supervisor.pid").read_text(encoding="utf-8"))


def _start_default(project: Path, home: Path) -> dict[str, float]:
    model = default_model(project)
    assert model is not None
    with Children(home / "logs") as children:
        child = start_rasa(
            children,
            folder=project,
            model=model,
            endpoints=project / "endpoints.yml",
            port=free_port(),
            credentials=facebook_credentials(Credentials.draw(), home / "credentials.yml"),
            environment=rasa_environment("http://127.0.0.1:9"),
        )
        seconds = time.monotonic() - child.started_at
        time.sleep(_SETTLE_SECONDS)
        return {"ready_s": round(seconds, 2), "rss_mb": child.memory_mb()}


def _report(processes: dict[str, dict[str, float]], together: dict[str, float], default: dict[str, float]) -> Report:
    results: dict[str, Any] = {
        "parvis": {
            "processes": processes,
            "rss_mb": round(sum(figures["rss_mb"] for figures in processes.values()), 1),
            "up": together,
        },
        "rasa_default": default,
    }
    rows = [_row(f"parvis {name}", figures) for name, figures in processes.items()]
    rows.append(_row("all of them and the supervisor (`parvis up`)", together))
    rows.append(_row("rasa_default: `rasa run` of the project of `rasa init`", default))
    return Report(
        bench="start",
        title="Start-up time and memory",
        columns=("process", "ready after s", "memory MB"),
        rows=rows,
        results=results,
        notes=[
            "From the process's start until it says that it is ready; memory is resident memory of the process and its "
            "children. Pages that several processes share are counted for each.",
            "Processes are started one after the other; the model was trained before.",
        ],
    )


def _row(name: str, figures: dict[str, float]) -> list[str]:
    return [name, f"{figures['ready_s']:.1f}", f"{figures['rss_mb']:,.0f}"]
