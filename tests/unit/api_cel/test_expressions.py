"""Expressions: what they give, what is wrong with them, and in which words."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from kcsim.api.cel.errors import CompileError, EvaluationError
from kcsim.api.cel.expression import Scope, names

OBJECT = {
    "spec": {"replicas": 3, "ratio": 1.5},
    "metadata": {"name": "web", "namespace": "a"},
    "items": [3, 1, 2],
}


@pytest.fixture(scope="module")
def scope() -> Scope:
    return Scope({"object": "dyn"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # the language
        ("has(object.spec.replicas) && !has(object.spec.paused)", True),
        ("object.spec.replicas == 3.0 && object.spec.replicas < 3.5 && 1 < 1.5", True),
        ("object.metadata.namespace", "a"),
        ("object.items.map(i, i > 1, i * 2)", [6, 4]),
        ("object.items.exists_one(i, i == 2)", True),
        ("object.?spec.?paused.orValue(false)", False),
        ("[1, 2].all(i, v, v > i)", True),
        ("object.nope == 1 || true", True),
        # strings and sets
        ("'a,b'.split(',').join('-')", "a-b"),
        ("'%s has %d'.format(['web', 3])", "web has 3"),
        ("sets.intersects([1, 2], [2])", True),
        # lists and regex
        ("[1, 2, 3].sum() == 6 && object.items.max() == 3 && !object.items.isSorted()", True),
        ("'abc 123 456'.findAll('[0-9]+')", ["123", "456"]),
        ("'abc'.find('z')", ""),
        # urls
        ("url('https://a.example:8443/p?q=1').getPort()", "8443"),
        ("url('https://a.example/p?q=1&q=2').getQuery()['q']", ["1", "2"]),
        ("isURL('not a url')", False),
        # quantities
        ("quantity('1.5Gi').isGreaterThan(quantity('1G'))", True),
        ("quantity('500m').add(quantity('1500m')) == quantity('2')", True),
        ("quantity('2k').sub(1).asInteger()", 1999),
        ("isQuantity('1Zi')", False),
        # addresses
        ("cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsCIDR('10.0.0.0/7')", True),
        ("cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')", True),
        (
            "ip('::1').isLoopback() && ip('fe80::1').isLinkLocalUnicast() && ip('8.8.8.8').isGlobalUnicast()",
            True,
        ),
        ("ip.isCanonical('::0001')", False),
        ("isIP('::ffff:1.2.3.4')", False),
        # versions
        (
            "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))",
            True,
        ),
        ("semver('v1.2', true).patch()", 0),
        ("isSemver('1.2')", False),
    ],
)
def test_values(scope: Scope, text: str, value: Any) -> None:
    assert scope.compile(text).evaluate({"object": OBJECT}) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "object.(",
            "ERROR: <input>:1:8: Syntax error: no viable alternative at input '.('\n | object.(\n | .......^",
        ),
        (
            "thing.name == 'a'",
            "ERROR: <input>:1:1: undeclared reference to 'thing' (in container '')\n | thing.name == 'a'\n | ^",
        ),
        (
            "1 + 'a' == 'b'",
            "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | 1 + 'a' == 'b'\n | ..^",
        ),
    ],
)
def test_what_is_no_expression(scope: Scope, text: str, message: str) -> None:
    with pytest.raises(CompileError) as refusal:
        scope.compile(text)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("object.spec.paused", "no such key: paused"),
        ("object.items[7]", "index out of bounds: 7"),
        ("1 / 0", "division by zero"),
        ("5 % 0", "modulus by zero"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("object.metadata.name + 1", "no such overload"),
        ("ip('x').family()", 'IP Address "x" parse error during conversion from string'),
    ],
)
def test_what_cannot_be_evaluated(scope: Scope, text: str, message: str) -> None:
    with pytest.raises(EvaluationError) as failure:
        scope.compile(text).evaluate({"object": OBJECT})
    assert str(failure.value) == message


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("1 + 1", "int"),
        ("object.a", "dyn"),
        ("[1]", "list(int)"),
        ("{'a': 1}", "map(string, int)"),
        ("null", "null_type"),
    ],
)
def test_types_as_cel_go_names_them(scope: Scope, text: str, type: str) -> None:
    assert scope.check(text) == type


def test_names_outside_of_texts() -> None:
    assert names("self.a == oldSelf.a", "oldSelf")
    assert not names("self.oldSelf == 'oldSelf' + \"oldSelf\"", "oldSelf")


def test_a_library_that_is_not_here_is_named(scope: Scope) -> None:
    with pytest.raises(CompileError, match="kcsim does not know CEL's format library"):
        scope.compile("!format.dns1123Label().validate(object.metadata.name).hasValue()")


def test_a_world_without_expressions_loads_no_cel() -> None:
    code = (
        "import sys, kcsim\n"
        "sim = kcsim.Simulation(nodes=1, seed=1)\n"
        "sim.run_until('30s')\n"
        "print(*[name for name in sys.modules if name.startswith(('cel_expr_python', 'google', 'kcsim.api.cel.'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["kcsim.api.cel.library"]
