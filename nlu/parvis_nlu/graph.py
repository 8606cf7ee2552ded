"""Runs a model's graph straight through: each component once, after those that it needs, in one thread.

Rasa hands the graph to dask for every message and every prediction, which plans it anew each time: about a millisecond
that changes nothing, since the graph of a loaded model does not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rasa.engine.graph import GraphNode
from rasa.engine.runner.dask import DaskGraphRunner

Step = tuple[str, GraphNode, tuple[str, ...]]
"""A node's name, the node, and the names of the nodes or inputs that it needs, in the order of its parameters."""


class StraightGraphRunner:
    """Runs the nodes that ``runner`` has loaded. What it is given and what it returns is as with Rasa's own."""

    def __init__(self, runner: DaskGraphRunner) -> None:
        self.nodes: dict[str, GraphNode] = runner._instantiated_nodes
        self.needs = {name: tuple(node.needs.values()) for name, node in runner._graph_schema.nodes.items()}
        self._plans: dict[tuple[str, ...], list[Step]] = {}

    def run(self, inputs: dict[str, Any], targets: Sequence[str]) -> dict[str, Any]:
        """Raises Rasa's ``GraphRunError`` or ``GraphComponentException``."""
        done = {name: (name, value) for name, value in inputs.items()}
        for name, node, needs in self._plan(tuple(targets)):
            # A bare name stands for what nobody provides; the node then says itself what is missing.
            done[name] = node(*(done.get(need, need) for need in needs))
        return dict(done[target] for target in targets)

    def _plan(self, targets: tuple[str, ...]) -> list[Step]:
        if targets not in self._plans:
            order = dict.fromkeys(name for target in targets for name in self._with_needs(target))
            self._plans[targets] = [(name, self.nodes[name], self.needs[name]) for name in order]
        return self._plans[targets]

    def _with_needs(self, name: str) -> Iterator[str]:
        """The node after all that it needs; inputs of the graph are no nodes."""
        if name in self.nodes:
            for need in self.needs[name]:
                yield from self._with_needs(need)
            yield name
