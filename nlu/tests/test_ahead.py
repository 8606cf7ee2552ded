"""Vectors computed ahead are those that would be computed anyway; the examples are read as Rasa reads them."""

import os
from pathlib import Path

import numpy as np
import pytest

from parvis_nlu import ahead
from parvis_nlu.encoder import DEFAULT_ENCODER, load_encoder

NLU = """\
version: "3.1"
nlu:
- intent: faq_opening_hours
  examples: |
    - vous ouvrez [dimanche](day) à [Lyon]{"entity": "store"} ?
    -   ouvert - ou pas -
    - ouvert ?
    - ouvert ?
- lookup: store
  examples: |
    - Lyon
- intent: human_agent
  examples: |
    - ouvert ?
"""


def project(folder: Path, nlu: str) -> Path:
    (folder / "data").mkdir()
    (folder / "data" / "nlu.yml").write_text(nlu, encoding="utf-8")
    (folder / "config.yml").write_text(f"pipeline: [{{name: {ahead._CLASSIFIER}}}]\n", encoding="utf-8")
    return folder


def test_examples_are_those_that_rasa_reads(tmp_path: Path) -> None:
    from rasa.shared.importers.importer import TrainingDataImporter

    found = project(tmp_path, NLU)
    (found / "domain.yml").write_text("intents: [faq_opening_hours, human_agent]\n", encoding="utf-8")
    importer = TrainingDataImporter.load_from_config(
        str(found / "config.yml"), str(found / "domain.yml"), [str(found / "data")]
    )
    read = [example.get("text") for example in importer.get_nlu_data().intent_examples]
    assert ahead.examples_of(found) == read
    assert len(read) == 4


def test_what_was_computed_ahead_is_what_would_be_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"message {number}" for number in range(ahead.BATCH + 1)]
    nlu = "nlu:\n- intent: faq_a\n  examples: |\n" + "".join(f"    - {text}\n" for text in texts)
    folder = tmp_path / "vectors"
    folder.mkdir()
    ahead.main(project(tmp_path, nlu), folder)
    [file] = folder.glob("*.npy")
    monkeypatch.setenv(ahead._FOLDER, str(folder))
    first = texts[: ahead.BATCH]
    assert np.array_equal(np.load(file), load_encoder().encode(first))
    np.save(file, np.zeros((ahead.BATCH, 2)))
    assert not ahead.encode_batch(DEFAULT_ENCODER, first).any()
    assert ahead.encode_batch(DEFAULT_ENCODER, first[1:]).any()


def test_nothing_is_left_of_it_when_the_training_ends(tmp_path: Path) -> None:
    with ahead.encoding_ahead(project(tmp_path, NLU)):
        folder = Path(os.environ[ahead._FOLDER])
        assert folder.is_dir()
    assert not folder.exists()
    assert ahead._FOLDER not in os.environ
