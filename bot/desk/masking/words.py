"""Finds what is known by its sign or announced by a word: e-mail addresses and passwords."""

import re
from collections.abc import Iterator
from typing import Final

from bot.desk.masking.kinds import Found, Kind
from bot.desk.masking.names import any_of

# --- e-mail -----------------------------------------------------------------------------------------------------------

_ADDRESS: Final = re.compile(
    r"(?<![\w.+%-])[\w.+%'-]{0,64}?\w\s?@\s?(?=\w)[\w-]+(?:\.[\w-]+)+|(?<![\w.+%-])[\w.+%-]{0,64}?\w@\w[\w-]+"
)
# As people disguise or dictate it. A bare "at" is one only in front of a spelled-out "dot" or of a mail provider.
_DOT: Final = r"(?:\s?[(\[{]\s?(?:dot|point)\s?[)\]}]\s?|\s(?:dot|point)\s|\s?\.\s?)"
_SPELLED_DOT: Final = r"(?:\s?[(\[{]\s?(?:dot|point)\s?[)\]}]\s?|\s(?:dot|point)\s)"
_LOCAL: Final = rf"[\w+%-]{{1,64}}(?:(?:\.|{_SPELLED_DOT}|\s(?:tiret|dash|underscore)\s)[\w+%-]{{1,64}}){{0,4}}"
_PROVIDER: Final = (
    r"(?:gmail|googlemail|outlook|hotmail|live|msn|yahoo|icloud|me|aol|orange|wanadoo|free|sfr|laposte|bbox|proton(?:mail)?|pm|gmx|mail"
    r"|skynet|telenet|proximus|bluewin|btinternet|sky)"
)
_DISGUISED: Final = re.compile(
    rf"(?<![\w.+%-]){_LOCAL}(?:\s?[(\[{{]\s?(?:at|arobase?|@|chez)\s?[)\]}}]\s?|\s(?:arobas|arobase|@)\s)[\w-]+(?:{_DOT}[\w-]+)*"
    rf"|(?<![\w.+%-]){_LOCAL}\s(?:at|chez)\s[\w-]+(?:{_SPELLED_DOT}[\w-]+)+"
    rf"|(?<![\w.+%-]){_LOCAL}\s(?:at|chez)\s{_PROVIDER}(?:{_DOT}(?:com|fr|be|ch|org|net|me|co\.uk|eu))+\b",
    re.IGNORECASE,
)


def find_emails(text: str) -> Iterator[Found]:
    for pattern in (_ADDRESS, _DISGUISED):
        for match in pattern.finditer(text):
            yield Found(*match.span(), Kind.EMAIL)


# --- passwords --------------------------------------------------------------------------------------------------------

_WORD_FOR_IT: Final = any_of(
    r"""mots?\s+de\s+passe mdp pw pass(?:word|wd|code|phrase)? pwd pin(?:\s+code)? log-?in\s+code
    code\s+(?:d['’]acc[èe]s|secret|pin|confidentiel|de\s+connexion)"""
)
_ADJECTIVE: Final = r"(?:actuel|temporaire|provisoire|wifi|current|temporary)"
_OF_WHAT: Final = rf"(?:\s+{_ADJECTIVE}|\s+(?:pour|du|de|for|to|of|on)(?:\s+[^\W\d_]+){{1,3}}?)"
_LINK: Final = r"(?P<link>[:=]+>?|['’]s(?=\s)|(?:,\s*)?c['’]est(?:\s*:)?|(?:est|is|was|[ée]tait)(?:\s*:|(?=\s))|->|→)"
_PASSWORD: Final = re.compile(
    rf"\b{_WORD_FOR_IT}\b(?:{_OF_WHAT}?\s*{_LINK}\s*|\s+{_ADJECTIVE}\s+|\s*)"
    r"(?:[\"'«“‘`]\s?(?P<quoted>[^\"»”’`\n]{2,60}?)\s?[\"'»”’`]|(?P<value>\S{3,60}))",
    re.IGNORECASE,
)
_PASSWORD_BEFORE: Final = re.compile(
    rf"(?<!\S)(?P<value>(?=\S{{0,40}}\d)\S{{4,40}})\s+(?:comme|as|for|pour)\s+(?:(?:mon|le|my|the|a)\s+)?{_WORD_FOR_IT}\b",
    re.IGNORECASE,
)
# What follows the word when something is said of a password, and it is not told.
_SAID_OF_IT: Final = re.compile(
    any_of(
        r"""pas plus jamais toujours encore trop bien bon mauvais faux lequel quoi que qui comment pourquoi perdu
        oubli\w* incorrect\w* invalide?\w* expir\w* bloqu\w* refus\w* chang\w* r[ée]initialis\w* modifi\w* reset\w*
        le la les un une mon ma celui ce dans de du en et mais tout toute tr[èe]s obligatoire correct\w* not no
        never always still wrong right bad good lost forgotten locked blocked rejected being the a an my it in on
        too required case very and but what link
        n['’]\S+ d['’]\S+ l['’]\S+ qu['’]\S+"""
    )
    + r"[.,;:!?…]*",
    re.IGNORECASE,
)


_PARTICIPLE: Final = re.compile(r"[^\W\d_]+(?:ée?s?|ed|en|ing|able|ible|uite?)[.,;:!?…]*")


def find_passwords(text: str) -> Iterator[Found]:
    for match in _PASSWORD_BEFORE.finditer(text):
        yield Found(*match.span("value"), Kind.PASSWORD)
    for match in _PASSWORD.finditer(text):
        if match["quoted"] and match["link"]:
            yield Found(*match.span("quoted"), Kind.PASSWORD)
        elif match["value"] and _is_told(match["link"], match["value"]):
            end = match.start("value") + len(match["value"].rstrip('.,;)»"'))
            yield Found(match.start("value"), end, Kind.PASSWORD)


def _is_told(link: str | None, value: str) -> bool:
    """Without ":" or "is" right in front, only what has a digit, which words do not have."""
    if _SAID_OF_IT.fullmatch(value):
        return False
    if any(character.isdigit() for character in value):
        return True
    return link is not None and not link.startswith(",") and not _PARTICIPLE.fullmatch(value)
