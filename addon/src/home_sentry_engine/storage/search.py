"""What people type into the search box, read into a tree and written for SQLite (FTS5) and PostgreSQL (tsquery).

::

    query  = all {"OR" all}
    all    = item {["AND"] item}            at least one item without NOT
    item   = ["NOT"] (word | word"*" | phrase | "(" query ")")
    phrase = '"' words '"'

Operators are upper case. Other signs part words: ``front-door`` is the phrase "front door". A word made of signs alone
is skipped. What is written holds nothing but words of letters and digits in quotes and this module's own operators.
"""

from collections.abc import Iterator
from dataclasses import dataclass
import re
from typing import Final

from .errors import MalformedSearch
from .words import words_of

MAX_CHARS: Final = 512
MAX_TERMS: Final = 32
MAX_DEPTH: Final = 8
_OPERATORS: Final = frozenset({"AND", "OR", "NOT"})
_QUOTES: Final = '"“”„'
_TOKEN: Final = re.compile(rf"(?P<space>\s+)|(?P<sign>[()])|(?P<phrase>[{_QUOTES}])|(?P<word>[^\s(){_QUOTES}]+)")


@dataclass(frozen=True, slots=True)
class Term:
    """Words that follow each other within one text; with ``prefix`` the last one is a beginning."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """Every one of ``wanted`` (at least one) and none of ``unwanted``."""

    wanted: tuple[Tree, ...]
    unwanted: tuple[Tree, ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of the options."""

    options: tuple[Tree, ...]


type Tree = Term | All | Either


def parse(text: str) -> Tree:
    """Read a query; raises ``MalformedSearch`` with the position, counted in characters from 0."""
    if len(text) > MAX_CHARS:
        raise MalformedSearch(f"the search may have at most {MAX_CHARS} characters", MAX_CHARS)
    return _Parser(tuple(_tokens(text)), len(text)).read()


def to_fts5(tree: Tree) -> str:
    """Write the tree as an FTS5 MATCH expression, to be bound as a parameter."""
    match tree:
        case Term(words, prefix):
            return f'"{" ".join(words)}"' + (" *" if prefix else "")
        case Either(options):
            return "(" + " OR ".join(map(to_fts5, options)) + ")"
        case All(wanted, unwanted):
            found = "(" + " AND ".join(map(to_fts5, wanted)) + ")"
            return f"({found} NOT ({' OR '.join(map(to_fts5, unwanted))}))" if unwanted else found


def to_tsquery(tree: Tree) -> str:
    """Write the tree as the text of a PostgreSQL tsquery, to be bound as a parameter."""
    match tree:
        case Term(words, prefix):
            return "(" + " <-> ".join(f"'{word}'" for word in words) + (":*" if prefix else "") + ")"
        case Either(options):
            return "(" + " | ".join(map(to_tsquery, options)) + ")"
        case All(wanted, unwanted):
            return "(" + " & ".join([*map(to_tsquery, wanted), *(f"!{to_tsquery(one)}" for one in unwanted)]) + ")"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    at: int
    term: Term | None = None


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        # the classes of the pattern cover every character
        assert found is not None
        end = found.end()
        if found.lastgroup == "sign":
            yield _Token(found.group(), at)
        elif found.lastgroup == "phrase":
            end = next((place for place in range(end, len(text)) if text[place] in _QUOTES), -1) + 1
            if not end:
                raise MalformedSearch("this quotation mark is not closed", at)
            words = words_of(text[at + 1 : end - 1])
            if not words:
                raise MalformedSearch("there is no word between the quotation marks", at)
            yield _Token("term", at, Term(tuple(words)))
        elif found.lastgroup == "word":
            yield from _word(found.group(), at)
        at = end


def _word(text: str, at: int) -> Iterator[_Token]:
    if text in _OPERATORS:
        yield _Token(text, at)
    elif words := words_of(text):
        yield _Token("term", at, Term(tuple(words), prefix=text.endswith("*")))


class _Parser:
    def __init__(self, tokens: tuple[_Token, ...], length: int) -> None:
        self._tokens = tokens
        self._end = _Token("end", length)
        self._next = 0
        terms = [token for token in tokens if token.kind == "term"]
        if len(terms) > MAX_TERMS:
            raise MalformedSearch(f"the search may have at most {MAX_TERMS} words", terms[MAX_TERMS].at)

    def read(self) -> Tree:
        if not self._tokens:
            raise MalformedSearch("there is no word to search for", 0)
        tree = self._any(0)
        if self._peek() is not self._end:
            raise MalformedSearch("this parenthesis closes nothing", self._peek().at)
        return tree

    def _peek(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _take(self) -> _Token:
        token = self._peek()
        self._next += 1
        return token

    def _any(self, depth: int) -> Tree:
        options = [self._all(depth)]
        while self._peek().kind == "OR":
            self._take()
            options.append(self._all(depth))
        return options[0] if len(options) == 1 else Either(tuple(options))

    def _all(self, depth: int) -> Tree:
        first = self._peek()
        wanted: list[Tree] = []
        unwanted: list[Tree] = []
        while True:
            negated = self._peek().kind == "NOT"
            if negated:
                self._take()
            (unwanted if negated else wanted).append(self._atom(depth))
            if self._peek().kind == "AND":
                self._take()
            elif self._peek().kind not in {"term", "(", "NOT"}:
                break
        if not wanted:
            raise MalformedSearch("NOT needs something beside it that is searched for", first.at)
        return wanted[0] if len(wanted) == 1 and not unwanted else All(tuple(wanted), tuple(unwanted))

    def _atom(self, depth: int) -> Tree:
        token = self._take()
        if token.term is not None:
            return token.term
        if token.kind == "(":
            if depth == MAX_DEPTH:
                raise MalformedSearch(f"parentheses may be {MAX_DEPTH} deep", token.at)
            tree = self._any(depth + 1)
            if self._take().kind != ")":
                raise MalformedSearch("this parenthesis is not closed", token.at)
            return tree
        raise MalformedSearch(_MISSING[token.kind], token.at)


_MISSING: Final = {
    "AND": "a word is missing before AND",
    "OR": "a word is missing before OR",
    "NOT": "a word is missing between NOT and NOT",
    ")": "a word is missing before this parenthesis",
    "end": "a word is missing at the end",
}
