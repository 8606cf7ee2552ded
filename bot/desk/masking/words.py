"""Finds personal data among words by how it is written and announced: e-mail, passwords, names, addresses."""

import re
from collections.abc import Iterator
from typing import Final

from bot.desk.masking.kinds import Found, Kind

# --- e-mail -----------------------------------------------------------------------------------------------------------

_ADDRESS: Final = re.compile(r"(?<![\w.+%-])[\w.+%'-]*\w\s?@\s?(?=\w)[\w-]+(?:\.[\w-]+)+|(?<![\w.+%-])[\w.+%-]*\w@\w[\w-]+")
# As people disguise or dictate it. A bare "at" is one only in front of a spelled-out "dot" or of a mail provider.
_DOT: Final = r"(?:\s?[(\[{]\s?(?:dot|point)\s?[)\]}]\s?|\s(?:dot|point)\s|\s?\.\s?)"
_SPELLED_DOT: Final = r"(?:\s?[(\[{]\s?(?:dot|point)\s?[)\]}]\s?|\s(?:dot|point)\s)"
_LOCAL: Final = rf"[\w+%-]+(?:(?:\.|{_SPELLED_DOT}|\s(?:tiret|dash|underscore)\s)[\w+%-]+)*"
_PROVIDER: Final = (
    r"(?:gmail|googlemail|outlook|hotmail|live|msn|yahoo|icloud|me|aol|orange|wanadoo|free|sfr|laposte|bbox|proton(?:mail)?|pm|gmx|mail"
    r"|skynet|telenet|proximus|bluewin|btinternet|sky)"
)
_DISGUISED: Final = re.compile(
    rf"\b{_LOCAL}(?:\s?[(\[{{]\s?(?:at|arobase?|@|chez)\s?[)\]}}]\s?|\s(?:arobas|arobase|@)\s)[\w-]+(?:{_DOT}[\w-]+)*"
    rf"|\b{_LOCAL}\sat\s[\w-]+(?:{_SPELLED_DOT}[\w-]+)+"
    rf"|\b{_LOCAL}\s(?:at|chez)\s{_PROVIDER}(?:{_DOT}(?:com|fr|be|ch|org|net|me|co\.uk|eu))+\b",
    re.IGNORECASE,
)


def find_emails(text: str) -> Iterator[Found]:
    for pattern in (_ADDRESS, _DISGUISED):
        for match in pattern.finditer(text):
            yield Found(*match.span(), Kind.EMAIL)


# --- passwords --------------------------------------------------------------------------------------------------------

_PASSWORD_WORD: Final = (
    r"(?:mots?\s+de\s+passe|mdp|pass(?:word|wd|code|phrase)?|pwd|code\s+(?:d['’]acc[èe]s|secret|pin|confidentiel|de\s+connexion)|pin(?:\s+code)?"
    r"|log[- ]?in\s+code)"
)
_PASSWORD: Final = re.compile(
    rf"\b{_PASSWORD_WORD}\b(?:\s+(?:actuel|temporaire|provisoire|du\s+compte|de\s+mon\s+compte|wifi|current|temporary|for\s+my\s+account|to\s+my\s+account))?"
    r"\s*(?P<link>[:=]+>?|(?:,\s*)?c['’]est(?:\s*:)?|(?:est|is|was|[ée]tait)(?:\s*:)?|->|→)?\s*"
    r"(?:(?P<quote>[\"'«“‘`])\s?(?P<quoted>[^\"»”’`\n]{2,60}?)\s?[\"'»”’`]|(?P<value>\S{3,60}))",
    re.IGNORECASE,
)
_NO_PASSWORD: Final = re.compile(
    r"(?:pas|plus|jamais|toujours|encore|trop|bien|bon|mauvais|faux|lequel|quoi|que|qui|comment|pourquoi|perdu|oubli\w*|incorrect\w*|invalide?\w*|expir\w*|bloqu\w*"
    r"|refus\w*|chang\w*|r[ée]initialis\w*|modifi\w*|reset\w*|le|la|les|un|une|mon|ma|celui|ce|dans|de|du|en|et|mais|tout|toute|tr[èe]s|obligatoire|correct\w*"
    r"|not|no|never|always|still|wrong|right|bad|good|lost|forgotten|locked|blocked|refused|rejected|being|the|a|an|my|it|in|on|too|required|case|very|and|but|what"
    r"|n['’]\S+|d['’]\S+|l['’]\S+|qu['’]\S+)[.,;:!?…]*",
    re.IGNORECASE,
)


