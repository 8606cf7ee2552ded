"""``parvis bench nlu``: how well the pipeline of ``config.yml`` learns any labelled set, and what reading costs."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.children import ChildFailed, tree_memory_mb
from benchmarks.figures import percentile
from benchmarks.rasa import rasa_environment
from benchmarks.report import Goal, Report
from bot.assistant.server import nlu_environment, nlu_python
from bot.assistant.turns import prose
from bot.settings import PROJECT_ROOT

OUT_OF_SCOPE: Final = "off_topic_other"
"""What the project itself calls a message that is about nothing it knows."""

_TRAINING_SECONDS = 3600.0
_READING_SECONDS = 3600.0

Progress = Callable[[str], None]


class UnusableSet(Exception):
    """A file that cannot be used; the message names the line."""


@dataclass(frozen=True)
class Labelled:
    """``intent`` is None for what is out of scope."""

    text: str
    intent: str | None


@dataclass(frozen=True)
class Reading:
    """``candidates`` best first, with ``nlu_fallback`` first where the pipeline gave the message up."""

    candidates: Sequence[str]
    milliseconds: float

    def best(self, known: frozenset[str]) -> str | None:
        """The first intent that the set has: a safety layer may put one of the project's own before it."""
        return next((name for name in self.candidates if name in known), None)

    @property
    def gives_up(self) -> bool:
        return not self.candidates or self.candidates[0] in ("nlu_fallback", OUT_OF_SCOPE)


def bench_nlu(train: Path, test: Path, val: Path | None, baseline: bool, home: Path, progress: Progress) -> Report:
    """Raises ``UnusableSet``, and ``ChildFailed`` when the project's own pipeline cannot be trained."""
    learnt, tests = read_set(train), {"test": read_set(test)}
    if val:
        tests["val"] = read_set(val)
    results = {"parvis": measure(project_pipeline(), learnt, tests, home / "parvis", progress)}
    if baseline:
        results["rasa_init"] = _measure_baseline(learnt, tests, home / "rasa_init", progress)
    return _report(train, results)


def read_set(path: Path) -> list[Labelled]:
    """One JSON object a line: ``text``, ``intent`` (null: out of scope). Raises ``UnusableSet``."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableSet(f"{path}: {error}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            fields = json.loads(line)
            one = Labelled(fields["text"], fields["intent"])
        except (ValueError, KeyError, TypeError):
            raise UnusableSet(f"{path}:{number}: an object with text and intent is needed") from None
        if not isinstance(one.text, str) or not one.text.strip() or not isinstance(one.intent, str | None):
            raise UnusableSet(f"{path}:{number}: text must be words, intent a name or null")
        found.append(one)
    if not any(one.intent for one in found):
        raise UnusableSet(f"{path} holds no message with an intent")
    return found


def project_pipeline() -> dict[str, Any]:
    """The part of the project's ``config.yml`` that reads messages, unchanged."""
    config = yaml.safe_load((PROJECT_ROOT / "config.yml").read_text(encoding="utf-8"))
    return {name: config[name] for name in ("recipe", "assistant_id", "language", "pipeline")}


def rasa_init_pipeline() -> dict[str, Any]:
    """Without a pipeline Rasa takes its default, as in a project made by ``rasa init``."""
    return {"recipe": "default.v1", "assistant_id": "rasa_init", "language": "en", "pipeline": None}


