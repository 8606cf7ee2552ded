"""The real models, loaded once."""

import json
from pathlib import Path

import pytest

from bot.bootstrap import load_language_models, masking_rules
from bot.configuration import ConfigurationError
from bot.desk.masking import Rules, models
from bot.desk.masking.evaluation import LabelsUnusable, evaluate_masking
from bot.desk.masking.models import LanguageModels
from bot.settings import Settings

LABELLED = Path(__file__).with_name("masking_development.jsonl")
CERTAIN = ("card", "iban", "email", "phone", "nir")


@pytest.fixture(scope="module")
def language_models() -> LanguageModels:
    loaded = load_language_models(masking_rules(Settings()))
    assert isinstance(loaded, LanguageModels)
    return loaded


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("J’ai eu Karim Benali au téléphone hier", "J’ai eu [name] au téléphone hier"),
        ("I spoke with Priya Patel yesterday", "I spoke with [name] yesterday"),
        ("i'm tom baker and i want my money back", "i'm [name] and i want my money back"),
        ("Karim Benali, 06 39 98 12 34", "[name], [phone]"),
    ],
)
def test_a_name_that_nothing_announces_is_masked(language_models: LanguageModels, text: str, masked: str) -> None:
    assert language_models.mask_texts([text], automatic=False) == [masked]


@pytest.mark.parametrize(
    "text",
    ["Où est ma commande ?", "Vous livrez à Lyon ?", "THIS IS A SHAME", "Le pull Camille existe en bleu ?", "", "👍"],
)
def test_a_harmless_message_stays_as_it_is(language_models: LanguageModels, text: str) -> None:
    assert language_models.mask_texts([text], automatic=False) == [text]


def test_texts_of_both_languages_come_back_in_their_order(language_models: LanguageModels) -> None:
    texts = ["c’est pour Julie Perrin", "it is for John Baker", "merci", "thanks"] * 50
    masked = language_models.mask_texts(texts, automatic=False)
    assert masked == ["c’est pour [name]", "it is for [name]", "merci", "thanks"] * 50


def test_what_the_assistant_says_is_left_to_the_rules(language_models: LanguageModels) -> None:
    said = "Jeanne Martin vous rappelle au +33 6 39 98 12 34."
    assert language_models.mask_texts([said], automatic=True) == ["Jeanne Martin vous rappelle au [phone]."]


def test_words_that_were_read_are_forgotten_again(language_models: LanguageModels) -> None:
    def known() -> int:
        return sum(len(nlp.vocab.strings) for nlp in language_models.pipelines)

    language_models.mask_texts(["merci"], automatic=False)
    before = known()
    language_models.mask_texts([f"mot{number} word{number}" for number in range(500)], automatic=False)
    assert known() - before < 50


def test_a_missing_model_is_named_and_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.MODELS, "fr", "fr_core_news_nowhere")  # type: ignore[index]
    with pytest.raises(ConfigurationError, match="fr_core_news_nowhere cannot be loaded"):
        load_language_models(Rules())


def test_the_development_set_is_masked_as_promised(language_models: LanguageModels) -> None:
    scores = evaluate_masking(LABELLED, language_models)
    assert {kind: scores["by_kind"][kind]["recall"] for kind in CERTAIN} == dict.fromkeys(CERTAIN, 1.0)
    assert scores["by_kind"]["name"]["recall"] >= 0.85
    assert scores["harmless"]["share"] <= 0.03


def test_scores_count_what_is_missed_and_what_is_touched(language_models: LanguageModels, tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl"
    lines = [
        {"text": "06 39 98 12 34 ou bientôt", "spans": [{"start": 0, "end": 14, "kind": "phone"}]},
        {"text": "un mot secret", "spans": [{"start": 3, "end": 6, "kind": "name"}]},
        {"text": "écrivez à lea@exemple.fr", "spans": []},
        {"text": "bonjour", "spans": []},
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    scores = evaluate_masking(file, language_models)
    assert scores["by_kind"] == {
        "phone": {"n": 1, "recall": 1.0, "right_kind": 1.0},
        "name": {"n": 1, "recall": 0.0, "right_kind": 0.0},
    }
    assert scores["harmless"] == {"n": 2, "touched": 1, "share": 0.5}
    assert [(one["what"], one["value"]) for one in scores["mistakes"]] == [
        ("missed", "mot"),
        ("false_alarm", "lea@exemple.fr"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        '{"spans": []}',
        '{"text": "a", "spans": [{"start": 0, "end": 9, "kind": "name"}]}',
        '{"text": "a", "spans": [{"start": 0, "end": 1, "kind": "mood"}]}',
    ],
)
def test_a_line_that_cannot_be_used_is_named(language_models: LanguageModels, tmp_path: Path, line: str) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text('{"text": "a"}\n' + line, encoding="utf-8")
    with pytest.raises(LabelsUnusable, match=r"labelled\.jsonl:2"):
        evaluate_masking(file, language_models)