def find_passwords(text: str) -> Iterator[Found]:
    for match in _PASSWORD.finditer(text):
        if match["quoted"] and match["link"]:
            yield Found(*match.span("quoted"), Kind.PASSWORD)
        elif match["value"] and _is_password(match["link"], match["value"]):
            end = match.end("value") - len(match["value"]) + len(match["value"].rstrip(".,;)»\""))
            yield Found(match.start("value"), end, Kind.PASSWORD)


def _is_password(link: str | None, value: str) -> bool:
    """A word that says what became of a password is none. Without ":" or "is", only what no word looks like is."""
    if _NO_PASSWORD.fullmatch(value):
        return False
    is_odd = any(character.isdigit() for character in value)
    return is_odd if link is None else True


# --- names ------------------------------------------------------------------------------------------------------------

_CAPITAL: Final = r"(?:(?:[A-ZÀ-ÖØ-Þ]['’])?[A-ZÀ-ÖØ-Þ](?:[\w]*[^\W\d_])?(?:[-‐'’][^\W\d_]+)*)"
_PARTICLE: Final = r"(?:(?:de\s+la|de|du|des|d['’]|le|la|van\s+der|van\s+den|van|von|el|al|ben|bin|da|dos|di|del|st\.?)[ \t]*)"
_FULL_NAME: Final = rf"{_CAPITAL}(?:[ \t]+{_PARTICLE}?{_CAPITAL}|\s{_PARTICLE}{_CAPITAL}){{0,3}}"
_LOWER: Final = r"[^\W\d_]{2,}(?:[-'’][^\W\d_]+)*"
# Written without capitals, only the word that is announced, and another if it ends the sentence.
_ANY_NAME: Final = rf"(?:{_FULL_NAME}|{_LOWER}(?:[ \t]+{_LOWER}(?=\s*(?:$|[.,;:!?\n)]|\b(?:et|and|mais|but)\b)))?)"
_TITLE: Final = r"(?:\b(?:M\.|Mr\.?|Mme|Mlle|Monsieur|Madame|Mademoiselle|Mrs\.?|Ms\.?|Miss|Dr\.?|Docteur|Ma[îi]tre|Mx\.?)[ \t]+)"

