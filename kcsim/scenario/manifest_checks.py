"""Checks of the manifests a story commits and applies: syntax, schema, kinds, images; and what objects there will be.

Every state of every repository is looked at, each file text once. A fault is told where its line is written, be it in a
block of the scenario file or in a file of a folder. Files that only kustomize reads (patches) are left to kustomize.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kcsim import manifests
from kcsim.api.catalog import Catalog
from kcsim.api.ip_families import family_of
from kcsim.api.resources import GVK, Resource, gvk_of
from kcsim.api.schemas.check import Fault, find_faults
from kcsim.api.schemas.definitions import definition
from kcsim.cluster.routing.attach import GROUP as GATEWAY_GROUP
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.events import NOTIFICATION_CONTROLLER
from kcsim.scenario.charts import in_charts
from kcsim.scenario.contents import Contents, Place, Text, at, is_below, key_at
from kcsim.scenario.diagnostics import Position, Report, did_you_mean
from kcsim.scenario.functions import AGENT_RESOURCES
from kcsim.scenario.model import ArgoCD, Delivery, Flux, Part, Push, Scenario, TimelineEntry
from kcsim.scenario.rule_checks import refused
from kcsim.scenario.service_checks import Written, check_services
from kcsim.scenario.standing import given_to
from kcsim.scenario.standing import standing as standing_in
from kcsim.scenario.yamltree import Scalar, parse_all

KUSTOMIZATION_FILES: Final = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_KUSTOMIZE_GROUP: Final = "kustomize.config.k8s.io"

ACTED_ON: Final = frozenset(
    {
        "Namespace", "Node", "Pod", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "ControllerRevision",
        "Job", "CronJob", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service", "Endpoints", "EndpointSlice", "Lease", "Event",
        "ConfigMap", "Secret", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding",
        "CustomResourceDefinition", "ResourceQuota", "LimitRange", "PriorityClass",
        "RuntimeClass", "Ingress", "IngressClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
        "NetworkPolicy", "StorageClass", "PersistentVolume", "PersistentVolumeClaim", "VolumeAttachment",
    }
)  # fmt: skip
"""Kinds of Kubernetes that something in kcsim acts on or that need nobody to; all others are stored, and the user is told so."""
_AGENTS: Final = frozenset(resource.group for resource in AGENT_RESOURCES)

_SERVED_BY: Final = {
    (crd["spec"]["group"], crd["spec"]["names"]["kind"]): component
    for component in install.IMAGES
    if component not in install.COMPONENTS
    for crd in install.definitions(component)
}
"""Which further component of Flux has to be there for a kind, by (group, kind)."""

_TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": ("spec",),
    "Deployment": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
"""Where each workload kind keeps its pod spec."""


@dataclass(slots=True)
class Objects:
    """What the story's manifests define, over all its moments; the sets only grow."""

    named: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """(kind, name) -> namespaces it is written in."""
    services: dict[tuple[str, str], list[Mapping[str, Any]]] = field(default_factory=dict)
    """(namespace, name) -> Services of that name as written."""
    images: set[str] = field(default_factory=set)
    open_ended: bool = False
    """Something comes from where the checks cannot look: a clone, a remote base."""
    placeless: bool = False
    """A manifest names no namespace: who delivers it says where it goes."""
    renamed: bool = False
    """kustomize or Flux changes names or namespaces, so those written are not those that will be."""


def check_manifests(
    scenario: Scenario, contents: Mapping[str, Contents], catalog: Catalog, report: Report
) -> Objects:
    """Check every manifest of the story and tell what objects it defines; CRDs found are added to the catalog."""
    checker = _Checker(scenario, catalog, report)
    texts: list[Text] = []
    for each in contents.values():
        if each.files is None:
            checker.objects.open_ended = True
        else:
            checker.objects.open_ended |= each.written_by_pipelines
            texts.extend(_manifest_files(scenario, each, checker.objects, report))
    texts.extend(
        Text(entry.apply, _applied_place(entry)) for entry in scenario.timeline if entry.apply is not None
    )
    checker.check(texts)
    if any(_renames(way, checker.objects) for way in scenario.deliveries.values()) or any(
        environment.namespace for environment in scenario.environments
    ):
        checker.objects.renamed = True
    if not checker.objects.open_ended:
        check_services(checker.written, scenario, report, anywhere=checker.objects.renamed)
    return checker.objects


