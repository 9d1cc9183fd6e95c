"""What argocd-cm says of comparisons and health, and what in it has no effect."""

from __future__ import annotations

from typing import Any

from kcsim.delivery.gitops.argocd.diff.normalize import KnownField
from kcsim.delivery.gitops.argocd.settings import Configuration, configuration


def read(**data: str) -> tuple[Configuration, list[str]]:
    config_map: dict[str, Any] = {
        "metadata": {"name": "argocd-cm"},
        "data": {k.replace("__", "."): v for k, v in data.items()},
    }
    return configuration(config_map)


def test_comparisons_are_set_for_the_whole_installation() -> None:
    found, absent = read(
        resource__compareoptions="ignoreAggregatedRoles: true\nignoreResourceStatusField: crd\n",
        **{
            "resource__customizations__knownTypeFields__acme.io_Thing": "- field: spec.memory\n  type: core/Quantity\n",
            "resource__customizations__ignoreDifferences__apps_Deployment": "jsonPointers: [/spec/replicas]\n",
            "application__resourceTrackingMethod": "annotation+label",
        },
    )
    assert absent == []
    assert (found.aggregated_roles, found.status_of) == (True, "crd")
    assert found.known == (KnownField("acme.io", "Thing", ("spec", "memory"), "core/Quantity"),)
    assert found.ignored["apps/Deployment"] == {"jsonPointers": ["/spec/replicas"]}
    assert found.tracking.method == "annotation+label"


def test_kinds_can_be_excluded_and_included() -> None:
    found, _ = read(
        resource__exclusions="- apiGroups: ['*']\n  kinds: [Secret]\n  clusters: ['https://a']\n",
        resource__inclusions="- apiGroups: ['apps']\n  kinds: ['*']\n  clusters: ['https://b']\n",
    )
    assert found.excludes("", "Secret", "https://a")
    assert not found.excludes("", "Secret", "https://c")
    assert found.excludes("", "ConfigMap", "https://b")
    assert not found.excludes("apps", "Deployment", "https://b")


def test_what_has_no_effect_is_named() -> None:
    _, absent = read(
        resource__compareoptions="[",
        **{
            "resource__customizations__knownTypeFields__acme.io_Thing": "- {field: spec.x, type: core/v1/Nothing}\n",
            "resource__customizations__health__acme.io_Thing": "return hs",
            "kustomize__buildOptions": "--enable-helm",
        },
    )
    assert (
        "argocd-cm resource.customizations.knownTypeFields.*: type core/v1/Nothing is not modelled" in absent
    )
    assert "argocd-cm resource.customizations.health.acme.io_Thing: Lua is not run" in absent
    assert "argocd-cm kustomize.buildOptions is not modelled" in absent
    assert any(text.startswith("argocd-cm resource.compareoptions:") for text in absent)


def test_values_of_another_shape_are_told_and_do_no_harm() -> None:
    found, absent = read(
        resource__compareoptions="just text",
        **{
            "resource__customizations__knownTypeFields__acme.io_Thing": "[text]",
            "resource__customizations__knownTypeFields__acme.io_Other": "text",
            "resource__customizations__health__acme.io_Thing": "conditions: [{health: Fine}]",
            "resource__customizations__ignoreDifferences__apps_Deployment": "[1]",
        },
    )
    assert found == Configuration()
    assert len(absent) == 5
    assert "argocd-cm resource.compareoptions: it is no object" in absent
