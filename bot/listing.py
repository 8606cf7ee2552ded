"""What a command lists: a table for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def print_list(
    console: Console,
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    none: str,
    *,
    as_json: bool,
) -> None:
    """``columns``: what of a row the table shows, and its heading; JSON has all. ``none`` is said of an empty list."""
    if as_json:
        console.print_json(json.dumps(rows))
    elif not rows:
        console.print(none)
    else:
        table = Table(*columns.values())
        for row in rows:
            table.add_row(*(str(row[name]) for name in columns))
        console.print(table)
