"""Controllers that tests of the testing kit bring along; scenarios name them by this file."""

from __future__ import annotations

from contextlib import suppress
from time import sleep
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Result
from kcsim.api.objects import Object
from kcsim.engine.clock import SECOND
from kcsim.testing.controller import Declarative, Operator


class WebApps(Declarative):
    """A Deployment and a Service for each WebApp, and what its status says of them."""

    name = "webapps"
    watches = "webapps.example.com"
    owns = ("deployments.apps", "services")
    rules = (
        {"apiGroups": ["example.com"], "resources": ["webapps", "webapps/status"], "verbs": ["*"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["services"], "verbs": ["*"]},
    )

    def desired(self, obj: Object, observed: dict[str, list[Object]]) -> list[Object]:
        del observed
        name, spec = objects.name(obj), obj["spec"]
        labels = {"app": name}
        pod = {"containers": [{"name": "web", "image": spec["image"]}]}
        template = {"metadata": {"labels": labels}, "spec": pod}
        deployment = {
            "replicas": spec["replicas"],
            "selector": {"matchLabels": labels},
            "template": template,
        }
        made = [
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": deployment}
        ]
        if spec.get("exposed", True):
            ports = {"selector": labels, "ports": [{"port": 80}]}
            made.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": ports})
        return made

    def status(self, obj: Object, observed: dict[str, list[Object]]) -> Object:
        del obj
        found = observed["deployments.apps"]
        return {"ready": sum((each.get("status") or {}).get("readyReplicas", 0) for each in found)}


class Archives(Declarative):
    """A claim for each Archive, with a finalizer that cleans up what no owner reference covers."""

    name = "archives"
    watches = "archives.example.com"
    owns = ("configmaps",)
    finalizer = "example.com/archives"

    def desired(self, obj: Object, observed: dict[str, list[Object]]) -> list[Object]:
        del observed
        return [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": objects.name(obj)},
                "data": {"a": "1"},
            }
        ]

    def cleanup(self, obj: Object, observed: dict[str, list[Object]]) -> list[tuple[str, Object]]:
        del obj
        return [("configmaps", each) for each in observed["configmaps"]]


class Raising(Operator):
    """Fails on every object that has no size."""

    name = "raising"
    watches = "webapps.example.com"

    def sync(self, obj: Object) -> Any:
        labels = {"size": obj["spec"]["size"]}
        yield self.client.patch(self.watches, *objects.key(obj), {"metadata": {"labels": labels}})


class Spinning(Operator):
    """Asks for its object again at once, for ever."""

    name = "spinning"
    watches = "webapps.example.com"

    def sync(self, obj: Object) -> Result:
        del obj
        return Result(requeue_after=1)


class Restless(Operator):
    """Writes the time into its object every half minute."""

    name = "restless"
    watches = "webapps.example.com"

    def sync(self, obj: Object) -> Any:
        now, period = self.component.engine.now, 30 * SECOND
        if now - int(objects.annotations(obj).get("seen", -period)) >= period:
            annotations = {"seen": str(now)}
            yield self.client.patch(
                self.watches, *objects.key(obj), {"metadata": {"annotations": annotations}}
            )
        return Result(requeue_after=period)


class Crowd(Operator):
    """As many ConfigMaps as its object asks for, each with a name of its own."""

    name = "crowd"
    watches = "webapps.example.com"
    owns = ("configmaps",)

    def sync(self, obj: Object) -> Any:
        for number in range(obj["spec"]["replicas"]):
            name = f"{objects.name(obj)}-{number}"
            if self.child(obj, "configmaps", name) is None:
                metadata = {
                    "name": name,
                    "namespace": objects.namespace(obj),
                    "ownerReferences": [objects.owner_reference(obj)],
                }
                body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
                yield self.client.patch(
                    "configmaps", objects.namespace(obj), name, body, type="apply", force=True
                )


def web_app(name: str = "web", **spec: Any) -> Object:
    """A WebApp."""
    return {
        "apiVersion": "example.com/v1",
        "kind": "WebApp",
        "metadata": {"name": name},
        "spec": {"image": "web:1", "replicas": 2, **spec},
    }


class Mutating(Operator):
    """Changes in place what it was given, and sends it back: an object of its cache, and an answer."""

    name = "mutating"
    watches = "webapps.example.com"
    owns = ("configmaps",)

    def sync(self, obj: Object) -> Any:
        if "seen" not in obj["spec"]:
            obj["spec"]["seen"] = True
            yield self.client.update(self.watches, obj)
        live = yield self.client.get("configmaps", "default", "others")
        if live["data"]["mine"] != "yes":
            live["data"]["mine"] = "yes"
            yield self.client.update("configmaps", live)
            live["data"]["mine"] = "no more"


class BadHandler(Operator):
    """Its event handler raises on every ConfigMap."""

    name = "bad-handler"
    watches = "webapps.example.com"
    owns = ("configmaps",)

    def owner_of(self, child: Object) -> Any:
        return child["metadata"]["labels"]["owner"]

    def sync(self, obj: Object) -> Any:
        if "ready" not in (obj.get("status") or {}):
            yield self.client.patch(
                self.watches, *objects.key(obj), {"status": {"ready": 1}}, subresource="status"
            )


class YieldsANumber(Operator):
    """Waits for something that nobody can wait for."""

    name = "yields-a-number"
    watches = "webapps.example.com"

    def sync(self, obj: Object) -> Any:
        del obj
        yield 42


class ReturnsANumber(Operator):
    """Gives a result that is none."""

    name = "returns-a-number"
    watches = "webapps.example.com"

    def sync(self, obj: Object) -> Any:
        del obj
        return 42


class Endless(Operator):
    """Asks again and again within one reconcile."""

    name = "endless"
    watches = "webapps.example.com"

    def sync(self, obj: Object) -> Any:
        del obj
        while True:
            yield self.client.get("namespaces", "", "default")


class NoSetup(Operator):
    """Cannot be started."""

    name = "no-setup"
    watches = "webapps.example.com"

    def setup(self, component: Any) -> None:
        del component
        raise RuntimeError("no key")


class Hanging(Operator):
    """Loops without an end and without a pause, by the word of the WebApp's ``spec.image``, and by its kind of loop."""

    name = "hanging"
    watches = "webapps.example.com"
    patience = 0.3

    def setup(self, component: Component) -> None:
        super().setup(component)
        self.primary.on_change(self._handle)

    def _handle(self, old: Object | None, new: Object | None) -> None:
        del old
        while new is not None and new["spec"]["image"] == "in a handler":
            pass

    def sync(self, obj: Object) -> Outcome | None:
        image = obj["spec"]["image"]
        if image == "at once":
            while True:
                pass
        return self._later(obj, image)

    def _later(self, obj: Object, image: str) -> Outcome:
        yield self.client.get(self.watches, *objects.key(obj))
        while image == "after a call":
            obj = dict(obj)
        while image == "stubborn":
            with suppress(BaseException):
                sleep(0.001)
            try:
                sleep(0.001)
            except:  # noqa: E722 - somebody will
                obj = dict(obj)
        return None


class Waking(Hanging):
    """Hangs when it looks again, once the WebApp has grown."""

    name = "waking"

    def sync(self, obj: Object) -> Result:
        while obj["spec"]["replicas"] > 1:
            pass
        return Result(requeue_after=SECOND)
