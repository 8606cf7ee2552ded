"""Runs benchmarks, shows their tables, and writes what they found."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from rich.console import Console

from benchmarks import report
from benchmarks.children import ChildFailed
from bot.configuration import ConfigurationError
from bot.settings import PROJECT_ROOT, Settings


def run_nlu_benchmark(
    train: Path, test: Path, val: Path | None, baseline: bool, json_out: Path | None, console: Console
) -> None:
    """On files of the caller's, so it is not among "all". Raises ``ConfigurationError`` when one cannot be used."""
    from benchmarks.nlu import UnusableSet, bench_nlu

    signal.signal(signal.SIGTERM, _leave)
    console.rule("bench nlu", align="left")
    with tempfile.TemporaryDirectory(prefix="parvis-bench-") as home:
        try:
            finished = bench_nlu(train, test, val, baseline, Path(home), _line(console))
        except (UnusableSet, ChildFailed, subprocess.SubprocessError) as error:
            raise ConfigurationError(f"bench nlu could not be finished: {error}") from error
    report.show(finished, console)
    if json_out:
        report.write_json([finished], json_out)


def run_benchmarks(name: str, json_out: Path | None, console: Console) -> None:
    """``name`` empty: all, one after the other. Raises ``ConfigurationError`` for an unknown name or when a system
    cannot be started."""
    benches = _benches()
    if name and name not in benches:
        raise ConfigurationError(f"There is no benchmark {name!r}; there are: {', '.join(benches)}")
    signal.signal(signal.SIGTERM, _leave)
    settings = Settings()
    reports = [_run_one(one, benches[one], settings, console) for one in ([name] if name else benches)]
    if json_out:
        report.write_json(reports, json_out)


Bench = Callable[[Settings, Path, Callable[[str], None]], report.Report]


def _benches() -> dict[str, Bench]:
    """Imported when they run: the command must also start where the other environment is not installed yet."""
    from benchmarks.desk import bench_desk
    from benchmarks.gateway import bench_gateway
    from benchmarks.start import bench_start
    from benchmarks.turn import bench_turn

    return {"gateway": bench_gateway, "turn": bench_turn, "start": bench_start, "desk": bench_desk}


def _run_one(name: str, bench: Bench, settings: Settings, console: Console) -> report.Report:
    console.rule(f"bench {name}", align="left")
    _publish_assistant(console)
    # In the temporary folder of the system: what is measured must not meet the state of a running installation.
    with tempfile.TemporaryDirectory(prefix="parvis-bench-") as home:
        try:
            finished = bench(settings, Path(home), _line(console))
        except (ChildFailed, subprocess.SubprocessError) as error:
            raise ConfigurationError(f"bench {name} could not be finished: {error}") from error
    report.show(finished, console)
    report.publish(finished, PROJECT_ROOT / "docs")
    return finished


def _publish_assistant(console: Console) -> None:
    """Train unless the published model is up to date."""
    console.print("[dim]making sure that the assistant is trained")
    finished = subprocess.run([sys.executable, "-m", "bot.cli", "train"], cwd=PROJECT_ROOT)
    if finished.returncode:
        raise ConfigurationError("The assistant could not be trained; the benchmarks need it")


def _line(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(f"[dim]{text}", highlight=False)


def _leave(_: int, __: FrameType | None) -> None:
    """Leave by an exception, so that every ``with`` block stops its processes."""
    with suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(143)
