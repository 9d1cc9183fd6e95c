"""What differs between two values, leaf by leaf."""

import pytest

from kcsim.simulation.leaves import differences


def told(before, after):
    return [(leaf.path, leaf.before, leaf.after) for leaf in differences(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, [("a.c", None, 2)]),
        ({"a": {"b": {"c": 1}}}, {}, [("a.b.c", 1, None)]),
        ({"x.y/z": 1}, {"x.y/z": 2}, [('["x.y/z"]', 1, 2)]),
        ({"a": {"x.y/z": 1}}, {"a": {}}, [('a["x.y/z"]', 1, None)]),
        (
            {"c": [{"name": "web", "image": "1"}, {"name": "log", "image": "1"}]},
            {"c": [{"name": "web", "image": "2"}, {"name": "log", "image": "1"}]},
            [("c[web].image", "1", "2")],
        ),
        ({"c": [{"name": "a"}]}, {"c": [{"name": "a"}, {"name": "b"}]}, [("c[b].name", None, "b")]),
        ({"c": [{"type": "Ready", "status": "True"}]}, {"c": [{"type": "Ready", "status": "False"}]}, [("c[Ready].status", "True", "False")]),
        ({"c": [1, 2]}, {"c": [1, 3]}, [("c", [1, 2], [1, 3])]),
        ({"c": [{"name": "a"}, {"name": "a"}]}, {"c": []}, [("c", [{"name": "a"}, {"name": "a"}], [])]),
        (None, {"a": 1}, [("", None, {"a": 1})]),
    ],
)  # fmt: skip
def test_differences(before, after, wanted):
    assert told(before, after) == wanted
