"""Tolerances, as the Chaos Toolkit judges them."""

from __future__ import annotations

import pytest

from kcsim.scenario.experiment.tolerance import problem, within


@pytest.mark.parametrize(
    ("tolerance", "value", "holds"),
    [
        (True, True, True),
        (True, False, False),
        ("ok", "ok", True),
        (200, {"status": 200}, True),
        (200, {"status": 503}, False),
        (3, 3, True),
        ([200, 301], {"status": 301}, True),
        ([200, 301], {"status": 250}, False),
        ([2, 5], 3, True),
        ([2, 5], 6, False),
        (["a", "b", "c"], "b", True),
        ({"type": "range", "range": [1, 2.5]}, 2, True),
        ({"type": "range", "range": [1, 2.5]}, 3, False),
        ({"type": "range", "range": [1, 2], "target": "n"}, {"n": 2}, True),
        ({"type": "regex", "pattern": "^pod/"}, "pod/a", True),
        ({"type": "regex", "pattern": "^pod/", "target": "stdout"}, {"status": 0, "stdout": "pod/a"}, True),
        ({"type": "regex", "pattern": "x"}, "pod/a", False),
        ({"type": "jsonpath", "path": "$.a[*].b", "expect": [1, 2]}, {"a": [{"b": 1}, {"b": 2}]}, True),
        ({"type": "jsonpath", "path": "$.a[0].b", "expect": 2}, {"a": [{"b": 1}]}, False),
        ({"type": "jsonpath", "path": "$.a[*]", "count": 2}, {"a": [1, 2]}, True),
        ({"type": "jsonpath", "path": "$.c"}, {"a": 1}, False),
        ({"type": "jsonpath", "path": "$.a", "target": "stdout"}, {"stdout": '{"a": 1}'}, True),
        ({"type": "jsonpath", "path": "$.a", "target": "stdout"}, {"stdout": "no json"}, False),
    ],
)
def test_a_value_is_within_or_not(tolerance, value, holds):
    assert problem(tolerance) == ""
    assert within(tolerance, value) is holds


@pytest.mark.parametrize(
    ("tolerance", "words"),
    [
        (None, "a tolerance is"),
        ({"type": "regex"}, "needs `pattern`"),
        ({"type": "regex", "pattern": "("}, "cannot be read"),
        ({"type": "jsonpath", "path": ""}, "needs `path`"),
        ({"type": "jsonpath", "path": "$.a[?"}, "cannot be read"),
        ({"type": "range", "range": [1]}, "two numbers"),
        ({"type": "probe"}, "does not run a probe"),
        ({"type": "xpath"}, "there is no tolerance of type 'xpath'"),
    ],
)
def test_a_tolerance_that_is_none_is_told(tolerance, words):
    assert words in problem(tolerance)
