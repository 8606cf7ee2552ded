"""What a benchmark leaves behind: a JSON document, a Markdown page, and a table on the terminal."""

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Goal:
    """``met`` tells the truth: a goal that is missed is reported like any other."""

    name: str
    value: float | None
    goal: str
    met: bool

    @classmethod
    def at_least(cls, name: str, value: float | None, bound: float) -> "Goal":
        return cls(name, value, f"≥ {bound:g}", value is not None and value >= bound)

    @classmethod
    def at_most(cls, name: str, value: float | None, bound: float) -> "Goal":
        return cls(name, value, f"≤ {bound:g}", value is not None and value <= bound)

    @classmethod
    def below(cls, name: str, value: float | None, bound: float) -> "Goal":
        return cls(name, value, f"< {bound:g}", value is not None and value < bound)


@dataclass(frozen=True)
class Report:
    """``rows`` are the table that people read; ``results`` are the figures by system."""

    bench: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    results: dict[str, Any]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = ()
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    machine: dict[str, Any] = field(default_factory=lambda: describe_machine())

    def as_json(self) -> dict[str, Any]:
        return {
            "bench": self.bench,
            "date": self.date,
            "machine": self.machine,
            "results": self.results,
            "goals": [asdict(goal) for goal in self.goals],
            "notes": list(self.notes),
        }


def describe_machine() -> dict[str, Any]:
    """What a figure depends on; nothing that names this very machine."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor_name(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "os": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor_name() -> str:
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    name = re.search(r"^model name\s*:\s*(.+)$", facts, re.MULTILINE)
    return name[1].strip() if name else platform.machine()


# For people


def as_markdown(report: Report) -> str:
    machine = report.machine
    lines = [
        f"**{report.title}**, {report.date[:10]}, {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory_gb']:g} GB, {machine['os']}, Python {machine['python']}",
        "",
        *_markdown_table(report.columns, report.rows),
    ]
    if report.goals:
        goals = [[goal.name, _number(goal.value), goal.goal, "yes" if goal.met else "**no**"] for goal in report.goals]
        lines += ["", *_markdown_table(("goal", "measured", "asked", "met"), goals)]
    if report.notes:
        lines += ["", *(f"- {note}" for note in report.notes)]
    return "\n".join(lines) + "\n"


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = ["---", *("---:" for _ in columns[1:])]
    return [line(columns), line(rule), *(line(row) for row in rows)]


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,.2f}".rstrip("0").rstrip(".")


def include(page: str, name: str, content: str) -> str:
    """``page`` with what stands between the markers of ``name`` replaced. Raises ``ValueError`` without the markers."""
    begin, end = f"<!-- {name}: generated -->\n", f"<!-- {name}: end -->"
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"the page has no place for {name}: it needs the lines {begin.strip()!r} and {end!r}")
    return f"{before}{begin}{content}{end}{after}"


def publish(report: Report, docs: Path) -> None:
    """Write ``benchmarks/<name>.md`` in the folder of the documentation, and the same into ``benchmarks.md``."""
    content = as_markdown(report)
    own_page = docs / "benchmarks" / f"{report.bench}.md"
    own_page.parent.mkdir(parents=True, exist_ok=True)
    own_page.write_text(content, encoding="utf-8")
    page = docs / "benchmarks.md"
    if page.exists():
        page.write_text(include(page.read_text(encoding="utf-8"), report.bench, content), encoding="utf-8")


def write_json(reports: Sequence[Report], path: Path) -> None:
    """One document for one benchmark, a list of documents for several."""
    documents = [report.as_json() for report in reports]
    content: Any = documents[0] if len(documents) == 1 else documents
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def show(report: Report, console: Console) -> None:
    table = Table(title=report.title, title_justify="left")
    for position, column in enumerate(report.columns):
        table.add_column(column, justify="right" if position else "left")
    for row in report.rows:
        table.add_row(*row)
    console.print(table)
    for goal in report.goals:
        mark = "[green]✓" if goal.met else "[red]✗"
        console.print(f"{mark}[/] {goal.name}: {_number(goal.value)} (asked: {goal.goal})", highlight=False)
    for note in report.notes:
        console.print(f"[dim]{note}[/]", highlight=False)
