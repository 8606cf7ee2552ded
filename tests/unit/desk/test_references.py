import random
from itertools import combinations

import pytest

from bot.desk.reference import ALPHABET, References, check_character, is_valid

references = References("ML")


def characters_of(reference: str) -> str:
    return reference.removeprefix("ML-").replace("-", "")


def test_a_generated_reference_is_read_back_as_itself() -> None:
    for _ in range(200):
        reference = references.generate()
        assert references.parse(reference) == reference


def test_the_check_finds_every_substitution_of_one_character() -> None:
    for _ in range(50):
        characters = characters_of(references.generate())
        for position in range(len(characters)):
            for other in set(ALPHABET) - {characters[position]}:
                assert not is_valid(characters[:position] + other + characters[position + 1 :])


def test_the_check_finds_every_transposition_also_of_distant_characters() -> None:
    for _ in range(500):
        characters = characters_of(references.generate())
        for one, other in combinations(range(len(characters)), 2):
            swapped = list(characters)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            assert is_valid("".join(swapped)) == (characters[one] == characters[other])


def test_the_check_character_is_the_one_that_makes_the_sum_divisible() -> None:
    # 7 K 3 F Q are 5 12 1 10 16... times 6 5 4 3 2; worked out by hand in the alphabet's order.
    values = [ALPHABET.index(character) for character in "7K3FQ"]
    total = sum(weight * value for weight, value in zip((6, 5, 4, 3, 2), values, strict=True))
    assert (total + ALPHABET.index(check_character("7K3FQ"))) % 23 == 0
    assert check_character("7K3FQ") == "2"


def test_the_alphabet_is_prime_in_size_and_holds_no_look_alikes_and_no_vowels() -> None:
    assert len(ALPHABET) == 23
    assert not set(ALPHABET) & set("01OIL" + "ZSGB" + "UN" + "AE")
    assert len(set(ALPHABET)) == len(ALPHABET)


@pytest.mark.parametrize(
    "typed",
    [
        "ML-7K3-FQ2",
        "ml-7k3-fq2",
        "ml 7k3 fq2",
        "ML7K3FQ2",
        "7K3FQ2",
        "7k3 fq2",
        "  ML – 7K3 — FQ2. ",
        "M L 7 K 3 F Q 2",
        "ml tiret 7k3 tiret fq2",
        "M.L. trait d'union 7 K 3 trait d’union F Q 2",
        "ml dash 7k3 hyphen fq2",
        "ML/7K3/FQ2",
        "#ML-7K3-FQ2",
        "ＭＬ－７Ｋ３－ＦＱ２",
        "ml-7k3-fqz",
    ],
)
def test_a_reference_is_read_however_it_is_typed_or_spoken(typed: str) -> None:
    assert references.parse(typed) == "ML-7K3-FQ2"


def test_look_alikes_with_a_single_reading_are_mapped() -> None:
    body = "85629"
    reference = "ML-856-29" + check_character(body)
    typed = "ML-" + "BSG" + "-" + "Z9" + reference[-1]
    assert references.parse(typed) == reference


@pytest.mark.parametrize(
    "typed", ["", "bonjour", "ML", "ML-7K3-FQ3", "ML-7K3-FQ", "XX-7K3-FQ2", "ML-7K0-FQ2", "12345678901"]
)
def test_what_is_no_reference_is_refused(typed: str) -> None:
    assert references.parse(typed) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Bonjour, où en est mon ticket ml-7k3-fq2 ?",
        "C'est le 7K3-FQ2, merci",
        "where is ticket ML 7K3 FQ2, ordered 2 weeks ago?",
        "ML-7K3-FQ3 ou plutôt ML-7K3-FQ2",
        "mon numéro : ml tiret 7k3 tiret fq2 svp",
    ],
)
def test_a_reference_is_found_inside_a_sentence(sentence: str) -> None:
    assert references.find_in(sentence) == "ML-7K3-FQ2"


@pytest.mark.parametrize(
    "sentence", ["où est ma commande 104 582 ?", "vous êtes nuls", "appelez le 06 12 34 56 78", ""]
)
def test_no_reference_is_found_where_there_is_none(sentence: str) -> None:
    assert references.find_in(sentence) is None


def test_any_text_is_read_without_failing() -> None:
    source = random.Random(7)
    for _ in range(2000):
        text = "".join(chr(source.choice((source.randrange(32, 127), source.randrange(1, 0xD7FF)))) for _ in range(12))
        references.parse(text)
        references.find_in(text)


def test_a_prefix_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="prefix"):
        References("maison")