def _renames(way: Delivery, objects: Objects) -> bool:
    """Whether a delivery puts objects into other namespaces than those written, or under other names."""
    if isinstance(way, Push):
        return way.deploy.namespace is not None
    if isinstance(way, ArgoCD):
        elsewhere = bool(way.objects) or any(each.namespace != "default" for each in way.all_applications())
        return objects.placeless and elsewhere
    given = (each.get("spec") for each in way.objects if isinstance(each, dict))
    return any(each.target_namespace for each in way.all_kustomizations()) or any(
        spec.get(field) for spec in given if isinstance(spec, dict) for field in _RENAMING
    )


_RENAMING: Final = ("targetNamespace", "namePrefix", "nameSuffix", "postBuild", "patches", "components")


def _applied_place(entry: TimelineEntry) -> Place:
    node = entry.source.child("apply") if entry.source is not None else None
    if isinstance(node, Scalar):
        return node.inside
    position = at(entry)
    return lambda _line, _column: position


# Which files are manifests.


def _manifest_files(
    scenario: Scenario, contents: Contents, objects: Objects, report: Report
) -> Iterator[Text]:
    """Each distinct text that a delivery would apply, in the order of the story."""
    seen: set[tuple[str, str]] = set()
    folders = _folders(scenario, contents)
    missing = dict(folders)
    for state in contents.states:
        kustomizations = [path for path in sorted(state) if posixpath.basename(path) in KUSTOMIZATION_FILES]
        resources = _resources(kustomizations, state, objects)
        for path, file in sorted(state.items()):
            if not path.endswith((".yaml", ".yml")):
                continue
            here = [folder for folder in folders if is_below(path, folder) or path == folder]
            for folder in here:
                missing.pop(folder, None)
            if (
                not here
                or path in kustomizations
                or (kustomizations and path not in resources)
                or (path, file.text) in seen
            ):
                continue
            seen.add((path, file.text))
            yield file
    repo = contents.repository
    # Buckets may hold all of it, and what pipelines write is known when they run.
    if not scenario.buckets and not contents.written_by_pipelines and not repo.broken_on_purpose:
        others = [
            each
            for each in _directories(contents.states[0] if contents.states else {})
            if each not in folders
        ]
        for folder, position in missing.items():
            message = f"repository '{repo.name}' holds no YAML file below '{folder}'"
            report.add("KC506", position, message, did_you_mean(folder, others, "other folders"))


def _folders(scenario: Scenario, contents: Contents) -> dict[str, Position]:
    """The folders of a repository that deliveries apply, and where each is first named."""
    repo = contents.repository
    found: dict[str, Position] = {}

    def note(part: Part, path: str | None) -> None:
        where, named = (repo, repo.path or ".") if path is None else (part, path)
        found.setdefault(named, at(where, "path"))

    for way in scenario.deliveries.values():
        for each in way.pipelines:
            mine = scenario.repository_named(each.repository or way.repository)
            if each.deploy is not None and mine is repo:
                note(each, each.path)
    delivered = [scenario.repository_named(way.repository) for way in scenario.deliveries.values()]
    if repo not in delivered and (found or contents.is_built):
        return dict(sorted(found.items()))
    if scenario.environments:
        # Those that are not there are told where environments are checked.
        there = {path for state in contents.states for path in state}
        named = {each.path: at(each, "path") for each in scenario.environments}
        known = {
            folder: place for folder, place in named.items() if any(is_below(path, folder) for path in there)
        }
        return dict(sorted((known or named).items()))
    for way in scenario.deliveries.values():
        mine = scenario.repository_named(way.repository)
        if mine is None or mine.name != repo.name:
            continue
        if isinstance(way, Push):
            note(way, way.path)
        else:
            for part in way.all_kustomizations() if isinstance(way, Flux) else way.all_applications():
                note(part, part.path)
    if not found:
        note(repo, None)
    return dict(sorted(found.items()))


