"""Finds names that are announced: "my name is …", "Mme …", "my husband …", a signature."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bot.desk.masking.kinds import Found, Kind


def any_of(words: str) -> str:
    """An alternative of patterns that are written with spaces between them."""
    return f"(?:{'|'.join(words.split())})"


# A word with a capital: "Léa", "O'Connor", "Jean-Pierre".
CAPITAL: Final = r"(?:(?:[A-ZÀ-ÖØ-Þ]['’])?[A-ZÀ-ÖØ-Þ](?:\w{0,30}[^\W\d_])?(?:[-‐'’][^\W\d_]{1,30}){0,3})"
_PARTICLE: Final = (
    "(?:"
    + any_of(r"de\s+la de du des le la van\s+der van\s+den van von el al ben bin da dos di del")
    + r"[ \t]+|d['’])"
)
_FULL_NAME: Final = rf"{CAPITAL}(?:[ \t]+{_PARTICLE}?{CAPITAL}){{0,3}}"
_LOWER: Final = r"[^\W\d_]{2,}(?:[-'’][^\W\d_]+)*"
# Without capitals: the word that is announced, and the next unless it is none of a name.
_ANY_NAME: Final = rf"(?:{_FULL_NAME}|{_LOWER}(?:[ \t]+{_LOWER})?)"
_TITLE: Final = (
    r"(?:\b"
    + any_of(r"M\. Mr\.? Mme Mlle Monsieur Madame Mademoiselle Mrs\.? Ms\.? Miss Mx\.? Dr\.? Docteur Ma[îi]tre")
    + r"[ \t]+)"
)
_TITLE_IN_FRONT: Final = re.compile(rf"{_TITLE}$", re.IGNORECASE)

_WHOSE_FR: Final = r"(?:(?:mon|ma|mes|notre|votre|vos|nos|la|le|les|une?|cette|ce|sa|son)\s|l['’]\s?)"
_ROLE_FR: Final = any_of(
    r"""mari femme [ée]poux [ée]pouse conjointe? compagne compagnon copine copain fille fils m[èe]re p[èe]re maman papa
    s(?:œ|oe)ur fr[èe]re cousine? oncle tante ni[èe]ce neveu belle-m[èe]re beau-p[èe]re grand-m[èe]re grand-p[èe]re
    voisine? amie? coll[èe]gue assistante? vendeuse vendeur livreuse livreur conseill(?:er|[èe]re) employ[ée]e?
    responsable g[ée]rante? directrice directeur coursier facteur gardien(?:ne)? concierge"""
)
_WHOSE_EN: Final = r"(?:(?:my|our|your|the|an?|his|her|their)\s)"
_ROLE_EN: Final = any_of(
    r"""husband wife partner boyfriend girlfriend daughter son mother mum mom father dad sister brother cousin uncle
    aunt niece nephew neighbou?r friend colleague (?:(?:shop|sales)\s)?assistant roommate flatmate manager driver
    courier agent advis[eo]r employee postman landlord grandmother grandfather"""
)
_IN_THE_NAME: Final = (
    r"(?:au\s+nom\s+de|sous\s+le\s+nom(?:\s+de)?|moi\s+c['’]est|(?:in|under)\s+the\s+name(?:\s+of)?|under\s+name"
    r"|(?:is|it['’]s|account|booked|ordered|registered|reserved)\s+under|pr[ée]nom|nom|surname|(?:first|last)\s+name)"
)
_DONE_BY: Final = (
    r"(?:(?:served|ordered|signed|paid|bought|placed|answered)\s+by"
    r"|(?:servie?|re[çc]ue?|pass[ée]e?|command[ée]e?|sign[ée]e?|pay[ée]e?|accueillie?|conseill[ée]e?)\s+par)"
)
_THANKED: Final = r"(?:merci|thanks|thank\s+you|ch[èe]re?|dear)"
_FIELD: Final = (
    r"(?:(?:full\s+|last\s+|first\s+|sur)?name|recipient|destinataire|titulaire|contact|customer|client)\s*[:=]"
)
# (?i:…) is around what announces; the name itself is read with its capitals.
_ANNOUNCED: Final = re.compile(
    r"(?i:\b(?:je\s+m['’]?\s?ap+el+e|je\s+me\s+nomme|s['’]appel+e(?:nt)?|my\s+name['’]?s|my\s+(?:\w+\s+)?name\s+(?:is|=|:)"
    r"|(?:pr[ée]nom|nom)(?:\s+de\s+(?:famille|jeune\s+fille)|\s+complet)?\s*(?:est|c['’]est|[:=])"
    rf"|{_FIELD}|goes\s+by)\s*:?)\s*(?P<announced>{_TITLE}?{_ANY_NAME})"
)
_CAPITALISED: Final = re.compile(
    rf"(?i:\b(?:{_IN_THE_NAME}|{_WHOSE_FR}{_ROLE_FR}|{_WHOSE_EN}{_ROLE_EN}|{_DONE_BY}|{_THANKED}),?)[ \t]+"
    rf"(?P<after_role>{_TITLE}?{_FULL_NAME})"
    rf"|(?P<with_title>{_TITLE}{_FULL_NAME})"
    rf"|(?P<before_verb>{_FULL_NAME})(?i:[ \t]+(?:à\s+l['’]appareil|[àa]\s+nouveau|de\s+nouveau|speaking|here\s+again))"
    r"|(?i:\b(?:je\s+suis|ici(?:\s+c['’]est)?|c['’]est|i\s+am|i['’]m|this\s+is|it['’]s)\s+)"
    rf"(?P<after_is>{CAPITAL}[ \t]+{_PARTICLE}?{CAPITAL}(?:[ \t]+{CAPITAL})?)"
)
_CLOSING: Final = any_of(
    r"""cordialement salutations(?:\s+distingu[ée]es)? bien\s+à\s+vous bonne\s+(?:journ[ée]e|soir[ée]e) sinc[èe]rement
    merci(?:\s+d['’]avance)? regards sincerely faithfully thanks(?:\s+in\s+advance)? thank\s+you cheers
    best(?:\s+wishes)? signed sign[ée]e?"""
)
_SIGNED: Final = re.compile(
    rf"(?i:\b{_CLOSING})[ \t]*[,.!:\n–—-]\s*(?P<signed>{_FULL_NAME})[.!\s]*$"
    rf"|\n[ \t]*[–—-]*[ \t]*(?P<last_line>{CAPITAL}(?:[ \t]+{_PARTICLE}?{CAPITAL}){{1,2}})[.\s]*$"
)


def _read_words(file: str) -> frozenset[str]:
    lines = Path(__file__).with_name(file).read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


_NO_NAMES: Final = _read_words("no_names.txt")
_NO_NAMES_ALONE: Final = _read_words("no_names_alone.txt")


def find_announced_names(text: str) -> Iterator[Found]:
    for pattern in (_ANNOUNCED, _CAPITALISED, _SIGNED):
        for match in pattern.finditer(text):
            announced = next(name for name, value in match.groupdict().items() if value)
            if announced == "after_is" and text.isupper():
                continue  # in capitals throughout, everything that somebody is looks like a name
            if (name := trim_name(text, *match.span(announced))) is not None:
                yield name


def trim_name(text: str, start: int, end: int) -> Found | None:
    """With the title in front of it and without the words around it that are none; None if no name is left."""
    words = [match.span() for match in re.finditer(r"[^\s,;:!?()\"«»]+", text[start:end])]
    while words and _is_no_name(text[start + words[0][0] : start + words[0][1]]):
        words.pop(0)
    while words and _is_no_name(text[start + words[-1][0] : start + words[-1][1]]):
        words.pop()
    if all(_plain(text[start + first : start + last]) in _NO_NAMES_ALONE for first, last in words):
        return None
    title = _TITLE_IN_FRONT.search(text, 0, start + words[0][0])
    first = title.start() if title else start + words[0][0]
    last = re.sub(r"(?:['’]s)?[.'’-]*$", "", text[start + words[-1][0] : start + words[-1][1]])
    return Found(first, start + words[-1][0] + len(last), Kind.NAME) if last else None


def _is_no_name(word: str) -> bool:
    plain = _plain(word)
    return plain in _NO_NAMES or not any(character.isalpha() for character in plain)


def _plain(word: str) -> str:
    return word.casefold().replace("’", "'").strip(".-'")
