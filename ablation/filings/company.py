"""How a filing calls its own company, as patterns for ``re.VERBOSE`` and ``re.IGNORECASE``."""

import re

_SUFFIXES = r"(?:,?\s+(?:Inc(?:orporated)?|Corp(?:oration)?|Co(?:mpany)?|Ltd|Limited|L\.?P)\b\.?)?"
_LEGAL_WORDS = {"the", "inc", "corp", "co", "ltd", "lp", "llc", "corporation", "company"}


def subject(company: str) -> str:
    """A pattern of the words a filing calls its own company by.

    "FedEx" but not "FedEx Ground": the name is the first word of the registered one, or its first
    words in order, and whatever follows must be a legal form, an alias in brackets or the verb.
    """
    alias = r"(?:\s*\([^)]{0,80}\))?"
    return rf"(?<![\w-])(?:we|{_named(company)}){alias}"


def possessive(company: str) -> str:
    """A pattern of the words by which a filing calls something its own company's."""
    return rf"(?<![\w-])(?:our|(?:{_named(company)})['’]s?)"


def _named(company: str) -> str:
    words = re.findall(r"[^\W_]+", company.split("/")[0].split("\\")[0])
    words = [word for word in words if word.lower() not in _LEGAL_WORDS][:6]
    name = ""
    for word in reversed(words):
        name = rf"{re.escape(word)}(?:\s+(?:&\s+)?{name})?" if name else re.escape(word)
    own = rf"|{name}{_SUFFIXES}" if name else ""
    return rf"(?:the\s+)?(?:Company|Registrant|Corporation){own}"
