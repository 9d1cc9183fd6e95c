"""The life of a CustomResourceDefinition: names, serving, scale, and its end."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.request import ADMIN
from kcsim.api.scale import scale_faults, scale_of
from kcsim.api.server import ApiServer
from kcsim.api.status import StatusError
from kcsim.engine.core import Engine
from kcsim.network.topology import Network

DEFINITIONS = "customresourcedefinitions"


@pytest.fixture
def world():
    engine = Engine(seed=1)
    server = ApiServer(engine, checking=True)
    network = Network()
    network.add_host("control-plane", kind="control-plane")
    endpoint = Endpoint(engine, network, server, "control-plane")
    client = DirectClient(endpoint, ADMIN, "control-plane", user_agent="test")
    client.now(client.create("namespaces", {"metadata": {"name": "shop"}}))
    return engine, server, client


def definition(plural="widgets", kind="Widget", short=(), scale=None, **spec):
    names = {"plural": plural, "singular": kind.lower(), "kind": kind}
    if short:
        names["shortNames"] = list(short)
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    if scale:
        version["subresources"] = {"scale": scale}
    metadata = {"name": f"{plural}.shop.example"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": "shop.example",
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
            **spec,
        },
    }


def custom(name="one", kind="Widget", **more):
    metadata = {"name": name, "namespace": "shop", **more.pop("metadata", {})}
    return {"apiVersion": "shop.example/v1", "kind": kind, "metadata": metadata, **more}


def conditions(client, name="widgets.shop.example"):
    found = client.now(client.get(DEFINITIONS, "", name))
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in found["status"]["conditions"] or ()}


class TestNames:
    def test_the_answer_comes_before_the_names_are_accepted(self, world):
        _, _, client = world
        made = client.now(client.create(DEFINITIONS, definition()))
        assert made["status"] == {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": ["v1"],
        }
        assert conditions(client) == {
            "NamesAccepted": ("True", "NoConflicts", "no conflicts found"),
            "Established": ("True", "InitialNamesAccepted", "the initial names have been accepted"),
        }

    def test_names_that_are_taken_keep_a_definition_out_until_they_are_free(self, world):
        _, _, client = world
        client.now(client.create(DEFINITIONS, definition(short=("w",))))
        client.now(client.create(DEFINITIONS, definition("wheels", "Wheel", short=("w", "wh"))))
        found = conditions(client, "wheels.shop.example")
        assert found["NamesAccepted"] == ("False", "ShortNamesConflict", '"w" is already in use')
        assert found["Established"] == ("False", "NotAccepted", "not all names are accepted")
        with pytest.raises(StatusError, match="could not find the requested resource"):
            client.resource("wheels.shop.example")
        client.now(client.delete(DEFINITIONS, "", "widgets.shop.example"))
        assert conditions(client, "wheels.shop.example")["Established"][0] == "True"
        client.now(client.create("wheels.shop.example", custom(kind="Wheel")))

    def test_a_taken_kind(self, world):
        _, _, client = world
        client.now(client.create(DEFINITIONS, definition()))
        client.now(client.create(DEFINITIONS, definition("others", "Widget", singular="x")))
        assert conditions(client, "others.shop.example")["NamesAccepted"][1] in {
            "SingularConflict",
            "KindConflict",
            "ListKindConflict",
        }

    def test_a_dry_run_serves_nothing(self, world):
        _, server, client = world
        client.now(client.create(DEFINITIONS, definition(), dry_run=True))
        assert server.catalog.find("shop.example", "v1", "widgets") is None

    def test_a_new_storage_version_joins_those_stored(self, world):
        _, _, client = world
        made = definition()
        client.now(client.create(DEFINITIONS, made))
        version = made["spec"]["versions"][0]
        both = [{**version, "storage": False}, {**version, "name": "v2"}]
        patch = {"spec": {"versions": both}}
        client.now(client.patch(DEFINITIONS, "", "widgets.shop.example", patch))
        found = client.now(client.get(DEFINITIONS, "", "widgets.shop.example"))
        assert found["status"]["storedVersions"] == ["v1", "v2"]


class TestEnd:
    def test_objects_go_first(self, world):
        _, server, client = world
        client.now(client.create(DEFINITIONS, definition()))
        client.now(client.create("widgets.shop.example", custom()))
        widgets = client.resource("widgets.shop.example")
        watch = server.log.watch(widgets, lambda: None)
        answer = client.now(client.delete(DEFINITIONS, "", "widgets.shop.example"))
        assert objects.is_deleting(answer)
        assert answer["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
        assert [kind for kind, _ in watch.take()] == ["DELETED"]
        assert client.now(client.list(DEFINITIONS, ""))["items"] == []
        assert server.catalog.find("shop.example", "v1", "widgets") is None

    def test_a_held_object_holds_its_definition(self, world):
        engine, server, client = world
        client.now(client.create(DEFINITIONS, definition()))
        held = custom(metadata={"finalizers": ["shop.example/held"]})
        client.now(client.create("widgets.shop.example", held))
        client.now(client.delete(DEFINITIONS, "", "widgets.shop.example"))
        engine.run_until(12_000_000)
        assert conditions(client)["Terminating"] == (
            "True",
            "InstanceDeletionInProgress",
            "CustomResource deletion is in progress",
        )
        with pytest.raises(
            StatusError, match="not allowed while custom resource definition is terminating"
        ) as refused:
            client.now(client.create("widgets.shop.example", custom("two")))
        assert refused.value.code == 405
        free = {"metadata": {"finalizers": None}}
        client.now(client.patch("widgets.shop.example", "shop", "one", free))
        engine.run_until(20_000_000)
        assert client.now(client.list(DEFINITIONS, ""))["items"] == []
        assert server.catalog.find("shop.example", "v1", "widgets") is None


PATHS = {
    "specReplicasPath": ".spec.size.wanted",
    "statusReplicasPath": ".status.here",
    "labelSelectorPath": ".status.of",
}
WHERE = ".spec.size.wanted"


class TestScale:
    def resource(self, client):
        client.now(client.create(DEFINITIONS, definition(scale=PATHS)))
        return client.resource("widgets.shop.example")

    def test_paths_of_the_definition_are_read(self, world):
        _, _, client = world
        resource = self.resource(client)
        obj = custom(spec={"size": {"wanted": 3}}, status={"here": 2, "of": "app=web"})
        scale = scale_of(resource, obj)
        assert (scale["spec"], scale["status"]) == ({"replicas": 3}, {"replicas": 2, "selector": "app=web"})

    @pytest.mark.parametrize(
        ("spec", "fault"),
        [
            ({"size": {"wanted": -1}}, "Invalid value: -1: should be a non-negative integer"),
            (
                {"size": {"wanted": 1 << 31}},
                "Invalid value: 2147483648: should be less than or equal to 2147483647",
            ),
            (
                {"size": "big"},
                f"Invalid value: 0: {WHERE} accessor error: big is of the type string, expected map[string]interface{{}}",
            ),
            (
                {"size": {"wanted": "3"}},
                f"Invalid value: 0: {WHERE} accessor error: 3 is of the type string, expected int64",
            ),
            ({}, ""),
        ],
    )
    def test_what_is_no_number_is_refused(self, world, spec, fault):
        resource = self.resource(world[2])
        found = [str(each) for each in scale_faults(resource.scale, custom(spec=spec))]
        assert found == ([f"{WHERE}: {fault}"] if fault else [])


class TestChanges:
    def test_objects_and_watchers_outlive_a_change_of_their_definition(self, world):
        _, server, client = world
        client.now(client.create(DEFINITIONS, definition()))
        client.now(client.create("widgets.shop.example", custom()))
        watch = server.log.watch(client.resource("widgets.shop.example"), lambda: None)
        shorter = {"spec": {"names": {**definition()["spec"]["names"], "shortNames": ["w"]}}}
        client.now(client.patch(DEFINITIONS, "", "widgets.shop.example", shorter))
        found = client.now(client.list("widgets.shop.example", "shop"))["items"]
        assert [objects.name(obj) for obj in found] == ["one"]
        client.now(client.create("w", custom("two")))
        assert [version.key[1] for _, version in watch.take()] == ["two"]

    def test_a_new_storage_version_takes_the_objects_along(self, world):
        _, _, client = world
        made = definition()
        client.now(client.create(DEFINITIONS, made))
        client.now(client.create("widgets.shop.example", custom(spec={"size": 1})))
        version = made["spec"]["versions"][0]
        both = [{**version, "storage": False}, {**version, "name": "v2"}]
        client.now(client.patch(DEFINITIONS, "", "widgets.shop.example", {"spec": {"versions": both}}))
        for name in ("v1", "v2"):
            resource = client.resource(f"widgets.{name}.shop.example")
            found = client.now(client.get(resource, "shop", "one"))
            assert (found["apiVersion"], found["spec"]) == (f"shop.example/{name}", {"size": 1})
