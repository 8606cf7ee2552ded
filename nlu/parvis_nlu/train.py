"""Validates a project and trains its model: ``python -m parvis_nlu.train --project DIR --model FILE``.

Standard output is one JSON object a line, for the program that started it: ``{"step"}``, ``{"warning"}`` (the data can
be trained but something in it looks wrong), ``{"error"}`` (it cannot), ``{"trained": seconds}``. What libraries print
goes to standard error. One process validates and trains, since importing Rasa takes longer than either.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from unittest.mock import patch

from parvis_nlu.ahead import encoding_ahead
from parvis_nlu.lean_training import lean_training
from parvis_nlu.without_tensorflow import configuration_needs_tensorflow, import_rasa_without_tensorflow

if TYPE_CHECKING:
    from rasa.shared.importers.importer import TrainingDataImporter

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_DOCS = re.compile(r"\s*More info at https?://\S+")
# No story hears these: the parts that translate stickers and files do. And what custom actions, the turn channel and
# the worker say, Rasa cannot know; a test of the project looks for responses that nobody says.
_USED_BY_CODE = re.compile(
    r"'(chitchat_sticker|off_topic_attachment|nlu_ambiguous)'|The utterance '\w+' is not used in any story or rule"
)
_STARTED = re.compile(r"Starting to train component '(\w+)'")


class Reporter:
    """Writes to the real standard output and turns everybody else's to standard error."""

    def __init__(self) -> None:
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def tell(self, kind: str, content: object) -> None:
        self._out.write(json.dumps({kind: content}, ensure_ascii=False) + "\n")
        self._out.flush()


class ComponentSteps(logging.Handler):
    """Rasa logs which component it trains."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        started = _STARTED.match(record.getMessage())
        if started:
            self._reporter.tell("step", f"training {started[1]}")


class Complaints(logging.Handler):
    """What Rasa's validator warns of: part of it through ``warnings``, part through its log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.all: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.add(record.getMessage())

    def add(self, text: str) -> None:
        plain = " ".join(_DOCS.sub("", _COLOURS.sub("", text)).split())
        if plain and plain not in self.all and not _USED_BY_CODE.search(plain):
            self.all.append(plain)

    def gather(self, check: Callable[[], bool]) -> bool:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            passed = check()
        for warning in caught:
            if issubclass(warning.category, UserWarning):
                self.add(str(warning.message))
        return passed


def main() -> int:
    arguments = _arguments()
    reporter = Reporter()
    os.chdir(arguments.project)
    needs_tensorflow = configuration_needs_tensorflow(Path("config.yml"))
    reporter.tell("step", f"loading Rasa{' and TensorFlow' * needs_tensorflow}")
    started_at = time.monotonic()
    with encoding_ahead(Path.cwd()):
        if not needs_tensorflow:
            import_rasa_without_tensorflow()
        trained = _train(arguments.model, reporter)
    if trained:
        reporter.tell("trained", round(time.monotonic() - started_at, 1))
    return 0 if trained else 1


def _train(model: Path, reporter: Reporter) -> bool:
    from rasa.shared.exceptions import RasaException

    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    try:
        with lean_training():
            return _validate_and_train(model, reporter)
    except RasaException as error:  # unreadable YAML, contradicting rules: says which file, line or rule
        reporter.tell("error", _COLOURS.sub("", str(error)).strip())
    except SystemExit:  # Rasa prints what is wrong, then exits
        reporter.tell("error", "Rasa refused the data; its reason is in the training log")
    return False


def _validate_and_train(model: Path, reporter: Reporter) -> bool:
    import rasa.model_training
    import rasa.utils.common
    from rasa.shared.importers.importer import TrainingDataImporter
    from rasa.utils.log_utils import configure_structlog

    rasa.utils.common.configure_logging_and_warnings(log_level=logging.INFO)
    configure_structlog(logging.INFO)  # else every rule is written to the log several times over
    domain = "domain.yml" if Path("domain.yml").exists() else "domain"
    reporter.tell("step", "reading and validating the data")
    importer = TrainingDataImporter.load_from_config("config.yml", domain, ["data"])
    if not _is_valid(importer, reporter):
        return False
    logging.getLogger("rasa.engine.training.hooks").addHandler(ComponentSteps(reporter))
    # What the validator has read is kept; Rasa would read and merge every file again.
    with patch.object(TrainingDataImporter, "load_from_config", lambda *_, **__: importer):
        result = rasa.model_training.train(
            domain, "config.yml", ["data"], output=str(model.parent), force_training=True, fixed_model_name=model.name
        )
    if result.code != 0:
        reporter.tell("error", "there is nothing to train: data/ holds no examples")
    return result.code == 0


def _is_valid(importer: TrainingDataImporter, reporter: Reporter) -> bool:
    """Tells every complaint. Rasa's checks say which are fatal: intents, actions, forms, slots or stories at odds."""
    from rasa.validator import Validator

    validator = Validator.from_importer(importer)
    errors, doubts = Complaints(), Complaints()
    passed = True
    for check in (
        validator.verify_domain_validity,
        validator.verify_actions_in_stories_rules,
        validator.verify_forms_in_stories_rules,
        validator.verify_form_slots,
        validator.verify_slot_mappings,
        lambda: validator.verify_nlu(ignore_warnings=True),
        lambda: validator.verify_story_structure(ignore_warnings=False),
    ):
        found = Complaints()
        logging.getLogger("rasa").addHandler(found)
        this_passed = found.gather(check)
        logging.getLogger("rasa").removeHandler(found)
        for text in found.all:
            (doubts if this_passed else errors).add(text)
        passed = passed and this_passed
    for text in doubts.all:
        reporter.tell("warning", text)
    for text in errors.all or ([] if passed else ["the domain is not valid"]):
        reporter.tell("error", text)
    return passed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m parvis_nlu.train")
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="the model file to write, *.tar.gz")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
