"""What expressions can ask: the view they look at, and the functions of the language as one table.

A function's arguments that name something (an object, traffic, a repository) are literals, so that what an expression
reads is known before it runs. Missing things are None; so is everything computed from them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from kcsim.api.built_in import BUILT_IN
from kcsim.api.catalog import Catalog
from kcsim.api.resources import Resource
from kcsim.delivery.gitops.kstatus import CURRENT, compute
from kcsim.engine.clock import SECOND


class View(Protocol):
    """What an expression sees of a world at one instant. Read-only; nothing it returns may be changed.

    `resource` is a group resource ("pods", "deployments.apps"); `cluster` is "" for the first one.
    """

    @property
    def now(self) -> int:
        """Virtual µs since the start of the run."""
        ...

    def get(self, resource: str, namespace: str, name: str, cluster: str) -> Mapping[str, Any] | None:
        """An object, None when there is none; `namespace` is "" for cluster-scoped kinds."""
        ...

    def list(self, resource: str, namespace: str, cluster: str) -> Sequence[Mapping[str, Any]]:
        """Objects sorted by (namespace, name); `namespace` "" gives all."""
        ...

    def writer(self, resource: str, namespace: str, name: str, cluster: str) -> str | None:
        """The user who wrote an object last, or deleted it; None when there never was one."""
        ...

    def requests(self, traffic: str, window: int | None) -> tuple[int, int]:
        """Requests that ended in the last `window` µs (None: since the start), and how many of them failed."""
        ...

    def pods_reached(self, traffic: str) -> int:
        """How many pods its requests come to."""
        ...

    def head(self, repository: str) -> str | None:
        """SHA of the head of a repository's delivered branch."""
        ...

    def commits(self, repository: str) -> int:
        """How often a repository's delivered branch has moved."""
        ...

    def deployed(self, repository: str) -> str | None:
        """SHA of the last commit that the delivery has applied in full."""
        ...

    def drift(self, namespace: str, cluster: str) -> Sequence[str]:
        """Objects ("deployment/web") of a namespace ("" all) that differ from what the delivery applied last, sorted."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class ObjectRead:
    """One object, or with `name` "" all objects of a namespace ("" all namespaces)."""

    resource: str
    namespace: str
    name: str
    cluster: str


@dataclass(frozen=True, slots=True, order=True)
class TrafficRead:
    """Requests of one traffic, through a window of µs (-1: since the start); `each`: every request counts."""

    name: str
    window: int
    each: bool


@dataclass(frozen=True, slots=True)
class Reads:
    """All an expression looks at: it can change its value only when one of these changes."""

    objects: frozenset[ObjectRead] = frozenset()
    traffic: frozenset[TrafficRead] = frozenset()
    """Also changes as time passes, when requests leave the window."""
    repositories: frozenset[str] = frozenset()
    drift: frozenset[tuple[str, str]] = frozenset()
    """(namespace, cluster); namespace "" = all."""
    clock: bool = False
    """It calls now(): its value may change at any instant."""
    instants: frozenset[int] = frozenset()
    """Where it only compares now() with fixed times: the instants (µs) at which that turns."""

    def __or__(self, other: "Reads") -> "Reads":
        """Both together."""
        return Reads(
            self.objects | other.objects,
            self.traffic | other.traffic,
            self.repositories | other.repositories,
            self.drift | other.drift,
            self.clock or other.clock,
            self.instants | other.instants,
        )


NOTHING: Final = Reads()

ParamKind = Literal[
    "ref", "name", "namespace", "traffic", "repository", "cluster", "duration", "labels", "text", "value"
]
Evaluate = Callable[[View, "Arguments"], Any]


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter; all kinds but `value` take literals only."""

    name: str
    kind: ParamKind
    required: bool = False