def _directories(state: Mapping[str, Text]) -> list[str]:
    return sorted({posixpath.dirname(path) or "." for path in state})


def _resources(kustomizations: list[str], state: Mapping[str, Text], objects: Objects) -> set[str]:
    """Files that kustomization files list as resources: whole objects, unlike patches."""
    listed: set[str] = set()
    for path in kustomizations:
        data = _plain(state[path].text)
        if any(
            data.get(key)
            for key in ("namePrefix", "nameSuffix", "namespace", "images", "replacements", "components")
        ):
            objects.renamed = True
        for resource in data.get("resources") or ():
            if not isinstance(resource, str):
                continue
            if "://" in resource or resource.startswith("git@"):
                objects.open_ended = True
            listed.add(posixpath.normpath(posixpath.join(posixpath.dirname(path), resource)))
        if any(
            data.get(key) for key in ("configMapGenerator", "secretGenerator", "helmCharts", "components")
        ):
            objects.open_ended = True
    return listed


def _plain(text: str) -> dict[str, Any]:
    """A YAML map as data; empty when it is none (kustomize says so at run time, as in reality)."""
    for tree in parse_all(text, "", Report()):
        value = tree.value()
        return value if isinstance(value, dict) else {}
    return {}


# What is wrong with them.


@dataclass(slots=True)
class _Checker:
    scenario: Scenario
    catalog: Catalog
    report: Report
    objects: Objects = field(default_factory=Objects)
    written: Written = ()
    families: tuple[str, ...] = field(init=False)
    components: frozenset[str] = field(init=False)
    """Of Flux, beside those that are always installed; all of them where objects may bring them along."""

    def __post_init__(self) -> None:
        ways = [way for way in self.scenario.deliveries.values() if isinstance(way, Flux)]
        installed: set[str] = {name for way in ways for name in way.components}
        if any(way.receiver for way in ways):
            installed.add(NOTIFICATION_CONTROLLER)
        self.components = frozenset(installed if ways else _SERVED_BY.values())
        plans = [cluster.network for cluster in self.scenario.all_clusters()]
        self.families = tuple(dict.fromkeys(family_of(cidr) for plan in plans for cidr in plan.service_cidrs))

    def check(self, texts: list[Text]) -> None:
        standing = [each for cluster in self.scenario.all_clusters() for each in standing_in(cluster)]
        standing += in_charts(self.scenario)
        self.written = [
            *((manifest, place, True) for manifest, place in standing),
            *((found, file.place, file.checked) for file in texts for found in self.read(file)),
        ]
        for manifest, _, _ in self.written:
            self.add_definition(manifest.object)
        for manifest, place in given_to(self.scenario):
            # Kinds that nobody serves; all else the API server says when the object is created (KC516).
            if definition(gvk_of(manifest.object)) is None:
                self.check_object(manifest, place)
        for manifest, place, checked in self.written:
            self.note(manifest.object)
            if checked:
                self.check_object(manifest, place)

    def read(self, file: Text) -> list[manifests.Manifest]:
        guard = Report()
        trees = sum(
            1 for _tree in parse_all(file.text, "", guard)
        )  # refuses bombs that the reader would unfold
        bombs = [found for found in guard.errors if found.code == "KC005"]
        if bombs and trees >= 0:
            self.report.add(
                "KC005", file.place(bombs[0].position.line, bombs[0].position.column), bombs[0].message
            )
            return []
        try:
            return manifests.read(file.text, "")
        except manifests.ManifestError as error:
            if file.checked:
                code = "KC501" if error.message.startswith("yaml") else "KC502"
                self.report.add(code, file.place(error.line, error.column), error.message)
            return []

    def add_definition(self, obj: Mapping[str, Any]) -> None:
        """Serve what a CustomResourceDefinition defines, unless it is malformed: then the schema check tells."""
        if obj.get("kind") != "CustomResourceDefinition":
            return
        spec = obj.get("spec")
        names = spec.get("names") if isinstance(spec, dict) else None
        complete = isinstance(names, dict) and all(
            isinstance(names.get(key), str) for key in ("plural", "kind")
        )
        if complete and isinstance(spec, dict) and isinstance(spec.get("group"), str):
            versions = spec.get("versions")
            if isinstance(versions, list) and all(
                isinstance(each, dict) and each.get("name") for each in versions
            ):
                self.catalog.add_crd(obj)

    def note(self, obj: Mapping[str, Any]) -> None:
        metadata = obj.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(metadata, dict) or not isinstance(name, str):
            return
        self.objects.images.update(image for _, image in _images(obj))
        resource = self.catalog.of(obj)
        given = metadata.get("namespace")
        namespace = (
            ""
            if resource is not None and not resource.namespaced
            else given
            if isinstance(given, str)
            else "default"
        )
        self.objects.placeless |= bool(namespace) and not isinstance(given, str)
        self.objects.named.setdefault((obj["kind"], name), set()).add(namespace)
        if obj["kind"] == "HelmRelease":
            self.objects.open_ended = True  # what a chart brings is known once it is rendered
        if obj["kind"] == "Service":
            self.objects.services.setdefault((namespace, name), []).append(obj)

    def check_object(self, manifest: manifests.Manifest, place: Place) -> None:
        obj = manifest.object
        gvk = gvk_of(obj)
        if gvk[0] == _KUSTOMIZE_GROUP:
            return
        metadata = obj.get("metadata")
        if not isinstance(metadata, dict) or not (metadata.get("name") or metadata.get("generateName")):
            self.report.add(
                "KC502", place(*manifest.positions.of(("metadata",))), f"this {gvk[2]} has no metadata.name"
            )
        resource = self.catalog.by_gvk(gvk)
        if resource is None:
            self.unknown_kind(gvk, manifest, place)
            return
        if gvk[2] == "Ingress" and not any(each.ingress for each in self.scenario.all_clusters()):
            position = place(*manifest.positions.of(("kind",)))
            remedy = "Write `ingress: true` under `cluster`."
            self.report.add("KC505", position, "no ingress controller plays this Ingress", remedy)
        elif (component := _SERVED_BY.get((gvk[0], gvk[2]))) is not None and component not in self.components:
            position = place(*manifest.positions.of(("kind",)))
            remedy = f"Write `components: [{component}]` under the Flux delivery."
            self.report.add(
                "KC505", position, f"no delivery installs the {component} that serves a {gvk[2]}", remedy
            )
        elif gvk[2] not in ACTED_ON and not resource.custom and gvk[0] not in _AGENTS:
            position = place(*manifest.positions.of(("kind",)))
            self.report.add(
                "KC505", position, f"nothing in kcsim acts on a {gvk[2]} yet: it is stored and stays as it is"
            )
        schema = definition(gvk)
        if schema is not None:
            faults = list(find_faults(obj, schema, required=True))
            for fault in faults:
                self.schema_fault(fault, gvk[2], manifest, place)
            if not faults:
                for path, text in refused(obj, gvk, self.families):
                    remedy = "The API server would refuse the object: write what the message asks for."
                    self.report.add("KC504", place(*manifest.positions.of(path)), text, remedy)
        self.check_images(manifest, place)

    def unknown_kind(self, gvk: GVK, manifest: manifests.Manifest, place: Place) -> None:
        group, version, kind = gvk
        shown = f"{group}/{version}" if group else version
        position = place(*manifest.positions.of(("kind",)))
        here = [
            resource.kind
            for resource in self.catalog
            if (resource.group, resource.version) == (group, version)
        ]
        elsewhere = sorted({each.group_version for each in self.catalog if each.kind == kind})
        if elsewhere:
            remedy = f"Write apiVersion: {' or '.join(elsewhere)}."
            self.report.add(
                "KC507", place(*manifest.positions.of(("apiVersion",))), f"{shown} has no kind {kind}", remedy
            )
        elif here:
            self.report.add(
                "KC507",
                position,
                f"{shown} has no kind {kind}",
                did_you_mean(kind, here, f"kinds of {shown}"),
            )
        else:
            if group == GATEWAY_GROUP:
                text = f"nothing in this story plays the Gateway API's {kind}"
                self.report.add("KC505", position, text, "Write `gateway: true` under `cluster`.")
                return
            remedy = "Commit its CustomResourceDefinition; without it the API server refuses the object."
            self.report.add(
                "KC505",
                position,
                f"no CustomResourceDefinition of the story defines {kind} of {shown}",
                remedy,
            )

    def schema_fault(self, fault: Fault, kind: str, manifest: manifests.Manifest, place: Place) -> None:
        if fault.kind == "unknown_field" and fault.path == ("sops",):
            position = place(*manifest.positions.of_key(fault.path))
            message = f"this {kind} is encrypted with SOPS, and kcsim has no keys to decrypt it"
            remedy = "Write it in plain text in the story, or `brokenOnPurpose: true` to see who refuses it and how."
            self.report.add("KC503", position, message, remedy)
        elif fault.kind == "unknown_field":
            position = place(*manifest.positions.of_key(fault.path))
            owner = ".".join([kind, *(str(step) for step in fault.path[:-1] if isinstance(step, str))])
            remedy = did_you_mean(str(fault.path[-1]), fault.candidates, f"fields of {owner}")
            self.report.add("KC503", position, f"{owner} has no field '{str(fault.path[-1])[:60]}'", remedy)
        else:
            self.report.add("KC504", place(*manifest.positions.of(fault.path)), fault.message)

    def check_images(self, manifest: manifests.Manifest, place: Place) -> None:
        known = {image.name for image in self.scenario.images}
        for path, image in _images(manifest.object):
            if known and image not in known and "*" not in known and not self.objects.renamed:
                position = place(*manifest.positions.of(path))
                self.report.add(
                    "KC203",
                    position,
                    f"image '{image[:80]}' is not declared",
                    did_you_mean(image, known, "images"),
                )


