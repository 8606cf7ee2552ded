"""Training: validate the data, train, publish the model; nothing when nothing changed.

The published model is ``models/published.tar.gz``; beside it, ``published.json`` says from which data it was made.
"""

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from bot.assistant.server import MODEL, nlu_environment, nlu_python

log = structlog.get_logger()

OnProgress = Callable[[str], None]

_SOURCES: Final = ("config.yml", "domain.yml", "domain", "data", "nlu/uv.lock", "nlu/parvis_nlu")
# Modules of the Rasa environment that serve or measure a model but have no part in what it learns.
_NOT_LEARNT_FROM: Final = frozenset(
    {
        "channel.py",
        "endpoint.py",
        "errors.py",
        "evaluate.py",
        "manner.py",
        "serve.py",
        "tracker_store.py",
        "train.py",
        "turn.py",
    }
)
# Rules that a message is read by, and the word lists of ``signs/``: they are read when a model is loaded.
_RULES: Final = frozenset(
    {"agenda.py", "followups.py", "gravity.py", "mentions.py", "requests.py", "safety.py", "signs.py", "follow_ups.txt"}
)


class TrainingFailed(Exception):
    """The data cannot be trained. The message lists what is wrong, one problem a line."""


@dataclass(frozen=True)
class TrainingResult:
    """``trained`` is False when the published model was up to date. ``warnings`` are the validator's doubts."""

    model: Path
    fingerprint: str
    trained: bool
    seconds: float
    warnings: tuple[str, ...] = ()


def is_current(project_root: Path) -> bool:
    """Whether the published model was trained from the data as they are now."""
    model = project_root / MODEL
    return model.exists() and _published(model).get("fingerprint") == fingerprint(project_root)


def fingerprint(project_root: Path) -> str:
    """Of all that a model is made from: configuration, domain, data, and the code that learns."""
    digest = hashlib.sha256()
    for path in sorted(_source_files(project_root)):
        digest.update(str(path.relative_to(project_root)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def train(project_root: Path, home: Path, on_progress: OnProgress, *, force: bool = False) -> TrainingResult:
    """Train and publish unless the published model is current.

    ``home`` takes the training log. Raises ``TrainingFailed``, and ``AssistantNotInstalled`` without the Rasa
    environment. While one process trains, others wait, and then find nothing to do.
    """
    model = project_root / MODEL
    model.parent.mkdir(parents=True, exist_ok=True)
    with _alone(model.parent / ".lock", on_progress):
        if not force and is_current(project_root):
            stored = _published(model)
            return TrainingResult(model, stored["fingerprint"], trained=False, seconds=0.0)
        return _train(project_root, home, model, on_progress)


def _train(project_root: Path, home: Path, model: Path, on_progress: OnProgress) -> TrainingResult:
    # Taken first: data that change while the model is trained make it outdated, not wrongly current.
    made_from = fingerprint(project_root)
    fresh = model.parent / f".training-{os.getpid()}.tar.gz"
    try:
        report = _run(project_root, home / "logs" / "training.log", fresh, on_progress)
        _publish(fresh, model, {"fingerprint": made_from, "seconds": report.seconds})
    finally:
        fresh.unlink(missing_ok=True)
    log.info("model_published", fingerprint=made_from[:12], seconds=report.seconds, warnings=len(report.warnings))
    return TrainingResult(model, made_from, trained=True, seconds=report.seconds, warnings=tuple(report.warnings))


def _publish(fresh: Path, model: Path, facts: dict[str, Any]) -> None:
    """The facts go first and come last: a crash in between leaves a model that counts as outdated, never as current."""
    facts_file = _facts_file(model)
    facts_file.unlink(missing_ok=True)
    fresh.replace(model)
    text = json.dumps({**facts, "trained_at": datetime.now(UTC).isoformat(timespec="seconds")}, indent=2)
    draft = facts_file.with_suffix(".draft")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(facts_file)


def _published(model: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(_facts_file(model).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts


def _facts_file(model: Path) -> Path:
    return model.with_name("published.json")


def _source_files(project_root: Path) -> Iterator[Path]:
    for name in _SOURCES:
        source = project_root / name
        files = source.rglob("*") if source.is_dir() else (source,)
        yield from (path for path in files if path.is_file() and _is_learnt_from(path))


def _is_learnt_from(path: Path) -> bool:
    is_served = path.parent.name == "parvis_nlu" and path.name in _NOT_LEARNT_FROM
    is_rule = path.name in _RULES or path.parent.name == "signs"
    return not is_served and not is_rule and "__pycache__" not in path.parts and not path.name.startswith(".")


@contextmanager
def _alone(lock_file: Path, on_progress: OnProgress) -> Iterator[None]:
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            on_progress("waiting for another training to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass
class _Report:
    seconds: float
    warnings: list[str]
    errors: list[str]


def _run(project_root: Path, log_file: Path, model: Path, on_progress: OnProgress) -> _Report:
    """Run ``parvis_nlu.train`` and follow what it tells. Raises ``TrainingFailed``."""
    command = [str(nlu_python(project_root)), "-m", "parvis_nlu.train"]
    command += ["--project", str(project_root), "--model", str(model.resolve())]
    # Rasa would keep the parts of earlier trainings and take one for unchanged when only a module it uses changed.
    environment = nlu_environment() | {"RASA_MAX_CACHE_SIZE": "0"}
    report = _Report(0.0, [], [])
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with (
        log_file.open("w", encoding="utf-8") as training_log,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=training_log, encoding="utf-8"
        ) as process,
    ):
        for line in process.stdout or ():
            _follow(json.loads(line), report, on_progress)
    if process.returncode != 0:
        raise TrainingFailed("\n".join(report.errors) or f"training ended with {process.returncode}; see {log_file}")
    return report


def _follow(told: dict[str, Any], report: _Report, on_progress: OnProgress) -> None:
    match told:
        case {"step": text}:
            on_progress(text)
        case {"warning": text}:
            report.warnings.append(text)
            on_progress(f"warning: {text}")
        case {"error": text}:
            report.errors.append(text)
        case {"trained": seconds}:
            report.seconds = seconds
