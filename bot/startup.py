"""Bringing everything up before a person's eyes: what happens, how long it takes, and why."""

import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot.configuration import ConfigurationError
from bot.processes import ProcessSpec
from bot.settings import PROJECT_ROOT, Settings
from bot.supervisor import ProcessStatus, Supervisor


def start_all(settings: Settings, console: Console, timeout: float) -> None:
    """Returns when every process is ready. Raises ``ConfigurationError`` when one is not within ``timeout`` seconds."""
    supervisor = Supervisor(settings)
    train_with_progress(settings, console, force=False)
    if supervisor.running():
        console.print("Already running.")
    else:
        supervisor.start()
    _wait_until_ready(supervisor, settings, console, timeout)
    print_addresses(settings, console)


def _wait_until_ready(supervisor: Supervisor, settings: Settings, console: Console, timeout: float) -> None:
    durations = _Durations(settings.core.home / "start-times.json")
    started_at = time.monotonic()
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.fields[name]:<10}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {
            spec.name: progress.add_task("", total=durations.usual(spec), name=spec.name, note=_note(spec))
            for spec in supervisor.specs
        }
        waiting = set(bars)
        statuses: list[ProcessStatus] = []
        while waiting:
            elapsed = time.monotonic() - started_at
            if elapsed > timeout:
                raise ConfigurationError(_explain_unready(statuses, timeout, supervisor.log_folder))
            statuses = supervisor.statuses()
            for status in statuses:
                if status.spec.name not in waiting:
                    continue
                bar, usual = bars[status.spec.name], durations.usual(status.spec)
                if status.ready:
                    waiting.discard(status.spec.name)
                    durations.note(status.spec, elapsed)
                    progress.update(bar, total=1, completed=1, note=status.spec.purpose)
                    progress.stop_task(bar)
                else:
                    progress.update(bar, completed=min(elapsed, usual * 0.97))
            time.sleep(0.2)
    durations.save()


def _note(spec: ProcessSpec) -> str:
    return f"{spec.purpose}; {spec.slow_because}" if spec.slow_because else spec.purpose


def _explain_unready(statuses: list[ProcessStatus], timeout: float, logs: Path) -> str:
    waiting = "; ".join(f"{status.spec.name}: {status.problem}" for status in statuses if not status.ready)
    return f"Not ready after {timeout:.0f} s: {waiting}. Logs are in {logs}. Stop everything with: parvis down"


class _Durations:
    """How long each process took to be ready last time, so that the bars tell the truth on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._seconds: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._seconds = {}

    def usual(self, spec: ProcessSpec) -> float:
        return self._seconds.get(spec.name, spec.usual_seconds)

    def note(self, spec: ProcessSpec, seconds: float) -> None:
        self._seconds[spec.name] = round(seconds, 1)

    def save(self) -> None:
        self._path.write_text(json.dumps(self._seconds), encoding="utf-8")


def print_addresses(settings: Settings, console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    if settings.simulated:
        table.add_row("[bold]Simulator", f"[link]{settings.simulator.address}/[/]", "two phones and a mailbox")
    table.add_row("[bold]Console", f"[link]{settings.console.address}/[/]", "where people of the brand sign in")
    table.add_row("Gateway", f"{settings.gateway.address}/webhooks/…", "what the platforms call")
    table.add_row("Logs", str(settings.core.home / "logs"), "one file a process")
    console.print()
    console.print(table)
    first_admin = settings.first_admin_link
    if first_admin.exists():
        console.print("\nNobody has an account yet. The first administrator makes one here, once:")
        console.print(first_admin.read_text(encoding="utf-8").strip(), style="bold", soft_wrap=True)


def status_table(statuses: list[ProcessStatus]) -> Table:
    table = Table("process", "state", "pid", "up", "ready", "what it does")
    for status in statuses:
        ready = "[green]yes" if status.ready else f"[red]{status.problem}"
        up = f"{status.up_seconds:.0f} s" if status.pid else ""
        table.add_row(status.spec.name, status.state, str(status.pid or ""), up, ready, status.spec.purpose)
    return table


def stay_until_interrupted(settings: Settings, console: Console) -> None:
    """Until Ctrl-C or SIGTERM; then everything stops. A second Ctrl-C does not leave half of it running."""
    interrupted = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: interrupted.set())
    supervisor = Supervisor(settings)
    console.print("\nCtrl-C stops everything.", style="dim")
    while supervisor.running() and not interrupted.wait(1.0):
        pass
    console.print("\nStopping …")
    supervisor.stop()
    console.print("All is stopped.")


# The assistant


def train_with_progress(settings: Settings, console: Console, *, force: bool) -> None:
    """Train unless the published model is up to date. Raises ``ConfigurationError`` on bad data."""
    from bot.trainer.training import TrainingFailed, is_current, train

    if not force and is_current(PROJECT_ROOT):
        return
    console.print("Training the assistant: its machine-learning libraries alone take 5 to 10 s to load.")
    with console.status("…") as shown:
        try:
            result = train(
                PROJECT_ROOT, settings.core.home, on_progress=lambda line: shown.update(line[:100]), force=force
            )
        except TrainingFailed as error:
            raise ConfigurationError(f"The assistant was not trained: {error}") from error
    console.print(f"[green]✓[/] trained in {result.seconds:.0f} s")


def evaluate_file(path: Path, json_out: Path | None, typed: str, console: Console) -> None:
    from bot.trainer.evaluation import EvaluationFailed, Typed, evaluate

    if typed not in set(Typed):
        raise ConfigurationError(f"--typed is one of {', '.join(Typed)}, not {typed}")
    try:
        scores = evaluate(path, PROJECT_ROOT, typed=Typed(typed))
    except EvaluationFailed as error:
        raise ConfigurationError(str(error)) from error
    _write_scores(scores, json_out, console)


def evaluate_masking_file(path: Path, json_out: Path | None, settings: Settings, console: Console) -> None:
    from bot.bootstrap import load_language_models, masking_rules

    models = load_language_models(masking_rules(settings))
    from bot.desk.masking.evaluation import LabelsUnusable, evaluate_masking

    try:
        scores = evaluate_masking(path, models)
    except LabelsUnusable as error:
        raise ConfigurationError(str(error)) from error
    _write_scores(scores, json_out, console)


def _write_scores(scores: dict[str, Any], json_out: Path | None, console: Console) -> None:
    if json_out:
        json_out.write_text(json.dumps(scores, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    console.print_json(json.dumps(scores, ensure_ascii=False))
