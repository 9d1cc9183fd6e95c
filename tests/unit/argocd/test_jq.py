"""Paths of jq: which places an expression names, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.delivery.gitops.argocd.diff import jq

OBJ: dict[str, Any] = {
    "metadata": {"annotations": {"a.io/x": "1", "b": "2"}, "name": "web"},
    "spec": {
        "replicas": 3,
        "containers": [
            {"name": "web", "image": "web:1", "env": [{"name": "A"}, {"name": "B", "value": "2"}]},
            {"name": "istio-proxy", "image": "istio:9"},
        ],
    },
    "webhooks": [{"clientConfig": {"caBundle": "x"}}, {"clientConfig": {}}],
}


@pytest.mark.parametrize(
    ("expression", "places"),
    [
        (".spec.replicas", [("spec", "replicas")]),
        ('.metadata.annotations["a.io/x"]', [("metadata", "annotations", "a.io/x")]),
        ('.metadata.annotations."a.io/x"', [("metadata", "annotations", "a.io/x")]),
        ('."metadata".name', [("metadata", "name")]),
        (".webhooks[].clientConfig.caBundle", [("webhooks", i, "clientConfig", "caBundle") for i in (0, 1)]),
        (".webhooks[]?.clientConfig.caBundle", [("webhooks", i, "clientConfig", "caBundle") for i in (0, 1)]),
        (".webhooks[1]", [("webhooks", 1)]),
        (".webhooks[-1]", [("webhooks", -1)]),
        (".webhooks[1:]", [("webhooks", 1)]),
        ('.spec.containers[] | select(.name == "istio-proxy")', [("spec", "containers", 1)]),
        (
            '.spec.containers[] | select(.name | startswith("istio")).image',
            [("spec", "containers", 1, "image")],
        ),
        (
            '.spec.containers[] | select(.name != "web" and (.image | test("^istio:")))',
            [("spec", "containers", 1)],
        ),
        (
            ".spec.containers[] | select(.env | length > 1) | .env[0].name",
            [("spec", "containers", 0, "env", 0, "name")],
        ),
        ('.spec.containers[]?.env[]? | select(.value == "2")', [("spec", "containers", 0, "env", 1)]),
        ('.spec.containers[] | select(has("env") | not)', [("spec", "containers", 1)]),
        (".spec.replicas, .metadata.name", [("spec", "replicas"), ("metadata", "name")]),
        ("(.spec, .metadata).replicas", [("spec", "replicas"), ("metadata", "replicas")]),
        (".nothing.here", [("nothing", "here")]),
        (".nothing[]?", []),
    ],
)
def test_places(expression: str, places: list[tuple[Any, ...]]) -> None:
    assert jq.paths(expression, OBJ) == places


def test_recursion_names_every_place_below() -> None:
    found = jq.paths(".. | .caBundle?", OBJ)
    assert ("webhooks", 0, "clientConfig", "caBundle") in found
    assert "x" not in str(jq.delete(OBJ, found)["webhooks"])


def test_what_is_deleted_is_gone_and_nothing_else() -> None:
    left = jq.delete(OBJ, jq.paths('.spec.containers[] | select(.name == "web")', OBJ))
    assert [c["name"] for c in left["spec"]["containers"]] == ["istio-proxy"]
    assert jq.delete(OBJ, jq.paths(".webhooks[-1]", OBJ))["webhooks"] == [OBJ["webhooks"][0]]
    assert jq.delete(OBJ, jq.paths(".nothing.here", OBJ)) == OBJ
    assert OBJ["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    "expression", [".spec.replicas[]", ".spec.replicas.x", ".metadata[0]", ".webhooks.x"]
)
def test_an_object_of_another_shape_is_an_error_of_evaluation(expression: str) -> None:
    with pytest.raises(jq.EvaluationError):
        jq.paths(expression, OBJ)
    assert jq.paths(f"({expression})?", OBJ) == []


@pytest.mark.parametrize("expression", [".spec.replicas == 3", '"text"', ".spec | length"])
def test_a_value_is_no_path(expression: str) -> None:
    with pytest.raises(jq.EvaluationError, match="invalid path expression"):
        jq.paths(expression, OBJ)


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        (".a | $x", "'$'"),
        ("reduce .[] as $x (0; .)", "'reduce'"),
        (".a + 1", "'+'"),
        (".a | map(.b)", "'map'"),
        (".a[.b]", "'.b'"),
        ("{a: 1}", "'{'"),
        (".a |", "'its end'"),
        (".a)", "')'"),
        (".a[] | select(any(.b[]; .))", "';'"),
    ],
)
def test_what_is_not_modelled_is_named(expression: str, part: str) -> None:
    with pytest.raises(jq.UnsupportedExpressionError, match="not modelled from") as error:
        jq.compile_path(expression)
    assert part in str(error.value)
