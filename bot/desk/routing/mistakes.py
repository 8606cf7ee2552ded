"""Mistakes in the routing file, each with its place."""

from collections.abc import Iterator

import yaml

from bot.desk.routing.rules import RoutingError


class Mistakes:
    """Collects what is wrong, each with its place in the file."""

    def __init__(self, name: str, tree: yaml.Node | None) -> None:
        self._name = name
        self._tree = tree
        self._lines: list[tuple[int, str]] = []

    def add(self, place: tuple[int | str, ...], what: str) -> None:
        line = _line_of(self._tree, place)
        self._lines.append((line, f"{self._name}:{line}: {'.'.join(map(str, place))}: {what}"))

    def add_duplicate_keys(self) -> None:
        """YAML readers silently keep the last of two equal keys; here that would be a lost route."""
        for key in _duplicate_keys(self._tree):
            line = key.start_mark.line + 1
            self._lines.append((line, f"{self._name}:{line}: {key.value}: written twice in the same block"))

    def raise_if_any(self) -> None:
        if self._lines:
            raise RoutingError("\n".join(message for _, message in sorted(self._lines)))


def _duplicate_keys(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicate_keys(item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                yield key
            seen.add(key.value)
        yield from _duplicate_keys(value)


def _line_of(node: yaml.Node | None, place: tuple[int | str, ...]) -> int:
    """The line of the deepest part of ``place`` that exists; a missing field is reported at its block."""
    line = node.start_mark.line + 1 if node else 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line
