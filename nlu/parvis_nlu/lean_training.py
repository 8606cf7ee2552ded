"""Rasa's training without what is done several times over, or for nothing.

Rasa reads all files again for every way in which its parts ask for the examples, copies each example deeply at each of
a dozen merges and computes its fingerprint anew after each; and it fingerprints and keeps what each component has made,
for a later training that could use it, which ours never does. With thirty thousand examples that takes as long as
learning them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from rasa.shared.nlu.training_data.message import Message


@contextmanager
def lean_training() -> Iterator[None]:
    from rasa.engine.training.hooks import TrainingHook
    from rasa.shared.importers.importer import CombinedDataImporter, E2EImporter, ResponsesSyncImporter
    from rasa.shared.nlu.training_data.message import Message

    with ExitStack() as patches:
        for importer in (CombinedDataImporter, ResponsesSyncImporter, E2EImporter):
            once = _whatever_the_language(importer.get_nlu_data)
            patches.enter_context(patch.object(importer, "get_nlu_data", once))
        patches.enter_context(patch.object(Message, "__deepcopy__", _copied, create=True))
        patches.enter_context(patch.object(Message, "set", _unless_it_is_set(Message.set)))
        patches.enter_context(patch.object(TrainingHook, "on_before_node", lambda *_, **__: {}))
        patches.enter_context(patch.object(TrainingHook, "on_after_node", lambda *_, **__: None))
        yield


def _whatever_the_language(read: Callable[..., Any]) -> Callable[..., Any]:
    """``read`` keeps what it gave for the same arguments. The language is for formats other than ours."""

    @wraps(read)
    def read_once(importer: Any, language: str | None = None) -> Any:
        return read(importer)

    return read_once


def _copied(message: Message, memo: dict[int, Any]) -> Message:
    data = {
        name: value if isinstance(value, str) else copy.deepcopy(value, memo) for name, value in message.data.items()
    }
    copied = type(message)(data, set(message.output_properties), message.time, list(message.features))
    copied._cached_fingerprint = message._cached_fingerprint
    return copied


def _unless_it_is_set(set_property: Callable[..., None]) -> Callable[..., None]:
    """Rasa strips the blanks around each intent's name again and again, and forgets the fingerprint each time."""

    @wraps(set_property)
    def set_when_new(message: Message, prop: str, info: Any, add_to_output: bool = False) -> None:
        if not isinstance(info, str) or message.data.get(prop) != info or add_to_output:
            set_property(message, prop, info, add_to_output)

    return set_when_new
