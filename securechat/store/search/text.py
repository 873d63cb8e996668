"""What of a text can be searched for, and what a person's words ask the index for.

Pure. Both sides go through ``plain``: styles and the wrapping of an action go, lines that were one
are joined (``contract.Event``), and characters of scripts that write no spaces become words of
their own, so that a part of such a text is found too. The rest is SQLite's tokenizer: words are
letters and digits, in any case and with any accents.
"""

from __future__ import annotations

import re
import unicodedata

#: What is a word: letters and digits, in any case and with any accents.
TOKENIZER = "unicode61 remove_diacritics 2"

WORDS_MAX = 32
"""More words than this are not looked for; no line of the wire needs as many."""

#: A beginning as short as one letter would have half of all words.
PREFIX_LETTERS_MIN = 2

_ACTION = re.compile("^\x01ACTION |\x01$")
# Styles and colours of IRC clients (as modern clients' "IRC Formatting" describes them).
_STYLES = re.compile(
    "\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?"  # colour by number
    "|\x04(?:[0-9a-fA-F]{6}(?:,[0-9a-fA-F]{6})?)?"  # colour by hex
    "|[\x02\x0f\x11\x16\x1d\x1e\x1f]"
)
# Thai to Myanmar, Khmer, kana, and the Han characters: no spaces between words.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
#: Of these characters, as SQLite's ``GLOB`` has a set, ``plain`` changes none: from the space up to
#: Thai, and from there letters, punctuation and emoji of scripts with spaces.
AS_IT_IS = " -\u0dff\u1e00-\u2fff\U0001f000-\U0001faff"

_TERM = re.compile(r'"[^"]*"(?: \*)?')
_PIECES = re.compile(r'"([^"]*)("\*?|$)|([^\s"]+)')


def plain(text: str) -> str:
    """Return what of a message's text goes into the index."""
    # The index is never given what SQLite would take for the text's end, or for no text.
    text = text.replace("\r", "").replace("\0", " ").encode(errors="replace").decode()
    return _UNSPACED.sub(r" \1 ", _STYLES.sub("", _ACTION.sub("", text)))


def match_of(text: str) -> str:
    """Return the FTS5 expression for what a person typed; empty where there is no word in it.

    All words are required, those within double quotes next to each other, and a word that ends
    with ``*`` stands for all that begin with it. Whatever is typed is no more than words: each
    is quoted, and nothing else of FTS5's language is in the expression.
    """
    terms: list[str] = []
    for match in _PIECES.finditer(text):
        phrase, end, word = match.groups()
        if word is not None:
            phrase, end = word, word
        phrase = plain(phrase)
        letters = sum(map(_is_letter, phrase))
        if letters:
            begins = end.endswith("*") and letters >= PREFIX_LETTERS_MIN
            terms.append('"{}"{}'.format(phrase.replace('"', ""), " *" if begins else ""))
    return " AND ".join(terms[:WORDS_MAX])


def terms_of(match: str) -> tuple[list[str], list[str]]:
    """Return the words of a ``match_of``, whole ones and beginnings, each as an expression."""
    whole: list[str] = []
    beginnings: list[str] = []
    for term in _TERM.findall(match):
        (beginnings if term.endswith("*") else whole).append(term)
    return whole, beginnings


def _is_letter(character: str) -> bool:
    """Tell whether this is part of a word, as FTS5's tokenizer ``unicode61`` has it."""
    return unicodedata.category(character)[0] in "LN"