def _images(obj: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    path: tuple[str | int, ...] = _TEMPLATES.get(obj.get("kind") or "", ())
    spec: Any = obj if path else None
    for step in path:
        spec = spec.get(step) if isinstance(spec, dict) else None
    if not isinstance(spec, dict):
        return
    for section in ("initContainers", "containers"):
        containers = spec.get(section)
        for index, container in enumerate(containers if isinstance(containers, list) else ()):
            image = container.get("image") if isinstance(container, dict) else None
            if isinstance(image, str):
                yield (*path, section, index, "image"), image


# What there will be.

_MADE_BY_CONTROLLERS: Final = frozenset(
    {"Pod", "ReplicaSet", "EndpointSlice", "Endpoints", "Event", "Lease", "ControllerRevision", "Job", "PersistentVolume",
     "PersistentVolumeClaim", "Node", "ServiceAccount", "Secret", "ConfigMap", "Namespace"}
)  # fmt: skip
"""Kinds whose objects appear without a manifest of the story."""


def may_exist(objects: Objects, scenario: Scenario, resource: Resource, namespace: str, name: str) -> bool:
    """Whether anything in the story can make this object. When in doubt, yes."""
    if resource.kind in _MADE_BY_CONTROLLERS or objects.open_ended or resource.custom:
        return True
    if scenario.controllers:
        return True  # a controller of one's own makes what it likes
    if resource.group in _AGENTS:
        return any(not isinstance(way, Push) for way in scenario.deliveries.values())
    if any(name in (entry.kubectl or "") and _makes(entry.kubectl or "") for entry in scenario.timeline):
        return True
    namespaces = objects.named.get((resource.kind, name))
    if namespaces is None:
        return objects.renamed or not resource.namespaced
    return objects.renamed or not resource.namespaced or namespace in namespaces


def _makes(line: str) -> bool:
    return line.split(maxsplit=1)[:1] in (["create"], ["run"], ["expose"], ["autoscale"], ["apply"])


def similar_objects(objects: Objects, resource: Resource) -> list[str]:
    """Names of the objects of a kind that the story defines, for near misses."""
    return sorted(name for kind, name in objects.named if kind == resource.kind)


__all__ = ["ACTED_ON", "Objects", "check_manifests", "key_at", "may_exist", "similar_objects"]