_PERSON_FR: Final = (
    r"(?:(?:mon|ma|mes|notre|votre|vos|nos|la|le|les|une?|l['’]|cette|ce|sa|son)\s?(?:mari|femme|[ée]poux|[ée]pouse|conjoint|conjointe|compagne|compagnon|copine|copain|fille|fils"
    r"|m[èe]re|p[èe]re|maman|papa|s[œo]e?ur|fr[èe]re|cousine?|oncle|tante|ni[èe]ce|neveu|belle-m[èe]re|beau-p[èe]re|grand-m[èe]re|grand-p[èe]re|voisine?|amie?|coll[èe]gue"
    r"|assistante?|vendeuse|vendeur|livreur|livreuse|conseill[èe]re?|employ[ée]e?|responsable|g[ée]rante?|directrice|directeur|coursier|facteur|gardienn?e?|concierge))"
)
_PERSON_EN: Final = (
    r"(?:(?:my|our|your|the|a|an|his|her|their)\s(?:husband|wife|partner|boyfriend|girlfriend|daughter|son|mother|mum|mom|father|dad|sister|brother|cousin|uncle|aunt|niece|nephew"
    r"|neighbou?r|friend|colleague|assistant|roommate|flatmate|shop\sassistant|sales\sassistant|manager|driver|courier|agent|adviser|advisor|employee|postman|landlord|grandmother|grandfather))"
)
# With (?i:…) around what announces; the name itself is read with its capitals.
_ANNOUNCED: Final = re.compile(
    rf"(?i:\b(?:je\s+m['’]\s?appel+e|je\s+me\s+(?:nomme|pr[ée]nomme)|s['’]appel+e(?:nt)?|my\s+name['’]?s|my\s+(?:\w+\s+)?name\s+(?:is|=|:)"
    rf"|(?:pr[ée]nom|nom)(?:\s+de\s+(?:famille|jeune\s+fille)|\s+complet)?\s*(?:est|c['’]est|[:=])|moi\s+c['’]est|called\s+me"
    rf"|(?:full\s+|last\s+|first\s+|sur)?name\s*[:=]|goes\s+by)\s*:?)\s*(?P<value>{_TITLE}?{_ANY_NAME})"
)
_CAPITALISED: Final = re.compile(
    rf"(?i:\b(?:au\s+nom\s+de|sous\s+le\s+nom(?:\s+de)?|(?:in|under)\s+the\s+name(?:\s+of)?|under\s+name|{_PERSON_FR}|{_PERSON_EN}),?)[ \t]+(?P<a>{_TITLE}?{_FULL_NAME})"
    rf"|(?P<b>{_TITLE}{_FULL_NAME})"
    rf"|(?P<c>{_FULL_NAME})(?i:[ \t]+(?:à\s+l['’]appareil|speaking|here\s+again))"
    rf"|(?i:\b(?:je\s+suis|ici|c['’]est|i\s+am|i['’]m|this\s+is|it['’]s|ici\s+c['’]est)\s+)(?P<d>{_CAPITAL}[ \t]+{_PARTICLE}?{_CAPITAL}(?:[ \t]+{_CAPITAL})?)"
)
_SIGNED: Final = re.compile(
    rf"(?i:\b(?:cordialement|salutations(?:\s+distingu[ée]es)?|bien\s+à\s+vous|bonne\s+(?:journ[ée]e|soir[ée]e)|sinc[èe]rement|merci(?:\s+d['’]avance)?|bien\s+cordialement|regards|sincerely"
    rf"|faithfully|thanks(?:\s+in\s+advance)?|thank\s+you|cheers|best(?:\s+wishes)?|signed?|sign[ée]e?))[ \t]*[,.!:\n–—-]\s*(?P<value>{_FULL_NAME})[.!\s]*$"
    rf"|\n[ \t]*[–—-]*[ \t]*(?P<alone>{_CAPITAL}(?:[ \t]+{_PARTICLE}?{_CAPITAL}){{1,2}})[.\s]*$"
)
# Announced, and no name: what somebody is, where somebody is from, and how people begin and end.
NO_NAME: Final = frozenset(
    (
        "je tu il elle on nous vous ils elles ce ça cela c'est est et ou mais donc or ni car le la les un une des de du mon ma mes votre vos notre nos son sa "
        "pas plus très trop bien mal pour par avec sans sur sous dans chez qui que quoi où quand comment pourquoi combien oui non ok svp stp merci bonjour bonsoir "
        "salut coucou allô allo madame monsieur mademoiselle mr mrs ms mme mlle m cordialement bonne journée soirée bientôt demain hier aujourd'hui lundi mardi mercredi jeudi vendredi samedi "
        "dimanche janvier février mars avril mai juin juillet août septembre octobre novembre décembre noël pâques commande colis livraison "
        "retour remboursement client cliente service magasin boutique facture inadmissible scandaleux honteux nul super parfait génial urgent "
        "français française belge suisse anglais anglaise européen européenne célibataire étudiant étudiante "
        "i you he she it we they the a an and or but so not no yes please thanks thank hello hi hey dear sir madam my your our this that is are was were am be "
        "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december "
        "christmas easter black order parcel delivery refund return customer support team store shop where when what why how who which can could would "
        "french belgian swiss english british irish american german spanish italian european regards best cheers sincerely still just very really here there "
        "asap fyi sorry good great bad love kind also now today tomorrow yesterday any all some there's it's i'm i've paypal visa mastercard amex "
        "klarna twint bancontact chronopost colissimo mondial relay dhl ups fedex dpd gls hermes bpost apple pay google facebook messenger instagram twitter "
        "whatsapp tiktok amazon iphone android internet wifi france belgique suisse europe belgium switzerland spelled spelt wrong misspelled "
        "mal incorrect erroné faux écrit celui"
    ).split()
)


def find_announced_names(text: str) -> Iterator[Found]:
    for pattern in (_ANNOUNCED, _CAPITALISED, _SIGNED):
        for match in pattern.finditer(text):
            group = next(name for name, value in match.groupdict().items() if value)
            if (name := trim_name(text, *match.span(group))) is not None:
                yield name


def trim_name(text: str, start: int, end: int) -> Found | None:
    """Without the words around it that are none; None if no name is left."""
    words = [match.span() for match in re.finditer(r"[^\s,;:!?()\"«»]+", text[start:end])]
    while words and _is_no_name(text[start + words[0][0] : start + words[0][1]]):
        words.pop(0)
    while words and _is_no_name(text[start + words[-1][0] : start + words[-1][1]]):
        words.pop()
    if not words:
        return None
    last = text[start + words[-1][0] : start + words[-1][1]].rstrip(".'’-")
    return Found(start + words[0][0], start + words[-1][0] + len(last), Kind.NAME) if last else None


def _is_no_name(word: str) -> bool:
    plain = word.casefold().replace("’", "'").strip(".-'")
    return plain in NO_NAME or not any(character.isalpha() for character in plain)


# --- addresses --------------------------------------------------------------------------------------------------------

