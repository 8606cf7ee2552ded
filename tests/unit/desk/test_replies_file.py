import re
from pathlib import Path

import pytest
import yaml

from bot.desk import RepliesError, load_replies
from bot.desk.replies import fill
from bot.settings import PROJECT_ROOT

FILE = PROJECT_ROOT / "replies.yml"


def test_the_projects_file_says_everything_in_both_languages() -> None:
    replies = load_replies(FILE)
    french, english = replies.canned("fr"), replies.canned("en")
    assert [reply.key for reply in french] == [reply.key for reply in english] != []
    assert all(one.text != other.text for one, other in zip(french, english, strict=True))
    assert "ML-7K3-FQ2" in replies.delay("fr", reference="ML-7K3-FQ2", due="lundi 23 novembre")
    assert "automated" in replies.handed_back("en", brand="Maison Lumen")


def test_both_languages_use_the_same_placeholders() -> None:
    file = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    for texts in [*file["desk"].values(), *(reply["text"] for reply in file["canned"].values())]:
        assert set(re.findall(r"{\w+}", texts["fr"])) == set(re.findall(r"{\w+}", texts["en"]))


def test_french_double_punctuation_keeps_its_no_break_space() -> None:
    replies = load_replies(FILE)
    words = [replies.handed_back("fr", brand="x"), *(reply.text for reply in replies.canned("fr"))]
    assert not [text for text in words if re.search(r"(?<![\u00a0\u202f:/])[;:!?](?!/)", text)]


def test_what_has_no_value_stays_and_is_named() -> None:
    filled = fill("{agent} : {phone}, {phone}", {"agent": "Léa", "phone": None})
    assert (filled.text, filled.missing) == ("Léa : {phone}, {phone}", ("phone",))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{agent}", "{agnet}", "no such placeholder ['agnet']"),
        ("{agent}", "{agent", "canned.greeting.text"),
        ("  delay:\n", "  dealy:\n", "desk.delay: Field required"),
        ("desk:\n", "desk: [\n", "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    source = FILE.read_text(encoding="utf-8")
    assert old in source
    path = tmp_path / "replies.yml"
    path.write_text(source.replace(old, new, 1) if old != "{agent}" else broken(source, new), encoding="utf-8")
    with pytest.raises(RepliesError) as raised:
        load_replies(path)
    assert said in str(raised.value)


def broken(source: str, new: str) -> str:
    """In a text, not in the comment at the top."""
    head, tail = source.split("canned:", 1)
    return head + "canned:" + tail.replace("{agent}", new, 1)
