"""The grammar of the search box."""

from hypothesis import example, given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.storage.errors import MalformedSearch
from home_sentry_engine.storage.search import All, Either, Term, parse, to_fts5, to_tsquery
from home_sentry_engine.storage.words import words_of


def word(*words, prefix=False):
    return Term(words, prefix)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("person", word("person")),
        ("  Person\t", word("person")),
        ("person dog", All((word("person"), word("dog")))),
        ("person AND dog", All((word("person"), word("dog")))),
        ("person and dog", All((word("person"), word("and"), word("dog")))),
        ('"front door"', word("front", "door")),
        ("“front door”", word("front", "door")),
        ("front-door", word("front", "door")),
        ("pers*", word("pers", prefix=True)),
        ("front-do*", word("front", "do", prefix=True)),
        ("cat OR dog", Either((word("cat"), word("dog")))),
        ("a b OR c", Either((All((word("a"), word("b"))), word("c")))),
        ("a (b OR c)", All((word("a"), Either((word("b"), word("c")))))),
        ("a NOT b", All((word("a"),), (word("b"),))),
        ("NOT b a", All((word("a"),), (word("b"),))),
        ("a AND NOT (b OR c)", All((word("a"),), (Either((word("b"), word("c"))),))),
        ("((a))", word("a")),
        ("person - dog !", All((word("person"), word("dog")))),
        ("it's", word("it", "s")),
        ("Müll STRASSE", All((word("mull"), word("strasse")))),
        ("Straße", word("strasse")),
        ("猫がいる", word("猫", "が", "い", "る")),
        ("a'b;--", word("a", "b")),
    ],
)
def test_what_is_typed_becomes_a_tree(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 0, "no word"),
        ("   ", 0, "no word"),
        ("!? -", 0, "no word"),
        ("OR", 0, "before OR"),
        ("a OR", 4, "at the end"),
        ("a OR OR b", 5, "before OR"),
        ("a AND", 5, "at the end"),
        ("a NOT", 5, "at the end"),
        ("a NOT NOT b", 6, "NOT and NOT"),
        ("NOT a", 0, "beside it"),
        ("a OR NOT b", 5, "beside it"),
        ("a OR -", 6, "at the end"),
        ('a "b', 2, "not closed"),
        ('a ""', 2, "no word between"),
        ('"-"', 0, "no word between"),
        ("(a", 0, "not closed"),
        ("a )", 2, "closes nothing"),
        ("()", 1, "before this parenthesis"),
        ("a " * 33, 64, "at most 32 words"),
        ("(" * 9 + "a" + ")" * 9, 8, "8 deep"),
        ("a" * 513, 512, "at most 512 characters"),
    ],
)
def test_what_is_wrong_is_named_with_its_position(text, position, says):
    with pytest.raises(MalformedSearch, match=says) as raised:
        parse(text)
    assert raised.value.position == position


def test_trees_are_written_for_both_databases():
    tree = parse('a "b c" d* NOT e OR f')
    assert to_fts5(tree) == '((("a" AND "b c" AND "d" *) NOT ("e")) OR "f")'
    assert to_tsquery(tree) == "((('a') & ('b' <-> 'c') & ('d':*) & !('e')) | ('f'))"


TYPED = st.text(st.sampled_from("ab é\"“”()*-:^'+~{}\\\0ORANDT") | st.characters(), max_size=60)


@given(TYPED)
@example('NEAR(a b) {summary}: ^a + "b" * c')
def test_any_text_is_a_tree_or_the_documented_error(text):
    tree, position = None, 0
    try:
        tree = parse(text)
    except MalformedSearch as err:
        position = err.position
    assert 0 <= position <= len(text)
    if tree is None:
        return
    left = to_fts5(tree).replace(" AND ", " ").replace(" OR ", " ").replace(" NOT ", " ")
    assert all(piece.isspace() or not set(piece) & set("(){}:^+'\\") for piece in left.split('"')[1::2])
    assert left.count('"') % 2 == 0


@given(st.text(max_size=200))
def test_words_are_letters_and_digits_and_stay_themselves(text):
    words = words_of(text)
    assert all(word and len(word) <= 64 and not set(word) & set(" \"'()*:&|!<>\\·_") for word in words)
    assert words_of(" ".join(words)) == words
