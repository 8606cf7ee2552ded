"""The evaluation sets are well formed, balanced, and apart from what the assistant has learnt.

Messages are compared without accents, capitals, punctuation and emoji. From three words on, a message must not even
resemble another one; shorter ones ("merci", "stop") must differ within and between the sets, and only few may stand in
the training data, where they cannot be avoided.
"""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
SETS = ROOT / "tests" / "assistant"
LABELLED = ("test_set", "development_set", "everyday_set", "other_languages")
NEAR = 0.8  # of the groups of three characters that two messages have together
FEWEST_WORDS = 3
OTHER_LANGUAGES = ("es", "de", "it", "nl", "pt")

TOPICS = {
    disposition: set(topics.split())
    for disposition, topics in {
        "answer": """
            opening_hours store_location store_accessibility contact_details delivery_time delivery_cost
            delivery_countries delivery_carriers order_tracking_how click_and_collect order_online cancel_policy
            return_policy exchange_policy refund_delay payment_methods instalments promo_code_how gift_card gift_wrap
            loyalty_program promotions contest tip_of_the_day new_collection size_guide care product_availability
            back_in_stock warranty repairs second_life sustainability invoice student_offer wedding_list newsletter
            privacy_policy lost_property press jobs
            greet how_are_you thanks bye compliment suggestion are_you_a_robot help sticker affirm deny abuse joke
            wait stop resume""",
        "escalate_private": """
            order_status order_change order_cancel return_request refund_status account_access personal_data invoice
            payment_problem loyalty_account gift_card_balance promo_code_problem warranty_claim repair_status
            delivery_appointment product_reservation""",
        "escalate_contentious": """
            complaint delivery_late delivery_lost damaged_item wrong_item missing_item refund_refused double_charge
            price_dispute fraud staff_behaviour legal_threat public_shaming discrimination safety minors distress""",
        "human": """
            person callback email ticket_status cancel_ticket contact_details contact_refused contact_later""",
        "off_topic": "attachment other",
    }.items()
}
SEVERITIES = {"low", "normal", "high", "critical"}
KINDS = {"card", "iban", "email", "phone", "nir", "order_number", "password", "name", "address"}


