"""What a message mentions that has a shape of its own: days, dates, numbers, addresses, sums, and names from lists.

Rules, not learning: they cost a fraction of a millisecond and are right about what they know. Values say the same thing
in every language:

=================  ======================================================================================
``weekday``        ``monday`` … ``sunday``, ``weekend``, ``today``, ``tomorrow``, ``day_after_tomorrow``, ``now``
``date``           ``2026-12-25``; ``--12-25`` without a year (the next one is meant); ``easter``, ``easter+1``,
                   ``easter-2`` (days from Easter Sunday); ``national-day`` of the country in question
``amount``         ``59.90 EUR`` (ISO 4217)
``order_number``   capitals and digits as printed on the order
``phone``          digits, with ``+`` where written: a candidate, whoever uses it validates it
``email``          a candidate too
=================  ======================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from parvis_nlu.signs import Slips, plain


@dataclass(frozen=True)
class Mention:
    """``start`` and ``end`` are places in the text."""

    kind: str
    value: str
    start: int
    end: int


# Letters without their accents, one for one, so that places in the folded text are places in the message.
_FOLDED = str.maketrans(
    "àáâãäåçèéêëìíîïñòóôõöùúûüýÿ\u2019\u02bc`´\u00a0\u202f",
    "aaaaaaceeeeiiiinooooouuuuyy''''  ",
)


def fold(text: str) -> str:
    """Small letters without accents, each in its place. "İ" and its like, two letters when small, stay as they are."""
    small = text.lower()
    return (
        small if len(small) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)
    ).translate(_FOLDED)


def find_mentions(text: str) -> list[Mention]:
    """In the order of the text; none overlaps another. What has the stricter shape is believed first."""
    folded = fold(text)
    found: list[Mention] = []
    for find in (_emails, _dates, _phones, _amounts, _order_numbers, _weekdays):
        for mention in find(folded):
            if all(mention.end <= other.start or mention.start >= other.end for other in found):
                found.append(mention)
    return sorted(found, key=lambda mention: mention.start)


# --- e-mail and phone: what actions/contact.py accepts must be found here ---------------------------------------------

_NAME = r"[^\s<>,;:\"()\[\]@]+"
_EMAIL = re.compile(
    rf"{_NAME}@{_NAME}\.[a-z]{{2,}}"
    r"|[\w.+-]+\s*(?:\(at\)|\[at\]|\{at\}|\s(?:at|arobase|arobas|@)\s)\s*[\w-]+"
    r"(?:(?:\.|\s*(?:\(dot\)|\[dot\]|\(point\)|\[point\]|\s(?:dot|point)\s)\s*)[\w-]+)*"
    r"(?:\.|\s*(?:\(dot\)|\[dot\]|\(point\)|\[point\]|\s(?:dot|point)\s)\s*)[a-z]{2,}"
)
_AT = re.compile(r"\s*(?:\(at\)|\[at\]|\{at\}|\s(?:at|arobase|arobas|@)\s)\s*")
_DOT = re.compile(r"\s*(?:\(dot\)|\[dot\]|\(point\)|\[point\]|\s(?:dot|point)\s)\s*")


def _emails(text: str) -> Iterator[Mention]:
    if "@" not in text and "at" not in text and "arobas" not in text:
        return
    for match in _EMAIL.finditer(text):
        address = _DOT.sub(".", _AT.sub("@", match[0], count=1)).removeprefix("mailto:")
        yield Mention("email", address, match.start(), match.end())


_DIGIT_RUN = re.compile(r"(?<![\w])(?:\+|00)?[\do](?:[\s./()\-\u2010-\u2015_]{0,3}[\do])+")
_FEWEST_DIGITS, _MOST_DIGITS = 8, 15


def _phones(text: str) -> Iterator[Mention]:
    for match in _DIGIT_RUN.finditer(text):
        number = re.sub(r"[^\d+]", "", match[0].replace("o", "0"))
        if _FEWEST_DIGITS <= len(number.lstrip("+")) <= _MOST_DIGITS and number[0] in "+0":
            yield Mention("phone", number, match.start(), match.end())


# --- days and dates ---------------------------------------------------------------------------------------------------

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS_IN_FRENCH = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_DAY_WORDS = {
    **dict(zip(_DAYS_IN_FRENCH, _DAYS, strict=True)),
    **dict(zip(_DAYS, _DAYS, strict=True)),
    "tues": "tuesday",
    "weds": "wednesday",
    "thur": "thursday",
    "thurs": "thursday",
}
# These are other words as well ("mon colis", "la mer", "le jeu"): days only where a day is expected.
_SHORT_DAYS = {
    "le": dict(zip(("lun", "mar", "mer", "ven", "sam", "dim"), (0, 1, 2, 4, 5, 6), strict=True)),
    "on": dict(zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), range(7), strict=True)),
}
_RELATIVE = {
    "now": r"now|maintenant|en ce moment|a cette heure(?:-ci)?|actuellement|currently|tout de suite",
    "day_after_tomorrow": r"apres[ -]demain|(?:the )?day after tomorrow",
    "tomorrow": r"demain|tomorrow|tomorow|tmrw|2moro(?:w)?|tmr",
    "today": r"aujourd'? ?hui|auj|ajd|today|tonight|this (?:morning|afternoon|evening)|ce (?:soir|matin|midi)"
    r"|cet(?:te)? apres[ -]midi",
}
_WEEKDAY = re.compile(
    r"\b(?:"
    + "|".join(f"(?P<{name}>{words})" for name, words in _RELATIVE.items())
    + r"|(?:(?:ce|le|les|this|the|at|au|du|ouvert) )(?P<weekend>week[ -]?ends?|we)\b|week-?ends?"
    + rf"|(?P<day>{'|'.join(_DAY_WORDS)})s?"
    + rf"|(?:le|ce|chaque) (?P<le>{'|'.join(_SHORT_DAYS['le'])})\b"
    + rf"|(?:on|this|next|every) (?P<on>{'|'.join(_SHORT_DAYS['on'])})\b"
    + r")\b"
)


def _weekdays(text: str) -> Iterator[Mention]:
    for match in _WEEKDAY.finditer(text):
        yield Mention("weekday", _day_said(match), match.start(), match.end())


def _day_said(match: re.Match[str]) -> str:
    if match.lastgroup is None or match.lastgroup == "weekend":
        return "weekend"
    if match.lastgroup == "day":
        return _DAY_WORDS[match["day"]]
    if match.lastgroup in _SHORT_DAYS:
        return _DAYS[_SHORT_DAYS[match.lastgroup][match[match.lastgroup]]]
    return match.lastgroup


_MONTHS = (
    ("janvier", "january", "janv", "jan"),
    ("fevrier", "february", "fevr", "fev", "feb"),
    ("mars", "march"),
    ("avril", "april", "avr", "apr"),
    ("mai", "may"),
    ("juin", "june", "jun"),
    ("juillet", "july", "juil", "jul"),
    ("aout", "august", "aug"),
    ("septembre", "september", "sept", "sep"),
    ("octobre", "october", "oct"),
    ("novembre", "november", "nov"),
    ("decembre", "december", "dec"),
)
_MONTH_NUMBER = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_MONTH = rf"(?:{'|'.join(sorted(_MONTH_NUMBER, key=len, reverse=True))})"
_DATE = re.compile(
    r"(?<![\d/.-])(?P<iso>\d{4}-\d{2}-\d{2})(?![\d-])"
    r"|(?<![\d/.-])(?P<d1>\d{1,2})(?P<sep>[/.-])(?P<m1>\d{1,2})(?P=sep)(?P<y1>(?:20)?\d{2})(?![\d/-]|\.\d)"
    r"|(?<![\d/.,-])(?P<d2>\d{1,2})/(?P<m2>[01]\d)(?![\d/.,-]\d|\d|/)"
    rf"|\b(?P<d3>\d{{1,2}}|premier|1er)(?:st|nd|rd|th|er)?(?: of)? (?P<m3>{_MONTH})\b\.?(?:,? (?P<y3>20\d{{2}})\b)?"
    rf"|\b(?P<m4>{_MONTH})\.? (?:the )?(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,? (?P<y4>20\d{{2}})\b)?"
)
_HOLIDAYS = {
    "--12-24": r"(?:reveillon|veille) de noel|christmas eve|reveillon(?! du (?:nouvel|jour)| de la saint)",
    "--12-31": r"reveillon du (?:nouvel an|jour de l'an)|(?:reveillon de la )?saint[ -]sylvestre|new year'?s? eve",
    "--12-25": r"(?:jour de )?noel|christmas(?: day)?|xmas(?: day)?",
    "--12-26": r"boxing day|saint[ -]etienne",
    "--01-01": r"jour de l'? ?an|nouvel an|new year(?:'?s day)?",
    "--05-01": r"fete du travail|labou?r day|may day",
    "--11-01": r"toussaint|all saints(?:'? day)?",
    "--11-11": r"armistice(?: day)?",
    "--08-15": r"assomption|assumption(?: day)?",
    "--07-14": r"bastille day|quatorze juillet",
    "national-day": r"fete nationale|national day",
    "easter+1": r"lundi de paques|easter monday",
    "easter-2": r"vendredi saint|good friday",
    "easter": r"(?:dimanche de )?paques|easter(?: sunday)?",
    "easter+39": r"(?:jeudi de l')?ascension(?: day)?",
    "easter+50": r"lundi de pentecote|whit monday|pentecost monday",
    "easter+49": r"(?:dimanche de )?pentecote|whit sunday|pentecost",
}
_HOLIDAY_VALUES = tuple(_HOLIDAYS)
_HOLIDAY = re.compile(r"\b(?:" + "|".join(f"(?P<h{i}>{words})" for i, words in enumerate(_HOLIDAYS.values())) + r")\b")


def _dates(text: str) -> Iterator[Mention]:
    for match in _DATE.finditer(text):
        value = _date_value(match)
        if value is not None:
            yield Mention("date", value, match.start(), match.end())
    for match in _HOLIDAY.finditer(text):
        yield Mention("date", _HOLIDAY_VALUES[int((match.lastgroup or "h0")[1:])], match.start(), match.end())


def _date_value(match: re.Match[str]) -> str | None:
    if match["iso"]:
        year, month, day = (int(part) for part in match["iso"].split("-"))
    else:
        index = next(i for i in "1234" if match[f"d{i}"])
        said = match[f"d{index}"]
        day = 1 if said in ("premier", "1er") else int(said)
        month = _MONTH_NUMBER.get(match[f"m{index}"]) or int(match[f"m{index}"])
        year = 0 if index == "2" else int(match[f"y{index}"] or 0)
        year += 2000 if 0 < year < 100 else 0
    if not (1 <= month <= 12 and 1 <= day <= (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]):
        return None
    return f"{year:04}-{month:02}-{day:02}" if year else f"--{month:02}-{day:02}"


# --- sums and orders --------------------------------------------------------------------------------------------------

_CURRENCIES = {
    **dict.fromkeys(("€", "euro", "euros", "eur", "e"), "EUR"),
    **dict.fromkeys(("chf", "franc", "francs", "fr.", "sfr"), "CHF"),
    **dict.fromkeys(("£", "gbp", "pound", "pounds", "quid"), "GBP"),
}
_FIGURE = r"\d{1,3}(?:[ '.,]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_AMOUNT = re.compile(
    rf"(?<![\w.,])(?P<before>€|eur|chf|fr\.|£|gbp) ?(?P<figure_after>{_FIGURE})(?![\d])"
    rf"|(?<![\w.,/+-])(?P<figure>{_FIGURE}) ?(?P<unit>€|euros?|eur|chf|francs?|fr\.|sfr|£|gbp|pounds?|quid)"
    r"(?P<cents>\d{2})?(?![a-z\d])"
)


def _amounts(text: str) -> Iterator[Mention]:
    for match in _AMOUNT.finditer(text):
        figure = match["figure_after"] or match["figure"]
        currency = _CURRENCIES[match["before"] or match["unit"]]
        yield Mention("amount", f"{_figure_value(figure, match['cents'])} {currency}", match.start(), match.end())


def _figure_value(figure: str, cents: str | None) -> str:
    whole, decimals = figure, cents or "00"
    if re.search(r"[.,]\d{1,2}$", figure):
        whole, decimals = re.split(r"[.,](?=\d{1,2}$)", figure)
    return f"{int(re.sub(r'[^0-9]', '', whole))}.{decimals:0<2}"


_ORDER_NUMBER = re.compile(
    r"\b(?:commandes?|cmde?|cde|orders?|purchase|colis|parcel|facture|invoice|achat)"
    r"(?:[ ,:]+(?:numero|num|number|no|nr|n|ref|reference|id|est|is|le|c'est|it's|s))*[ :#°.,-]*"
    r"(?P<named>(?:[a-z]{1,4}-?)?\d[\d-]{2,14})(?![\d,.]*\d| ?(?:€|euros?|eur|chf|£|%|fois|jours|days|ans|cm|x\b))\b"
    r"|(?:#|n°|\bnumero|\bnumber) ?:? ?(?P<marked>(?:[a-z]{1,4}-?)?\d[\d-]{3,14})\b"
)


def _order_numbers(text: str) -> Iterator[Mention]:
    for match in _ORDER_NUMBER.finditer(text):
        group = "named" if match["named"] else "marked"
        yield Mention("order_number", match[group].upper().rstrip("-"), match.start(group), match.end(group))


# --- names from the trainers' lists -----------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W_]+")
_LETTERS_FOR_A_SLIP = 6
# One letter away from a city, and another one.
_OTHER_NAMES = frozenset(plain(word) for word in ("Genova", "génère", "génèrent", "genre", "genièvre", "bruyère"))


class Names:
    """The names of things in lists, however they are written: without accents, in capitals, in one word or more."""

    def __init__(self, names: Mapping[str, Mapping[str, str]], tolerant: Iterable[str] = ()) -> None:
        """``names``: for each kind of thing, its value by name. Of the ``tolerant`` kinds, a name with one slip of the
        finger is understood too, if it has six letters."""
        self._values: dict[tuple[str, ...], tuple[str, str]] = {}
        tolerated: set[str] = set()
        for kind, values in names.items():
            for name, value in values.items():
                words = tuple(plain(word) for word in _WORD.findall(name))
                self._values[words] = (kind, value)
                tolerated |= {words[0]} if kind in tolerant and len(words) == 1 else set()
        self._longest = max((len(words) for words in self._values), default=0)
        self._slips = Slips(tolerated, _OTHER_NAMES, _LETTERS_FOR_A_SLIP)

    def find(self, text: str) -> Iterator[Mention]:
        """The longest name at each place."""
        spans = [(plain(match[0]), match.start(), match.end()) for match in _WORD.finditer(text)]
        at = 0
        while at < len(spans):
            length, named = self._at(spans, at)
            if named is not None:
                yield Mention(*named, spans[at][1], spans[at + length - 1][2])
            at += length

    def _at(self, spans: list[tuple[str, int, int]], at: int) -> tuple[int, tuple[str, str] | None]:
        for length in range(min(self._longest, len(spans) - at), 0, -1):
            named = self._values.get(tuple(word for word, _, _ in spans[at : at + length]))
            if named is not None:
                return length, named
        near = [self._values[(form,)] for form in self._slips.forms(spans[at][0]) if (form,) in self._values]
        return 1, near[0] if len(set(near)) == 1 else None