@dataclass(frozen=True, slots=True)
class Arguments:
    """Literal arguments, resolved: what a function works with."""

    resource: Resource | None = None
    name: str = ""
    namespace: str = ""
    cluster: str = ""
    text: Mapping[str, str] = field(default_factory=dict)
    """Arguments of the kinds traffic, repository and text, by parameter."""
    duration: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def object(self, view: View) -> Mapping[str, Any] | None:
        """The object named by a `ref` or `name` parameter."""
        assert self.resource is not None, "only for functions with a ref or name"
        return view.get(self.resource.group_resource, self.namespace, self.name, self.cluster)

    def writer(self, view: View) -> str | None:
        """Who wrote that object last."""
        assert self.resource is not None, "only for functions with a ref"
        return view.writer(self.resource.group_resource, self.namespace, self.name, self.cluster)


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language."""

    params: tuple[Param, ...]
    doc: str
    evaluate: Evaluate | None = None
    pure: Callable[..., Any] | None = None
    """In place of `evaluate` for functions of values."""
    result: Literal["value", "number", "boolean", "text", "object", "objects"] = "value"
    reads: Literal["object", "list", "traffic", "repository", "drift", "clock", "nothing"] = "nothing"
    resource: Resource | None = None
    """The kind of functions that are named after one."""

    def usage(self, name: str) -> str:
        """As a call is written."""
        shown = [param.name if param.required else f"{param.name}=..." for param in self.params]
        return f"{name}({', '.join(shown)})"


@dataclass(frozen=True, slots=True)
class Objects:
    """A list of objects as expressions see it: count, ready, restarts, names."""

    items: Sequence[Mapping[str, Any]]

    def attribute(self, name: str) -> Any:
        """One of `LIST_FIELDS`."""
        if name == "count":
            return len(self.items)
        if name == "ready":
            return sum(_condition(item, "Ready") == "True" for item in self.items)
        if name == "restarts":
            return sum(
                status.get("restartCount") or 0 for item in self.items for status in _container_statuses(item)
            )
        return [item["metadata"]["name"] for item in self.items]


LIST_FIELDS: Final[Mapping[str, str]] = {
    "count": "how many objects",
    "ready": "how many of them have the condition Ready=True",
    "restarts": "restarts of all their containers",
    "names": "their names, sorted",
}


def _container_statuses(pod: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return _section(pod, "status").get("containerStatuses") or ()


def _section(obj: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    found = (obj or {}).get(name)
    return found if isinstance(found, Mapping) else {}


def _condition(obj: Mapping[str, Any] | None, kind: str) -> str | None:
    conditions = _section(obj, "status").get("conditions") or ()
    return next((each.get("status") for each in conditions if each.get("type") == kind), None)


def _exists(view: View, args: Arguments) -> bool:
    return args.object(view) is not None


def _ready(view: View, args: Arguments) -> int:
    """Ready replicas of a workload; 1 or 0 for what has a Ready condition; 0 for what does not exist."""
    obj = args.object(view)
    status = _section(obj, "status")
    if _condition(obj, "Ready") is not None:
        return int(_condition(obj, "Ready") == "True")
    return status.get("readyReplicas") or status.get("numberReady") or 0


def _rolled_out(view: View, args: Arguments) -> bool:
    """What `kubectl rollout status` waits for; False for what does not exist."""
    obj = args.object(view)
    return obj is not None and compute(obj, view.now).status == CURRENT


def _desired(view: View, args: Arguments) -> int | None:
    obj = args.object(view)
    if obj is None:
        return None
    scheduled: int | None = _section(obj, "status").get("desiredNumberScheduled")
    replicas: int | None = _section(obj, "spec").get("replicas", scheduled)
    return 1 if replicas is None else replicas


def _image(view: View, args: Arguments) -> str | None:
    obj = args.object(view)
    spec = _section(obj, "spec")
    pod_spec = _section(_section(spec, "template"), "spec") or spec
    wanted = args.text.get("container")
    for container in pod_spec.get("containers") or ():
        if wanted in (None, container.get("name")):
            found: str | None = container.get("image")
            return found
    return None


def _written_by(view: View, args: Arguments) -> str | None:
    return args.writer(view)


def _object_condition(view: View, args: Arguments) -> str | None:
    return _condition(args.object(view), args.text["type"])


def _objects(view: View, args: Arguments) -> Objects:
    assert args.resource is not None, "list functions are named after a kind"
    items = view.list(args.resource.group_resource, args.namespace, args.cluster)
    node, phase = args.text.get("node"), args.text.get("phase")
    return Objects([item for item in items if _matches(item, args.labels, node, phase)])


def _matches(obj: Mapping[str, Any], labels: Mapping[str, str], node: str | None, phase: str | None) -> bool:
    has = obj["metadata"].get("labels") or {}
    return (
        all(has.get(key) == value for key, value in labels.items())
        and node in (None, _section(obj, "spec").get("nodeName"))
        and phase in (None, _section(obj, "status").get("phase"))
    )


def _events(view: View, args: Arguments) -> Objects:
    reason, about = args.text.get("reason"), args.text.get("about")
    found = []
    for event in view.list("events", args.namespace, args.cluster):
        target = event.get("involvedObject") or {}
        named = f"{str(target.get('kind')).lower()}/{target.get('name')}"
        if reason in (None, event.get("reason")) and (about is None or named == about.lower()):
            found.append(event)
    return Objects(found)


def _drifted(view: View, args: Arguments) -> bool:
    drift = view.drift(args.namespace, args.cluster)
    if args.resource is None:
        return bool(drift)
    return f"{args.resource.singular}/{args.name}" in drift


def _drift_count(view: View, args: Arguments) -> int:
    return len(view.drift(args.namespace, args.cluster))


def _success_rate(view: View, args: Arguments) -> float:
    """Share of requests that were answered well; 1 while none has ended: nothing was lost."""
    ended, failed = view.requests(args.text["traffic"], args.duration)
    return 1.0 if not ended else (ended - failed) / ended


def _requests(view: View, args: Arguments) -> int:
    return view.requests(args.text["traffic"], args.duration)[0]


def _pods_reached(view: View, args: Arguments) -> int:
    return view.pods_reached(args.text["traffic"])


def _failures(view: View, args: Arguments) -> int:
    return view.requests(args.text["traffic"], args.duration)[1]


def _head(view: View, args: Arguments) -> str | None:
    return view.head(args.text["repository"])


def _commits(view: View, args: Arguments) -> int:
    return view.commits(args.text["repository"])


def _deployed(view: View, args: Arguments) -> str | None:
    return view.deployed(args.text["repository"])


def _now(view: View, args: Arguments) -> float:
    del args
    return view.now / SECOND


def _seconds(view: View, args: Arguments) -> float:
    del view
    assert args.duration is not None, "the parameter is required"
    return args.duration / SECOND


def _known(values: tuple[Any, ...]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _smallest(*values: Any) -> Any:
    return min(values) if values and _known(values) else None


def _largest(*values: Any) -> Any:
    return max(values) if values and _known(values) else None


def _abs(value: Any) -> Any:
    return abs(value) if _known((value,)) else None


def _len(value: Any) -> Any:
    if isinstance(value, Objects):
        return len(value.items)
    return len(value) if isinstance(value, str | list | tuple | Mapping) else None


_REF = (Param("object", "ref", required=True), Param("namespace", "namespace"), Param("cluster", "cluster"))
_TRAFFIC = (Param("traffic", "traffic", required=True), Param("window", "duration"))
_REPOSITORY = (Param("repository", "repository", required=True),)
_LIST = (
    Param("namespace", "namespace"),
    Param("labels", "labels"),
    Param("node", "text"),
    Param("phase", "text"),
    Param("cluster", "cluster"),
)

FUNCTIONS: Final[Mapping[str, Function]] = {
    "exists": Function(_REF, "whether there is such an object", _exists, result="boolean", reads="object"),
    "ready": Function(
        _REF,
        "ready replicas of a workload; 1 or 0 for a pod, node or Kustomization; 0 when there is no such object",
        _ready,
        result="number",
        reads="object",
    ),
    "rolled_out": Function(
        _REF,
        "whether a workload's newest version has replaced all others and every replica is available",
        _rolled_out,
        result="boolean",
        reads="object",
    ),
    "desired": Function(_REF, "replicas a workload wants", _desired, result="number", reads="object"),
    "image": Function(
        (*_REF[:2], Param("container", "text"), _REF[2]),
        "image of a pod's or workload's container, the first when none is named",
        _image,
        result="text",
        reads="object",
    ),
    "written_by": Function(
        _REF,
        "the user who wrote an object last, as an audit log names them",
        _written_by,
        result="text",
        reads="object",
    ),
    "condition": Function(
        (_REF[0], Param("type", "text", required=True), *_REF[1:]),
        'status of a condition: "True", "False" or "Unknown"',
        _object_condition,
        result="text",
        reads="object",
    ),
    "events": Function(
        (
            Param("namespace", "namespace"),
            Param("reason", "text"),
            Param("about", "text"),
            Param("cluster", "cluster"),
        ),
        "Events of the last hour, by reason and by the object they are about (pod/web-1)",
        _events,
        result="objects",
        reads="list",
    ),
    "drifted": Function(
        (Param("object", "ref"), Param("namespace", "namespace"), Param("cluster", "cluster")),
        "whether an object, or with one argument anything in that namespace, differs from what was delivered last",
        _drifted,
        result="boolean",
        reads="drift",
    ),
    "drift_count": Function(
        (Param("namespace", "namespace"), Param("cluster", "cluster")),
        "how many objects of a namespace differ from what was delivered last",
        _drift_count,
        result="number",
        reads="drift",
    ),
    "success_rate": Function(
        _TRAFFIC,
        "share of requests answered well, of those that ended in the last window (all when left out); 1 while none has",
        _success_rate,
        result="number",
        reads="traffic",
    ),
    "requests": Function(_TRAFFIC, "requests that ended", _requests, result="number", reads="traffic"),
    "failures": Function(_TRAFFIC, "requests that failed", _failures, result="number", reads="traffic"),
    "pods_reached": Function(
        (Param("traffic", "traffic", required=True),),
        "how many pods its requests come to, with those that are called on the way",
        _pods_reached,
        result="number",
        reads="traffic",
    ),
    "head": Function(_REPOSITORY, "SHA of the newest commit", _head, result="text", reads="repository"),
    "commits": Function(
        _REPOSITORY, "how many commits there have been", _commits, result="number", reads="repository"
    ),
    "deployed": Function(
        _REPOSITORY, "SHA of the last commit delivered in full", _deployed, result="text", reads="repository"
    ),
    "now": Function((), "seconds since the start of the run", _now, result="number", reads="clock"),
    "seconds": Function(
        (Param("duration", "duration", required=True),), "a duration in seconds", _seconds, result="number"
    ),
    "min": Function(
        (Param("value", "value", required=True),), "the smallest number", pure=_smallest, result="number"
    ),
    "max": Function(
        (Param("value", "value", required=True),), "the largest number", pure=_largest, result="number"
    ),
    "abs": Function(
        (Param("value", "value", required=True),), "a number without its sign", pure=_abs, result="number"
    ),
    "len": Function(
        (Param("value", "value", required=True),), "how many items or characters", pure=_len, result="number"
    ),
}
"""The functions that are not named after a kind; `min` and `max` take any number of values."""

VARIADIC: Final = frozenset({"min", "max"})


def _flux(group: str, kind: str, plural: str, *short: str, version: str = "v1") -> Resource:
    return Resource(
        f"{group}.toolkit.fluxcd.io", version, kind, plural, kind.lower(), namespaced=True, short_names=short
    )


def _argocd(kind: str, plural: str, *short: str) -> Resource:
    return Resource("argoproj.io", "v1alpha1", kind, plural, kind.lower(), namespaced=True, short_names=short)


FLUX_RESOURCES: Final = (
    _flux("kustomize", "Kustomization", "kustomizations", "ks"),
    _flux("source", "GitRepository", "gitrepositories", "gitrepo"),
    _flux("source", "OCIRepository", "ocirepositories", "ocirepo"),
    _flux("source", "Bucket", "buckets"),
    _flux("source", "ExternalArtifact", "externalartifacts"),
    Resource(
        "source.extensions.fluxcd.io",
        "v1beta1",
        "ArtifactGenerator",
        "artifactgenerators",
        "artifactgenerator",
        namespaced=True,
        short_names=("ag",),
    ),
    _flux("source", "HelmRepository", "helmrepositories", "helmrepo"),
    _flux("source", "HelmChart", "helmcharts", "hc"),
    _flux("helm", "HelmRelease", "helmreleases", "hr", version="v2"),
    _flux("image", "ImageRepository", "imagerepositories", "imgrepo"),
    _flux("image", "ImagePolicy", "imagepolicies", "imgpol"),
    _flux("image", "ImageUpdateAutomation", "imageupdateautomations", "iua", "imgupd", "imgauto"),
    _flux("notification", "Receiver", "receivers"),
    _flux("notification", "Alert", "alerts", version="v1beta3"),
    _flux("notification", "Provider", "providers", version="v1beta3"),
)

ARGOCD_RESOURCES: Final = (
    _argocd("Application", "applications", "app", "apps"),
    _argocd("AppProject", "appprojects", "appproj", "appprojs"),
    _argocd("ApplicationSet", "applicationsets", "appset", "appsets"),
)
AGENT_RESOURCES: Final = FLUX_RESOURCES + ARGOCD_RESOURCES
"""The kinds that agents in the cluster bring along."""

CATALOG: Final = Catalog(BUILT_IN + AGENT_RESOURCES)
"""Kinds that expressions know without the scenario defining them."""


def function_named(name: str, catalog: Catalog) -> Function | None:
    """A function by name: one of `FUNCTIONS`, or `deployment(name, namespace)`, `pods(namespace, ...)` of any kind."""
    found = FUNCTIONS.get(name)
    if found is not None:
        return found
    resource = catalog.by_word(name) if name == name.lower() else None
    if resource is None:
        return None
    if name == resource.plural and name != resource.singular:
        params = _LIST if resource.namespaced else _LIST[1:]
        doc = f"every {resource.kind} of a namespace, or of all"
        return Function(params, doc, _objects, result="objects", reads="list", resource=resource)
    scope = (Param("namespace", "namespace"),) if resource.namespaced else ()
    return Function(
        (Param("name", "name", required=True), *scope, Param("cluster", "cluster")),
        f"the {resource.kind} of that name, with its fields",
        lambda view, args: args.object(view),
        result="object",
        reads="object",
        resource=resource,
    )


def function_names(catalog: Catalog) -> list[str]:
    """Every name that can be called, for near misses."""
    kinds = {
        word for resource in catalog for word in (resource.singular, resource.plural) if word.isidentifier()
    }
    return sorted(kinds | set(FUNCTIONS))
