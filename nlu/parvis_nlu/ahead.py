"""Sentence vectors of the examples, computed by a second process while Rasa is still being imported and reads them.

Both take some 25 seconds in which one core is at work. What is ready by then is found under a hash of its batch, in a
folder that lasts as long as the training; whatever is not is computed as usual, with the same result.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import yaml

from parvis_nlu.encoder import DEFAULT_ENCODER, load_encoder

# Texts that are encoded together. A vector's last bits depend on its neighbours in the batch: always the same ones.
BATCH = 1000
_FOLDER = "PARVIS_NLU_VECTORS"
_ENOUGH = "enough"
_CLASSIFIER = "parvis_nlu.classifier.SentenceIntentClassifier"
_EXAMPLE = re.compile(r"^\s*-\s+(.*\S)", re.MULTILINE)
_ANNOTATED = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\})")


@contextmanager
def encoding_ahead(project: Path) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="parvis-vectors-") as folder:
        os.environ[_FOLDER] = folder
        command = [sys.executable, "-m", "parvis_nlu.ahead", str(project), folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            del os.environ[_FOLDER]
            process.kill()
            process.wait()


def encode_batch(encoder_class: str, texts: list[str]) -> np.ndarray:
    if folder := os.environ.get(_FOLDER):
        (Path(folder) / _ENOUGH).touch()  # from here on all cores are at work
        if (found := _file(Path(folder), encoder_class, texts)).exists():
            vectors: np.ndarray = np.load(found)
            return vectors
    return load_encoder(encoder_class).encode(texts)


def examples_of(project: Path) -> list[str]:
    """The texts of the intents' examples, in Rasa's order. What is no YAML of Rasa's is for Rasa to complain about."""
    examples: dict[tuple[str, str], None] = {}
    for path in sorted((project / "data").rglob("*.yml")):
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for block in content.get("nlu") or []:
            if "intent" in block and isinstance(block.get("examples"), str):
                texts = (_ANNOTATED.sub(r"\1", text) for text in _EXAMPLE.findall(block["examples"]))
                examples.update(dict.fromkeys((block["intent"], text) for text in texts))
    return [text for _, text in examples]


def main(project: Path, folder: Path) -> None:
    pipeline = yaml.safe_load((project / "config.yml").read_text(encoding="utf-8")).get("pipeline") or []
    classifiers = [component for component in pipeline if component.get("name") == _CLASSIFIER]
    for classifier in classifiers:
        encoder_class = classifier.get("encoder", DEFAULT_ENCODER)
        for texts in _whole_batches(examples_of(project)):
            if (folder / _ENOUGH).exists():
                return
            vectors = load_encoder(encoder_class).encode(texts)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                np.save(file, vectors)
            Path(file.name).replace(_file(folder, encoder_class, texts))


def _whole_batches(texts: Sequence[str]) -> Iterator[list[str]]:
    for at in range(0, len(texts) - BATCH + 1, BATCH):
        yield list(texts[at : at + BATCH])


def _file(folder: Path, encoder_class: str, texts: Sequence[str]) -> Path:
    return folder / f"{hashlib.sha256(repr((encoder_class, list(texts))).encode()).hexdigest()}.npy"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
