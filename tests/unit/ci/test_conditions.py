"""Conditions of jobs and steps, as GitHub Actions evaluates them."""

from __future__ import annotations

import pytest

from kcsim.delivery.ci.conditions import Condition, ConditionError, Context, filled_in, parse

MAIN = {"event_name": "push", "ref": "refs/heads/main", "ref_name": "main", "actor": "Dana"}


def context(**changes) -> Context:
    given = {"github": MAIN, "needs": {"test": "success"}, "matrix": {"k8s": "1.36"}, **changes}
    return Context(**given)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("github.ref == 'refs/heads/main'", True),
        ("github.ref != 'refs/heads/main'", False),
        ("${{ github.ref_name == 'main' }}", True),
        ("github.actor == 'dana'", True),
        ("startsWith(github.ref, 'refs/tags/v')", False),
        ("startsWith(github.ref, 'refs/heads')", True),
        ("endsWith(github.ref, '/MAIN')", True),
        ("contains(github.event_name, 'us')", True),
        ("needs.test.result == 'success' && matrix.k8s == '1.36'", True),
        ("needs.other.result == 'success'", False),
        ("false || true", True),
        ("!(github.event_name == 'push')", False),
        ("true && false || true", True),
        ("true || true && false", True),
        ("github.head_ref == ''", True),
        ("github.ref_name == 'it''s'", False),
        ("failure()", False),
        ("always()", True),
        ("!cancelled()", True),
    ],
)
def test_what_holds(text, holds):
    assert parse(text).holds(context()) is holds


def test_without_a_status_function_it_holds_only_where_all_went_well():
    after_failure = context(success=False, failure=True)
    assert not parse("true").holds(after_failure)
    assert not parse("github.ref_name == 'main'").holds(after_failure)
    assert parse("failure() && github.ref_name == 'main'").holds(after_failure)
    assert parse("always()").holds(after_failure)


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("github.reff == 'x'", 0, "github has no 'reff'"),
        ("true && succes()", 8, "no function 'succes'"),
        ('github.ref == "main"', 14, "single quotes"),
        ("(true", 5, "a ')' is missing"),
        ("true true", 5, "follows where nothing should"),
        ("${{ true && }}", 11, "ends where a value should stand"),
        ("secrets.TOKEN == ''", 0, "nothing is called 'secrets.TOKEN'"),
        ("always(1)", 7, "does not belong here"),
        ("success('x')", 0, "takes nothing"),
        ("contains('x')", 0, "takes two texts"),
        ("== 'x'", 0, "where a value should stand"),
    ],
)
def test_what_cannot_be_read_says_where(text, at, message):
    with pytest.raises(ConditionError) as error:
        parse(text)
    assert message in str(error.value)
    assert error.value.at == at


def test_texts_are_filled_in():
    assert filled_in("deploy-${{ github.ref_name }}-${{ matrix.k8s }}", context()) == "deploy-main-1.36"


def test_a_condition_says_what_it_asks():
    found = parse("needs.test.result == 'success' || matrix.k8s == '1'")
    assert isinstance(found, Condition)
    assert found.names == ("needs.test.result", "matrix.k8s")