_STREET: Final = (
    r"(?:rue|ruelle|avenue|av\.?|ave\.?|bd\.?|bld\.?|boulevard|place|pl\.|chemin|ch\.|all[ée]es?|impasse|imp\.|quai|cours|route|rte|square|passage|sentier|faubourg|fbg|"
    r"esplanade|promenade|mont[ée]e|villa|cit[ée]|hameau|lotissement|r[ée]sidence|chauss[ée]e|venelle|traverse|drève|clos|voie|rond-point)"
)
_LINK: Final = r"(?:de\s+la\s+|de\s+l['’]|de\s+|du\s+|des\s+|d['’]|la\s+|le\s+|les\s+|l['’]|aux?\s+|en\s+|à\s+l['’])"
_WORD: Final = r"[^\W\d_][\w'’.-]*"
_CITY: Final = rf"{_CAPITAL}(?:[ \t-]+(?:{_LINK})?{_CAPITAL}|[ \t]+\d{{1,2}}(?:e|er|ème)?\b)*"
_TOWN_FR: Final = rf"(?:\s*,?\s*(?:[àa]\s+)?\d{{4,5}}\s*,?\s*(?:{_CITY}|[^\W\d_]{{3,}}(?:-[^\W\d_]+)*)|\s*,\s*{_CITY}|\s+(?:à|a)\s+{_CITY}|\s+{_CITY})"
_HOUSE: Final = r"\d{1,4}(?:\s?(?:bis|ter|quater|[A-Fa-f]\b))?"
_STREET_NAME: Final = rf"(?:{_LINK})*{_WORD}(?:\s+(?:{_LINK})+{_WORD}|[ \t]+{_CAPITAL}){{0,4}}"
_FRENCH_ADDRESS: Final = re.compile(
    rf"(?<![\w/.,]){_HOUSE}\s*,?\s*(?i:{_STREET})\s+{_STREET_NAME}(?:{_TOWN_FR})?"
    rf"|\b(?i:{_STREET})\s+{_STREET_NAME}[ \t]+{_HOUSE}(?:\s*,?\s*\d{{4,5}}\s+{_CITY})?(?!\w|[.,:/]\d|\s?[€%h])"
    rf"|\b(?i:{_STREET})\s+{_STREET_NAME}\s*,?\s*\d{{4,5}}\s+{_CITY}"
)
_ROAD: Final = (
    r"(?:street|st\.?|road|rd\.?|lane|ln\.?|avenue|ave\.?|drive|dr\.?|close|crescent|terrace|court|ct\.?|gardens?|grove|way|hill|square|sq\.?|place|row|mews|park|walk|"
    r"green|boulevard|blvd\.?|kingsway|parade|rise|view)"
)
_POSTCODE: Final = r"(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]\d{2}\s?[A-Z\d]{4}|[A-Z]{2}\s\d{5})"
_TOWN: Final = rf"(?!{_POSTCODE}\b){_CAPITAL}(?:[ \t-]+(?!{_POSTCODE}\b){_CAPITAL}){{0,2}}"
_FLAT: Final = r"(?:(?i:flat|apt\.?|apartment|unit|appartement|appt\.?|b[âa]t(?:iment)?\.?)\s+\w{1,4}\s*,?\s*)"
_ENGLISH_ADDRESS: Final = re.compile(
    rf"{_FLAT}?(?<![\w/.,])\d{{1,5}}[A-Za-z]?\s+(?:{_CAPITAL}[ \t]+){{1,3}}(?i:{_ROAD})(?!\w)(?:,?\s*{_FLAT})?(?:\s*,?\s+(?:in\s+)?{_TOWN}){{0,2}}(?:\s*,?\s*{_POSTCODE}\b)?"
    rf"|{_FLAT}?(?<![\w/.,])\d{{1,5}}[A-Za-z]?\s+(?:[^\W\d_]+\s+){{1,2}}(?:street|road|lane|avenue|drive|crescent|terrace|grove)\b(?:\s*,?\s*{_POSTCODE}\b)?"
    rf"|{_FLAT}?(?<![\w/.,])\d{{1,5}}[A-Za-z]?\s+(?:{_CAPITAL}[ \t]*){{1,3}}\s*,\s*(?:{_TOWN}\s*,?\s*)?{_POSTCODE}\b"
    rf"|\b[A-Z]{{1,2}}\d[A-Z\d]?\s\d[A-Z]{{2}}\b"
)


def find_addresses(text: str) -> Iterator[Found]:
    for pattern in (_FRENCH_ADDRESS, _ENGLISH_ADDRESS):
        for match in pattern.finditer(text):
            yield Found(match.start(), match.start() + len(match.group().rstrip(" ,.\n")), Kind.ADDRESS)