@cache
def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SETS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def normalised(text: str) -> str:
    """Small letters and digits, one space between words: empty for an emoji."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe").replace("æ", "ae"))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return " ".join(re.findall(r"[^\W_]+", plain))


def is_short(normal: str) -> bool:
    return len(normal.split()) < FEWEST_WORDS


def trigrams(normal: str) -> frozenset[str]:
    padded = f" {normal} "
    return frozenset(padded[start : start + 3] for start in range(len(padded) - 2))


class Resemblance:
    """Finds, among texts, those that resemble a message.

    A text that has 80 % of its trigrams in common with a message holds at least one of the message's rarest fifth (and
    one more), so only texts that do are compared.
    """

    def __init__(self, texts: Iterable[str]):
        normals = {normalised(text) for text in texts}
        self.texts = [(normal, trigrams(normal)) for normal in sorted(normals) if not is_short(normal)]
        self.holders: dict[str, list[int]] = defaultdict(list)
        for number, (_, groups) in enumerate(self.texts):
            for group in groups:
                self.holders[group].append(number)

    def near(self, text: str) -> list[str]:
        normal = normalised(text)
        if is_short(normal):
            return []
        groups = trigrams(normal)
        rarest = sorted(groups, key=lambda group: len(self.holders.get(group, ())))
        rarest = rarest[: len(groups) - int(NEAR * len(groups)) + 1]
        candidates = {number for group in rarest for number in self.holders.get(group, ())}
        return [found for found, other in map(self.texts.__getitem__, candidates) if _overlap(groups, other) >= NEAR]


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


@cache
def training_examples() -> list[str]:
    return list(_training_examples())


def _training_examples() -> Iterator[str]:
    for path in sorted((ROOT / "data").rglob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8")).get("nlu") or []:
            if "intent" not in block:
                continue
            examples = block["examples"]
            written = (
                re.findall(r"^\s*-\s+(.*\S)", examples, re.MULTILINE)
                if isinstance(examples, str)
                else [example["text"] for example in examples]
            )
            for example in written:
                yield re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\})", r"\1", example)


def test_resemblance_sees_through_accents_capitals_slips_and_punctuation():
    known = Resemblance(["Où est ma commande, s’il vous plaît ?", "vous livrez en Espagne"])
    assert known.near("ou est MA commande s'il vous plait!!! 😡")
    assert known.near("où est ma comande s'il vous plaît")
    assert not known.near("où est passée ma commande d'hier")
    assert not known.near("livrez vous")


def test_resemblance_finds_what_comparing_all_finds():
    one, other = ([line["text"] for line in lines(name)] for name in ("test_set", "other_languages"))
    slips = [text[:9] + text[10:] for text in one[::20]]
    known = Resemblance(one)
    for text in slips + other:
        groups = trigrams(normalised(text))
        expected = {normal for normal, others in known.texts if _overlap(groups, others) >= NEAR}
        assert set(known.near(text)) == (set() if is_short(normalised(text)) else expected)


def test_training_examples_are_read_without_their_marks():
    examples = set(training_examples())
    assert len(examples) > 1000
    assert not [example for example in examples if re.search(r"\]\(|\]\{", example)]


@pytest.mark.parametrize("name", LABELLED)
def test_no_training_example_stands_in_an_evaluation_set_even_nearly(name):
    known = Resemblance(training_examples())
    found = [line["text"] for line in lines(name) if known.near(line["text"])]
    assert not found, f"{len(found)} messages of {name}.jsonl resemble training examples: replace them in the set"


@pytest.mark.parametrize("name", LABELLED)
def test_few_short_messages_are_training_examples(name):
    known = {normal for normal in map(normalised, training_examples()) if is_short(normal)}
    found = [line["text"] for line in lines(name) if normalised(line["text"]) in known - {""}]
    assert len(found) <= 0.03 * len(lines(name)), f"short messages that are training examples: {found}"


@pytest.mark.parametrize("name", [*LABELLED, "masking"])
def test_no_message_stands_twice_in_a_set(name):
    keys = [normalised(line["text"]) or line["text"] for line in lines(name)]
    assert [key for key, times in Counter(keys).items() if times > 1] == []


@pytest.mark.parametrize("name", LABELLED)
def test_no_two_messages_of_a_set_are_nearly_the_same(name):
    known = Resemblance(line["text"] for line in lines(name))
    assert [line["text"] for line in lines(name) if len(known.near(line["text"])) > 1] == []


@pytest.mark.parametrize(("one", "other"), list(combinations([*LABELLED, "masking"], 2)))
def test_no_message_of_a_set_stands_in_another(one, other):
    texts = [line["text"] for line in lines(other)]
    known, short = Resemblance(texts), {normalised(text) or text for text in texts}
    shared = [
        line["text"]
        for line in lines(one)
        if known.near(line["text"]) or (normalised(line["text"]) or line["text"]) in short
    ]
    assert shared == []


@pytest.mark.parametrize("name", LABELLED)
def test_every_label_is_an_allowed_one(name):
    languages = OTHER_LANGUAGES if name == "other_languages" else ("fr", "en")
    for line in lines(name):
        assert set(line) - {"acceptable"} == {"text", "lang", "disposition", "topic", "severity"}, line
        assert line["text"].strip() == line["text"] != "", line
        assert line["lang"] in languages, line
        assert line["topic"] in TOPICS[line["disposition"]], line
        assert line["severity"] in SEVERITIES, line
        if "acceptable" in line:
            assert line["acceptable"], line
            assert set(line["acceptable"]) < set(TOPICS) - {line["disposition"]}, line


@pytest.mark.parametrize("name", LABELLED)
def test_a_second_accepted_disposition_is_the_exception(name):
    assert sum("acceptable" in line for line in lines(name)) <= 0.12 * len(lines(name))


@pytest.mark.parametrize(("name", "fewest"), [("test_set", 800), ("development_set", 400), ("everyday_set", 600)])
def test_a_set_is_large_half_french_and_spread_over_the_dispositions(name, fewest):
    labelled = lines(name)
    assert len(labelled) >= fewest
    for language in ("fr", "en"):
        share = sum(line["lang"] == language for line in labelled) / len(labelled)
        assert share == pytest.approx(0.5, abs=0.03), language
    wanted = {
        "answer": 0.40,
        "escalate_private": 0.22,
        "escalate_contentious": 0.20,
        "human": 0.08,
        "off_topic": 0.10,
    }
    for disposition, share in wanted.items():
        for language in ("fr", "en"):
            rows = [line for line in labelled if line["lang"] == language]
            seen = sum(line["disposition"] == disposition for line in rows) / len(rows)
            assert seen == pytest.approx(share, abs=0.04), (language, disposition)


@pytest.mark.parametrize("name", ["test_set", "development_set"])
def test_every_topic_is_asked_in_both_languages(name):
    asked = {(line["disposition"], line["topic"], line["lang"]) for line in lines(name)}
    topics = {(disposition, topic) for disposition in TOPICS for topic in TOPICS[disposition]}
    wanted = {(*topic, language) for topic in topics for language in ("fr", "en")}
    assert wanted - asked == {("answer", "sticker", "en")}  # an emoji has no language: the first one counts


@pytest.mark.parametrize("name", LABELLED)
def test_a_message_without_words_counts_for_the_first_language(name):
    links = re.compile(r"https?://\S+|\S+@\S+")
    wordless = [line for line in lines(name) if not re.search(r"[^\W\d_]", links.sub("", line["text"]))]
    assert [line for line in wordless if line["lang"] != "fr"] == []


def test_other_languages_have_fifteen_messages_each_of_all_dispositions():
    assert Counter(line["lang"] for line in lines("other_languages")) == dict.fromkeys(OTHER_LANGUAGES, 15)
    asked = {(line["lang"], line["disposition"]) for line in lines("other_languages")}
    assert asked == {(language, disposition) for language in OTHER_LANGUAGES for disposition in TOPICS}


def marked() -> Iterator[tuple[str, str]]:
    for line in lines("masking"):
        for span in line["spans"]:
            yield span["kind"], line["text"][span["start"] : span["end"]]


def test_masking_spans_lie_in_their_text_and_never_overlap():
    for line in lines("masking"):
        assert set(line) == {"text", "lang", "spans"}, line
        assert line["lang"] in {"fr", "en"}, line
        end = 0
        for span in line["spans"]:
            assert set(span) == {"start", "end", "kind"}, line
            assert span["kind"] in KINDS, line
            assert end <= span["start"] < span["end"] <= len(line["text"]), line
            value = line["text"][span["start"] : span["end"]]
            assert value == value.strip(), line
            end = span["end"]


def test_masking_set_is_large_and_two_fifths_of_it_are_harmless_in_each_language():
    assert len(lines("masking")) >= 260
    for language in ("fr", "en"):
        spans = [line["spans"] for line in lines("masking") if line["lang"] == language]
        assert len(spans) >= 130
        assert sum(not found for found in spans) >= 0.4 * len(spans)
        kinds = Counter(span["kind"] for found in spans for span in found)
        assert {kind for kind in KINDS if kinds[kind] < 4} == set()


def test_masked_numbers_carry_valid_check_digits():
    valid = {"card": _is_card, "iban": _is_iban, "nir": _is_nir}
    checked = [(kind, value) for kind, value in marked() if kind in valid]
    assert checked
    assert [value for kind, value in checked if not valid[kind](re.sub(r"[\W_]", "", value).upper())] == []


def test_harmless_messages_hold_no_valid_card_account_or_social_security_number():
    for line in lines("masking"):
        if not line["spans"]:
            runs = re.findall(r"\d(?:[\s.-]?\d){12,18}", line["text"])
            numbers = [re.sub(r"\D", "", run) for run in runs]
            assert not [number for number in numbers if _is_card(number) or _is_nir(number)], line


def _is_card(number: str) -> bool:
    if not 13 <= len(number) <= 19 or not number.isdecimal():
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number)))
    return sum(sum(divmod(value, 10)) for value in doubled) % 10 == 0


def _is_iban(number: str) -> bool:
    turned = number[4:] + number[:4]
    return number[:2].isalpha() and int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def _is_nir(number: str) -> bool:
    found = re.fullmatch(r"([12]\d{4}(?:\d\d|2[AB])\d{6})(\d\d)", number)
    return found is not None and int(found[2]) == 97 - int(found[1].replace("2A", "19").replace("2B", "18")) % 97
