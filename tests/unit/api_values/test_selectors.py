"""Selectors: recorded error texts, printing, edge cases of the grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.api import field_selectors, selectors

words = st.from_regex(r"[a-z][a-z0-9]{0,4}", fullmatch=True)
requirements = st.one_of(
    st.builds(selectors.Requirement, words, st.sampled_from(["=", "==", "!="]), st.tuples(words)),
    st.builds(
        lambda key, operator, values: selectors.Requirement(key, operator, tuple(sorted(values))),
        words,
        st.sampled_from(["in", "notin"]),
        st.sets(words, min_size=1),
    ),
    st.builds(selectors.Requirement, words, st.sampled_from(["exists", "!"])),
    st.builds(selectors.Requirement, words, st.sampled_from(["gt", "lt"]), st.just(("5",))),
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rank>x",
            (
                "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, "
                "the value must be an integer"
            ),
        ),
        ("a b=c", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("=x", "found '=', expected: !, identifier, or 'end of string'"),
        ("app=web,", "found '', expected: identifier after ','"),
        ("app=web db", "found 'db', expected: ',' or 'end of string'"),
        ("(x)", "found '(', expected: !, identifier, or 'end of string'"),
        ("app in (web", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("!x=a", "found '=', expected: ',' or 'end of string'"),
        (
            "-a",
            (
                'unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of alphanumeric '
                "characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or "
                "'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            ),
        ),
    ],
)
def test_label_selector_errors(text, message):
    with pytest.raises(selectors.SelectorError) as caught:
        selectors.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("c in (e,d),a=b", "a=b,c in (d,e)"),
        ("x>1,y<2,!z,w,v!=1,u notin (a)", "u notin (a),v!=1,w,x>1,y<2,!z"),
        ("", ""),
    ],
)
def test_printed_form_is_sorted_by_key(text, printed):
    assert str(selectors.parse(text)) == printed


@pytest.mark.parametrize(
    ("selector", "empty", "printed"),
    [
        (None, False, ""),
        ({}, True, ""),
        ({"matchLabels": {"b": "1", "a": "2"}}, False, "a=2,b=1"),
        ({"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}, False, "k in (v)"),
    ],
)
def test_structured_form(selector, empty, printed):
    compiled = selectors.from_object(selector)
    assert compiled.empty is empty
    assert str(compiled) == printed
    assert compiled.matches({}) is empty


def test_unknown_operator_of_the_structured_form():
    with pytest.raises(selectors.SelectorError, match='"Near" is not a valid label selector operator'):
        selectors.from_object({"matchExpressions": [{"key": "k", "operator": "Near"}]})


def test_exact_match_for_indexes():
    selector = selectors.parse("a=1,b in (2),c in (3,4),d!=5")
    assert [selector.requires_exact_match(key) for key in "abcdx"] == ["1", "2", None, None, None]


@given(st.lists(requirements, max_size=4))
def test_text_round_trip(items):
    selector = selectors.select(items)
    assert str(selectors.parse(str(selector))) == str(selector)


@given(st.lists(requirements, max_size=4), st.dictionaries(words, st.one_of(words, st.just("7"))))
def test_parsed_selector_matches_the_same(items, labels):
    selector = selectors.select(items)
    assert selectors.parse(str(selector)).matches(labels) == selector.matches(labels)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "metadata.name in (a)",
            "invalid selector: 'metadata.name in (a)'; can't understand 'metadata.name in (a)'",
        ),
        ("a=b\\c", "invalid field selector: invalid escape sequence: \\c"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
    ],
)
def test_field_selector_errors(text, message):
    with pytest.raises(selectors.SelectorError) as caught:
        field_selectors.parse(text)
    assert str(caught.value) == message


def test_field_selector_takes_a_function_and_reads_absent_as_empty():
    selector = field_selectors.parse("spec.nodeName=,status.phase!=Failed")
    assert selector.fields == ("spec.nodeName", "status.phase")
    assert selector.matches({})
    assert not selector.matches(lambda path: "Failed" if path == "status.phase" else "")


@given(st.text())
def test_field_values_survive_escaping(value):
    (term,) = field_selectors.parse(f"k={field_selectors.escape_value(value)}").terms
    assert term.value == value