def measure(
    config: Mapping[str, Any],
    learnt: Sequence[Labelled],
    tests: Mapping[str, Sequence[Labelled]],
    folder: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Train in a fresh process, read in another. Raises ``ChildFailed``."""
    folder.mkdir(parents=True)
    names = rasa_names(learnt)
    progress(f"{folder.name}: training on {len(learnt)} messages")
    train_s = _train(config, learnt, names, folder)
    figures: dict[str, Any] = {}
    for name, messages in tests.items():
        progress(f"{folder.name}: reading {len(messages)} messages")
        readings, rss_mb = _read(folder / "model.tar.gz", [one.text for one in messages])
        scores = score(messages, readings, names)
        figures |= scores | {"rss_mb": rss_mb} if name == "test" else {name: scores}
    return figures | {"train_s": round(train_s, 1)}


def rasa_names(learnt: Sequence[Labelled]) -> dict[str, str]:
    """What each intent is called in Rasa, where "/" divides names."""
    names: dict[str, str] = {}
    for intent in sorted({one.intent for one in learnt if one.intent}):
        name = intent.strip().replace("/", "_").replace(" ", "_")
        while name in names.values() or name == OUT_OF_SCOPE:
            name += "_"
        names[intent] = name
    return names


def training_data(learnt: Sequence[Labelled], names: Mapping[str, str]) -> dict[str, Any]:
    """In Rasa's JSON format, which takes every text as it is; brackets and line ends mean something in its YAML."""
    examples = [
        {"text": one.text, "intent": names[one.intent] if one.intent else OUT_OF_SCOPE, "entities": []}
        for one in learnt
    ]
    return {"rasa_nlu_data": {"common_examples": examples}}


def score(messages: Sequence[Labelled], readings: Sequence[Reading], names: Mapping[str, str]) -> dict[str, Any]:
    """``in_scope_accuracy``: the first intent of the ranking is right, whether or not the pipeline gave the message up;
    ``in_scope_answered``: it is right, and was not given up. Out of scope, to give up is right."""
    known = frozenset(names.values())
    pairs = list(zip(messages, readings, strict=True))
    expected = [(names.get(one.intent, ""), reading) for one, reading in pairs if one.intent]
    beyond = [reading for one, reading in pairs if one.intent is None]
    right = [reading.best(known) == name for name, reading in expected]
    answered = [hit and not reading.gives_up for hit, (_, reading) in zip(right, expected, strict=True)]
    refused = sum(reading.gives_up for reading in beyond)
    refused_in_scope = sum(reading.gives_up for _, reading in expected)
    times = sorted(reading.milliseconds for reading in readings)
    return {
        "n": len(pairs),
        "in_scope_accuracy": _ratio(sum(right), len(right)),
        "in_scope_answered": _ratio(sum(answered), len(answered)),
        "in_scope_rejected": _ratio(refused_in_scope, len(expected)),
        "macro_f1": macro_f1([(name, reading.best(known)) for name, reading in expected]),
        "oos_recall": _ratio(refused, len(beyond)),
        "oos_precision": _ratio(refused, refused + refused_in_scope) if beyond else None,
        "parse_ms": {"p50": round(percentile(times, 0.5), 2), "p95": round(percentile(times, 0.95), 2)},
    }


def macro_f1(pairs: Sequence[tuple[str, str | None]]) -> float | None:
    """The mean over the intents that occur of the harmonic mean of precision and recall."""
    expected, predicted = Counter(name for name, _ in pairs), Counter(found for _, found in pairs)
    right = Counter(name for name, found in pairs if name == found)
    scores = [2 * right[name] / (expected[name] + predicted[name]) for name in expected]
    return round(sum(scores) / len(scores), 4) if scores else None


def _measure_baseline(
    learnt: Sequence[Labelled], tests: Mapping[str, Sequence[Labelled]], folder: Path, progress: Progress
) -> dict[str, Any]:
    """DIET learns for minutes to hours; what takes longer than an hour is told as that."""
    try:
        return measure(rasa_init_pipeline(), learnt, tests, folder, progress)
    except subprocess.TimeoutExpired:
        return {"unfinished": f"its training was stopped after {_TRAINING_SECONDS:.0f} s"}


def _train(config: Mapping[str, Any], learnt: Sequence[Labelled], names: Mapping[str, str], folder: Path) -> float:
    (folder / "config.yml").write_text(yaml.safe_dump(dict(config), allow_unicode=True), encoding="utf-8")
    (folder / "nlu.json").write_text(json.dumps(training_data(learnt, names), ensure_ascii=False), encoding="utf-8")
    command = [
        *(str(nlu_python(PROJECT_ROOT)), "-m", "rasa", "train", "nlu", "--config", "config.yml", "--nlu", "nlu.json"),
        *("--out", ".", "--fixed-model-name", "model"),
    ]
    log = folder / "training.log"
    started_at = time.monotonic()
    with log.open("wb") as output:
        done = subprocess.run(
            command, cwd=folder, env=rasa_environment(), stdout=output, stderr=output, timeout=_TRAINING_SECONDS
        )
    if done.returncode or not (folder / "model.tar.gz").exists():
        raise ChildFailed(f"{folder.name} could not be trained: {log.read_text(encoding='utf-8')[-1500:]}")
    return time.monotonic() - started_at


def _read(model: Path, texts: Sequence[str]) -> tuple[list[Reading], float]:
    """One message at a time, and the memory that the process holds after the last one, in MB."""
    with _reader(model) as process:
        assert process.stdin
        assert process.stdout
        readings = []
        for text in texts:
            process.stdin.write(json.dumps({"text": prose(text)}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise ChildFailed(f"{model.parent.name}: the process that reads ended after {len(readings)} messages")
            fields = json.loads(line)
            readings.append(Reading(fields["candidates"], fields["milliseconds"]))
        return readings, tree_memory_mb(process.pid)


@contextmanager
def _reader(model: Path) -> Iterator[subprocess.Popen[str]]:
    command = [str(nlu_python(PROJECT_ROOT)), "-m", "parvis_nlu.evaluate", "--model", str(model)]
    with (model.parent / "reading.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
            env=nlu_environment(),
            cwd=PROJECT_ROOT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _report(train: Path, results: dict[str, Any]) -> Report:
    own = results["parvis"]
    goals = [
        Goal.at_most("parse p50, ms", own["parse_ms"]["p50"], 10),
        Goal.at_most("memory, MB", own["rss_mb"], 800),
    ]
    if "rasa_init" in results and "in_scope_accuracy" in results["rasa_init"]:
        gain = own["in_scope_accuracy"] - results["rasa_init"]["in_scope_accuracy"]
        goals.append(Goal.at_least("accuracy above the default's", round(gain, 4), 0.0))
    notes = [
        f"Trained on `{train.name}` by `rasa train nlu`; training time holds the start of Rasa and TensorFlow.",
        "Accuracy: the first intent of the ranking. Answered: right and not given up. Given up: `nlu_fallback`, or the "
        "out-of-scope intent where the training set has such messages.",
    ]
    notes += [f"{name}: {figures['unfinished']}" for name, figures in results.items() if "unfinished" in figures]
    return Report(
        bench="nlu",
        title="Understanding a public set",
        columns=(
            *("system", "accuracy", "answered", "macro F1", "out-of-scope recall", "precision"),
            *("train s", "parse p50 ms", "p95 ms", "memory MB"),
        ),
        rows=[_row(name, figures) for name, figures in results.items()],
        results=results,
        goals=goals,
        notes=notes,
    )


def _row(name: str, figures: Mapping[str, Any]) -> list[str]:
    if "unfinished" in figures:
        return [name, "not finished", *("" for _ in range(8))]
    shares = ("in_scope_accuracy", "in_scope_answered", "macro_f1", "oos_recall", "oos_precision")
    return [
        name,
        *("" if figures[key] is None else f"{figures[key]:.3f}" for key in shares),
        f"{figures['train_s']:.0f}",
        f"{figures['parse_ms']['p50']:.1f}",
        f"{figures['parse_ms']['p95']:.1f}",
        f"{figures['rss_mb']:,.0f}",
    ]


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
