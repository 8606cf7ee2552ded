"""Finds postal addresses of France, Belgium, Switzerland and the United Kingdom, as people write them in a chat."""

import re
from collections.abc import Iterator
from typing import Final

from bot.desk.masking.kinds import Found, Kind
from bot.desk.masking.names import CAPITAL, any_of

# 14 bis rue des Lilas, 69003 Lyon; rue du Midi 45, 1000 Bruxelles
_STREET: Final = any_of(
    r"""rue ruelle avenue av\.? ave\.? bd\.? bld\.? boulevard place pl\. chemin ch\. all[ée]es? impasse imp\. quai cours
    route rte square passage sentier faubourg fbg esplanade promenade mont[ée]e villa cit[ée] hameau lotissement
    r[ée]sidence chauss[ée]e venelle traverse drève clos voie rond-point"""
)
_LINK: Final = r"(?:de\s+la\s+|de\s+l['’]|de\s+|du\s+|des\s+|d['’]|la\s+|le\s+|les\s+|l['’]|aux?\s+|en\s+|à\s+l['’])"
_WORD: Final = r"[^\W\d_][\w'’.-]*"
_CITY: Final = rf"{CAPITAL}(?:[ \t-]+(?:{_LINK})?{CAPITAL}|[ \t]+\d{{1,2}}(?:e|er|ème)?\b)*"
_TOWN_FR: Final = (
    rf"(?:\s*,?\s*(?:[àa]\s+)?\d{{4,5}}\s*,?\s*(?:{_CITY}|[^\W\d_]{{3,}}(?:-[^\W\d_]+)*)"
    rf"|\s*,\s*{_CITY}|\s+(?:à|a)\s+{_CITY}|\s+{_CITY})"
)
_HOUSE: Final = r"\d{1,4}(?:\s?(?:bis|ter|quater|[A-Fa-f]\b))?"
_STREET_NAME: Final = rf"(?:{_LINK})*{_WORD}(?:\s+(?:{_LINK})+{_WORD}|[ \t]+{CAPITAL}){{0,4}}"
_FRENCH: Final = re.compile(
    rf"(?<![\w/.,]){_HOUSE}\s*,?\s*(?i:{_STREET})\s+{_STREET_NAME}(?:{_TOWN_FR})?"
    rf"|\b(?i:{_STREET})\s+{_STREET_NAME}[ \t]+{_HOUSE}(?:\s*,?\s*\d{{4,5}}\s+{_CITY})?(?!\w|[.,:/]\d|\s?[€%h])"
    rf"|\b(?i:{_STREET})\s+{_STREET_NAME}\s*,?\s*\d{{4,5}}\s+{_CITY}"
)

# résidence Les Tilleuls, bâtiment C; lieu-dit Kerguen, 29000 Quimper
_NAMED_PLACE: Final = any_of(
    "r[ée]sidence lieu-dit chalet villa domaine hameau ferme ch[âa]teau immeuble lotissement mas"
)
_PART_OF_IT: Final = (
    rf"(?:(?i:b[âa]t(?:iment)?\.?|app(?:artemen)?t\.?|apt\.?|[ée]tage|escalier|porte|entr[ée]e|num[ée]ro|lot)\s+\w{{1,4}}"
    rf"|(?i:{_STREET})\s+{_STREET_NAME}(?:[ \t]+{_HOUSE})?)"
)
_PLACE: Final = re.compile(
    rf"\b(?i:{_NAMED_PLACE})\s+(?:{_LINK})*{_CITY}(?:\s*,\s*{_PART_OF_IT}){{0,3}}(?:\s*,?\s*\d{{4,5}}\s+{_CITY})?"
    rf"|\b{CAPITAL}(?:[ \t]{CAPITAL}){{0,3}}\s+{_HOUSE}\s*,\s*\d{{4,5}}(?:\s[A-Z]{{2}})?\s+{_CITY}"
)

# Flat 4, 17 Orchard Road, Bristol BS3 2AB
_ROAD: Final = any_of(
    r"""street st\.? road rd\.? lane ln\.? avenue ave\.? drive dr\.? close crescent terrace court ct\.? gardens? grove
    way hill square sq\.? place row mews park walk green boulevard blvd\.? kingsway parade rise view"""
)
_PLAIN_ROAD: Final = any_of("street road lane avenue drive crescent terrace grove")
_BRITISH_POSTCODE: Final = r"[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}"
_POSTCODE: Final = rf"(?:{_BRITISH_POSTCODE}|[A-Z]\d{{2}}\s?[A-Z\d]{{4}}|[A-Z]{{2}}\s\d{{5}})"
_TOWN: Final = rf"(?!{_POSTCODE}\b){CAPITAL}(?:[ \t-]+(?!{_POSTCODE}\b){CAPITAL}){{0,2}}"
_FLAT: Final = r"(?:(?i:flat|apt\.?|apartment|unit|appartement|appt\.?|b[âa]t(?:iment)?\.?)\s+\w{1,4}\s*,?\s*)"
_NUMBER: Final = rf"{_FLAT}?(?<![\w/.,])\d{{1,5}}[A-Za-z]?\s+"
_ENGLISH: Final = re.compile(
    rf"{_NUMBER}(?:{CAPITAL}[ \t]+){{1,3}}(?i:{_ROAD})(?!\w)(?:,?\s*{_FLAT})?"
    rf"(?:\s*,?\s+(?:in\s+)?{_TOWN}){{0,2}}(?:\s*,?\s*{_POSTCODE}\b)?"
    rf"|{_NUMBER}(?:[^\W\d_]+\s+){{1,2}}{_PLAIN_ROAD}\b(?:\s*,?\s*{_POSTCODE}\b)?"
    rf"|{_NUMBER}(?:{CAPITAL}[ \t]*){{1,3}}\s*,\s*(?:{_TOWN}\s*,?\s*)?{_POSTCODE}\b"
    rf"|(?:\b{_TOWN}(?:[ \t]{CAPITAL}){{0,2}}\s*,\s*){{0,3}}(?:\b{_TOWN}\s*,?\s*)?\b{_BRITISH_POSTCODE}\b"
)


def find_addresses(text: str) -> Iterator[Found]:
    for pattern in (_FRENCH, _PLACE, _ENGLISH):
        for match in pattern.finditer(text):
            yield Found(match.start(), match.start() + len(match.group().rstrip(" ,.\n")), Kind.ADDRESS)
