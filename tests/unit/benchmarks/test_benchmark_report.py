import io
import json
import socket

import pytest
from rich.console import Console

from benchmarks.report import Goal, Report, as_markdown, include, publish, show, write_json


def report(bench: str = "gateway", **changes) -> Report:
    facts = {
        "bench": bench,
        "title": "Webhooks a second",
        "columns": ("system", "held"),
        "rows": [["parvis", "1,200"], ["bare | limit", "2,000"]],
        "results": {"parvis": {"held_per_second": 1200.0}},
        "goals": [Goal.at_least("share of the limit", 0.6, 0.6), Goal.below("p50, ms", None, 25.0)],
        "notes": ["Cores are shared."],
    }
    return Report(**facts | changes)


def test_json_document_holds_what_tools_rely_on(tmp_path):
    write_json([report()], tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert {"bench", "date", "machine", "results", "goals"} <= document.keys()
    assert document["goals"][0] == {"name": "share of the limit", "value": 0.6, "goal": "≥ 0.6", "met": True}


def test_several_benchmarks_write_a_list(tmp_path):
    write_json([report("gateway"), report("turn")], tmp_path / "out.json")
    documents = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [document["bench"] for document in documents] == ["gateway", "turn"]


def test_machine_is_described_without_its_name():
    text = json.dumps(report().machine)
    assert {"cores", "processor", "memory_gb", "os", "python"} <= report().machine.keys()
    assert socket.gethostname() not in text.split('"')
    assert "/" not in text


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal.at_least("a", 0.6, 0.6), True),
        (Goal.at_least("a", 0.59, 0.6), False),
        (Goal.at_most("a", 0.333, 0.333), True),
        (Goal.below("a", 25.0, 25.0), False),
        (Goal.below("a", None, 25.0), False),
        (Goal.at_most("a", None, 1.0), False),
        (Goal.at_least("a", None, 1.0), False),
    ],
)
def test_goal_is_met_only_by_a_measured_value_within_its_bound(goal, met):
    assert goal.met is met


def test_markdown_has_the_date_the_machine_the_figures_and_missed_goals():
    page = as_markdown(report(date="2031-02-03T04:05:06+00:00"))
    assert "2031-02-03" in page
    assert f"{report().machine['cores']} cores" in page
    assert "| parvis | 1,200 |" in page
    assert "bare \\| limit" in page
    assert "| p50, ms | not measured | < 25 | **no** |" in page
    assert "- Cores are shared." in page


def test_page_of_all_benchmarks_gets_the_new_figures_between_its_markers(tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text(
        "# Benchmarks\n<!-- gateway: generated -->\nold\n<!-- gateway: end -->\n"
        "<!-- turn: generated -->\nkept\n<!-- turn: end -->\n",
        encoding="utf-8",
    )
    publish(report(), tmp_path)
    publish(report(), tmp_path)
    written = page.read_text(encoding="utf-8")
    assert written.count("| parvis | 1,200 |") == 1
    assert "old" not in written
    assert "kept" in written
    assert (tmp_path / "benchmarks" / "gateway.md").read_text(encoding="utf-8") in written


def test_page_without_a_place_for_the_figures_is_refused():
    with pytest.raises(ValueError, match="no place for turn"):
        include("# Benchmarks\n", "turn", "figures")


def test_terminal_shows_figures_and_goals():
    console = Console(record=True, width=100, file=io.StringIO())
    show(report(), console)
    text = console.export_text()
    assert "1,200" in text
    assert "✓ share of the limit: 0.6" in text
    assert "✗ p50, ms: not measured" in text
