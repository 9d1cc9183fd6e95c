"""Checks of what leads where: Services to pods, Ingresses and HTTPRoutes to Services, programs to the programs they call.

All of it is legal, for the other end may come later; so it is told as a warning, once, where it is written. A circle of
calls is an error: no request would ever be answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kcsim.cluster.routing.ingress import CLASS
from kcsim.cluster.traffic.target import key_of
from kcsim.manifests import Manifest
from kcsim.scenario.contents import Place, at
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.model import Image, Scenario
from kcsim.scenario.port_checks import Strange, of_policy, of_probes
from kcsim.simulation.places import OUTSIDE

Path = tuple[str | int, ...]
Written = Sequence[tuple[Manifest, Place, bool]]
"""Objects with the place of their text, and whether that text is to be checked."""

_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
}


@dataclass(frozen=True, slots=True)
class _Pods:
    """Pods that a manifest makes."""

    namespace: str
    labels: Mapping[str, Any]
    ports: frozenset[str]
    images: frozenset[str]


def check_services(written: Written, scenario: Scenario, report: Report, *, anywhere: bool) -> None:
    """Add what leads nowhere; ``anywhere``: namespaces are changed later on, so those written say nothing."""
    checker = _Checker(written, scenario, report, anywhere)
    for manifest, place, checked in written:
        if not checked:
            continue
        kind = manifest.object.get("kind")
        if kind == "Service":
            checker.service(manifest, place)
        elif kind == "Ingress":
            checker.ingress(manifest, place)
        elif kind == "HTTPRoute":
            checker.route(manifest, place)
        checker.named_ports(manifest, place)
    checker.calls()


class _Checker:
    def __init__(self, written: Written, scenario: Scenario, report: Report, anywhere: bool) -> None:
        self._scenario = scenario
        self._report = report
        self._anywhere = anywhere
        self._pods = [pods for manifest, _, _ in written for pods in _pods_of(manifest.object)]
        self._services = [m.object for m, _, _ in written if m.object.get("kind") == "Service"]
        lines = [entry.kubectl.split(maxsplit=1)[:1] for entry in scenario.timeline if entry.kubectl]
        # What a person makes on the command line has no manifest to look at.
        self._by_hand = any(line in (["create"], ["run"], ["expose"]) for line in lines)

    def _selected(self, service: Mapping[str, Any]) -> list[_Pods]:
        selector = _map(_spec(service).get("selector"))
        space = _namespace(service)
        return [
            pods
            for pods in self._pods
            if (self._anywhere or pods.namespace == space)
            and selector
            and all(pods.labels.get(key) == value for key, value in selector.items())
        ]

    def service(self, manifest: Manifest, place: Place) -> None:
        service = manifest.object
        spec = _spec(service)
        selector = _map(spec.get("selector"))
        if not selector or spec.get("type") == "ExternalName" or self._by_hand:
            return
        name = _name(service)
        found = self._selected(service)
        if not found:
            text = ",".join(f"{key}={value}" for key, value in selector.items())
            others = sorted({f"{k}={v}" for pods in self._pods for k, v in pods.labels.items()})
            remedy = did_you_mean(text, others, "labels of pods")
            self._warn(
                "KC508",
                manifest,
                place,
                ("spec", "selector"),
                f"Service '{name}' selects no pod: no manifest makes one with {text}",
                remedy,
            )
            return
        for index, port in enumerate(_list(spec.get("ports"))):
            wanted = _map(port).get("targetPort")
            if not isinstance(wanted, str):
                continue
            known = sorted({each for pods in found for each in pods.ports})
            if wanted not in known:
                path = ("spec", "ports", index, "targetPort")
                text = f"Service '{name}' leads to port '{wanted}', which no container of its pods has"
                self._warn("KC509", manifest, place, path, text, did_you_mean(wanted, known, "ports"))

    def named_ports(self, manifest: Manifest, place: Place) -> None:
        """Ports that probes and policies name."""
        obj = manifest.object
        steps = _TEMPLATES.get(str(obj.get("kind")))
        strange: Iterator[Strange] = iter(())
        if obj.get("kind") == "NetworkPolicy" and not self._by_hand and not self._anywhere:
            strange = of_policy(obj, [(pods.namespace, pods.labels, pods.ports) for pods in self._pods])
        elif steps is not None:
            template: Any = obj
            for step in steps:
                template = _map(template).get(step)
            strange = of_probes(_spec(_map(template)), (*steps, "spec"))
        for path, port, whose, known in strange:
            text = f"{obj['kind']} '{_name(obj)}' names port '{port}', and {whose}"
            self._warn("KC509", manifest, place, path, text, did_you_mean(port, known, "ports"))

    def ingress(self, manifest: Manifest, place: Place) -> None:
        ingress = manifest.object
        spec = _spec(ingress)
        wanted = spec.get("ingressClassName")
        if any(cluster.ingress for cluster in self._scenario.all_clusters()) and wanted not in (None, CLASS):
            text = f"no controller plays Ingresses of class '{wanted}'"
            remedy = f"Write ingressClassName: {CLASS}."
            self._warn("KC511", manifest, place, ("spec", "ingressClassName"), text, remedy)
        backends: list[tuple[Path, Any]] = [(("spec", "defaultBackend"), spec.get("defaultBackend"))]
        for i, rule in enumerate(_list(spec.get("rules"))):
            paths = _list(_map(_map(rule).get("http")).get("paths"))
            for j, path in enumerate(paths):
                where: Path = ("spec", "rules", i, "http", "paths", j, "backend")
                backends.append((where, _map(path).get("backend")))
        for place_of, backend in backends:
            service = _map(_map(backend).get("service"))
            port = _map(service.get("port"))
            number = port.get("number") or port.get("name")
            if service:
                self._backend(manifest, place, (*place_of, "service"), service.get("name"), number, ("port",))

    def route(self, manifest: Manifest, place: Place) -> None:
        for i, rule in enumerate(_list(_spec(manifest.object).get("rules"))):
            for j, ref in enumerate(_list(_map(rule).get("backendRefs"))):
                backend = _map(ref)
                if backend.get("kind", "Service") == "Service" and not backend.get("namespace"):
                    where = ("spec", "rules", i, "backendRefs", j)
                    self._backend(manifest, place, where, backend.get("name"), backend.get("port"), ("port",))

    def _backend(
        self, manifest: Manifest, place: Place, where: Path, name: Any, port: Any, port_path: Path
    ) -> None:
        space = _namespace(manifest.object)
        here = [s for s in self._services if self._anywhere or _namespace(s) == space]
        found = [s for s in here if _name(s) == name]
        kind = manifest.object["kind"]
        if not found:
            if self._by_hand:
                return
            text = f"{kind} '{_name(manifest.object)}' leads to Service '{name}', and there is none in namespace '{space}'"
            known = sorted({_name(s) for s in here})
            self._warn(
                "KC510", manifest, place, (*where, "name"), text, did_you_mean(str(name), known, "Services")
            )
            return
        ports = [
            p
            for s in found
            for each in _list(_spec(s).get("ports"))
            for p in (_map(each).get("port"), _map(each).get("name"))
        ]
        if port is not None and port not in ports:
            known = [str(each) for each in dict.fromkeys(ports) if each is not None]
            text = f"Service '{name}' has no port {port}"
            self._warn(
                "KC510", manifest, place, (*where, *port_path), text, did_you_mean(str(port), known, "ports")
            )

    def _warn(self, code: str, manifest: Manifest, place: Place, path: Path, text: str, remedy: str) -> None:
        self._report.add(code, place(*manifest.positions.of(path)), text, remedy)

    # --- calls --------------------------------------------------------------------------------------------------

    def calls(self) -> None:
        """Follow the calls of images through Services to the images behind them."""
        ways: dict[str, list[tuple[str, Image, int]]] = {}
        for image in self._scenario.images:
            for index, url in enumerate(_urls(image)):
                ways.setdefault(image.name, []).extend(
                    (target, image, index) for target in self._called(image, index, url)
                )
        for cycle, image, index in _circles(ways):
            text = f"calls go in a circle: {' > '.join(cycle)}"
            self._report.add("KC512", at(image, "calls", index), text)

    def _called(self, image: Image, index: int, url: str) -> list[str]:
        """The images behind the Service that a call names; tells when there is none."""
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            return []  # told where images are checked
        homes = sorted({pods.namespace for pods in self._pods if image.name in pods.images})
        found: list[str] = []
        missing = []
        for home in homes:
            key = key_of(host, home)
            if key is None or host in OUTSIDE:
                return []  # a name of the internet
            services = [
                s
                for s in self._services
                if _name(s) == key[1] and (self._anywhere or _namespace(s) == key[0])
            ]
            if not services:
                missing.append("/".join(key))
            for service in services:
                found.extend(name for pods in self._selected(service) for name in pods.images)
        if missing and not found and not self._by_hand:
            known = sorted({_name(s) for s in self._services})
            text = f"image '{image.name}' calls {url}, and no manifest makes a Service {missing[0]}"
            self._report.add("KC513", at(image, "calls", index), text, did_you_mean(host, known, "Services"))
        return sorted(set(found))


def _circles(
    ways: Mapping[str, Sequence[tuple[str, Image, int]]],
) -> Iterator[tuple[list[str], Image, int]]:
    """Each circle once, from the image of it that comes first, with the call that closes it."""
    done: set[str] = set()
    told: set[frozenset[str]] = set()

    def walk(name: str, path: list[str]) -> Iterator[tuple[list[str], Image, int]]:
        for target, image, index in ways.get(name, ()):
            if target in path:
                circle = path[path.index(target) :]
                if frozenset(circle) not in told:
                    told.add(frozenset(circle))
                    yield [*circle, target], image, index
            elif target not in done:
                yield from walk(target, [*path, target])
        done.add(name)

    for name in ways:
        if name not in done:
            yield from walk(name, [name])


def _urls(image: Image) -> list[str]:
    return [call if isinstance(call, str) else call.to for call in image.calls]


def _pods_of(obj: Mapping[str, Any]) -> Iterator[_Pods]:
    steps = _TEMPLATES.get(str(obj.get("kind")))
    if steps is None:
        return
    template: Any = obj
    for step in steps:
        template = _map(template).get(step)
    labels = _map(_map(_map(template).get("metadata")).get("labels"))
    containers = [_map(each) for each in _list(_spec(_map(template)).get("containers"))]
    containers += [_map(each) for each in _list(_spec(_map(template)).get("initContainers"))]
    ports = {
        str(_map(port).get("name"))
        for c in containers
        for port in _list(c.get("ports"))
        if _map(port).get("name")
    }
    images = {str(c.get("image")) for c in containers}
    yield _Pods(_namespace(obj), labels, frozenset(ports), frozenset(images))


def _spec(obj: Mapping[str, Any]) -> dict[str, Any]:
    return _map(obj.get("spec"))


def _name(obj: Mapping[str, Any]) -> str:
    return str(_map(obj.get("metadata")).get("name", ""))


def _namespace(obj: Mapping[str, Any]) -> str:
    return str(_map(obj.get("metadata")).get("namespace") or "default")


def _map(value: Any) -> dict[str, Any]:
    """The value, if it is a map: manifests are checked here before their schema is known to hold."""
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
