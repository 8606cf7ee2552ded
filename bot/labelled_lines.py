"""Files of labelled messages: one JSON object a line, empty lines left out."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Label = TypeVar("Label")


def read_labelled_lines(
    path: Path, read_line: Callable[[str, str], Label], unusable: Callable[[str], Exception]
) -> list[Label]:
    """``read_line`` is given a line and where it stands ("file:12"). Raises ``unusable`` for a file that cannot be
    read or holds no line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise unusable(f"{path}: {error}") from error
    labelled = [read_line(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]
    if not labelled:
        raise unusable(f"{path} holds no message")
    return labelled
