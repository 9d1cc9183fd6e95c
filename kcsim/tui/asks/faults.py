"""What the fault palette asks: which faults there are, what each can hit now, whom it would reach, and the line it adds.

The faults are those that a scenario file can name (``kcsim.scenario.faults``), read as data: whatever is injected by key can
be saved and replayed, and a fault that is added there is offered here.

**Walk:** ``kinds`` by layer -> ``targets`` of each field -> ``durations`` -> ``plan``: the entry, its reach, its line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields, replace
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.clock import MINUTE, SECOND, format_duration
from kcsim.manifests import dump
from kcsim.scenario.diagnostics import ScenarioError
from kcsim.scenario.dump import to_data, to_yaml
from kcsim.scenario.faults import COMPONENT_CLIENTS, COMPONENTS, FAULTS, TARGET_FIELDS
from kcsim.scenario.load import loads
from kcsim.scenario.model import FaultFields, TimelineEntry
from kcsim.scenario.recording import rooted
from kcsim.simulation.finding import NotFound
from kcsim.tui.asks.choices import Choice
from kcsim.tui.session import Session
from kcsim.views.detail import owner_tree
from kcsim.views.look import Look
from kcsim.views.objects import Ref
from kcsim.views.readiness import INFRASTRUCTURE

DURATIONS = (2 * MINUTE, 30 * SECOND, 1 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE)
"""The first is the default."""

ALL = "(all)"

LAYERS = tuple("git webhook ci registry credentials process api cursor node image network load human".split())
"""The order in which layers are offered (ux reference, A5); one that is not here comes last."""


def kinds() -> list[Choice]:
    """Every fault with what it does, by layer, from the commit to the user; of one layer in the catalogue's order."""
    order = sorted(FAULTS.items(), key=lambda item: _rank(item[1].layer))
    return [Choice(name, name, f"{kind.layer}: {_short(kind.summary)}") for name, kind in order]


def _rank(layer: str) -> int:
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def _short(summary: str) -> str:
    return summary.partition(". ")[0].partition(": ")[0].rstrip(".")


def fields_of(kind: str) -> list[str]:
    """The fields of a timeline entry to be asked for one by one: what it hits, and what it cannot do without."""
    fault = FAULTS[kind]
    target = [name for name in TARGET_FIELDS if name in {*fault.needs, *fault.takes}]
    return [*target, *(name for name in fault.needs if name not in target)]


def settings_of(kind: str) -> dict[str, str]:
    """{field: what it means} of what may be said besides; nothing has to be."""
    asked = fields_of(kind)
    meanings = {each.name: _meaning(each) for each in fields(FaultFields)}
    return {name: meanings[name] for name in FAULTS[kind].takes if name not in asked}


def _meaning(field: Field[Any]) -> str:
    return str(next(iter(getattr(field.type, "__metadata__", ())), ""))


def summary(kind: str) -> str:
    """What goes wrong, and what that does to whom."""
    return FAULTS[kind].summary


def is_momentary(kind: str) -> bool:
    """Whether a fault is over at once."""
    return FAULTS[kind].momentary


def targets(session: Session, kind: str, field: str) -> list[Choice]:
    """What a fault can hit now; [] where only the person can say."""
    whole = [] if field in FAULTS[kind].needs else [Choice(ALL, ALL, "every one")]
    nodes = session.machines()
    if field == "node":
        return [*whole, *(Choice(name, name, _pods_on(session, name)) for name in nodes)]
    if field == "link":
        zones = _zones(session)
        between = [f"{a} <-> {b}" for place, a in enumerate(zones) for b in zones[place + 1 :]]
        found = [
            *nodes,
            *between,
            *(f"{node} <-> users" for node in nodes),
            *(f"{node} -> control-plane" for node in nodes),
        ]
    elif field == "zone":
        found = _zones(session)
    elif field == "component":
        found = [*COMPONENTS, *(f"kubelet@{node}" for node in nodes)]
    elif field == "client":
        found = [*COMPONENT_CLIENTS, *nodes]
    elif field == "repository":
        found = session.repositories()
    elif field == "traffic":
        found = list(session.play.traffic)
    elif field == "container_image":
        found = _images(session)
    elif field == "object":
        return _objects(session)
    else:
        found = []
    return [*whole, *(Choice(each, each) for each in found)]


def _pods_on(session: Session, node: str) -> str:
    count = sum(pod["spec"].get("nodeName") == node for pod in session.look.objects("pods"))
    return f"{count} pods run there" if count != 1 else "1 pod runs there"


def _zones(session: Session) -> list[str]:
    return sorted({host.zone for host in session.play.world.network.hosts if host.zone})


def _images(session: Session) -> list[str]:
    pods = session.look.objects("pods")
    return sorted({c["image"] for pod in pods for c in pod["spec"]["containers"] if c.get("image")})


_HANDS_ON = ("deployments", "statefulsets", "daemonsets", "services", "configmaps", "kustomizations", "pods")


def _objects(session: Session) -> list[Choice]:
    """What a person may lay hands on; the value says the namespace behind a blank."""
    look, found = session.look, []
    for word in _HANDS_ON:
        try:
            resource = look.resource(word)
        except NotFound:
            continue
        for obj in look.objects(word):
            space, name = objects.namespace(obj), objects.name(obj)
            if space in INFRASTRUCTURE and word != "kustomizations":
                continue
            ref = f"{resource.singular}/{name}"
            found.append(Choice(f"{ref} {space}", ref, f"in {space}"))
    return found


def durations() -> list[Choice]:
    """How long a fault lasts."""
    spans = [Choice(str(span), format_duration(span)) for span in DURATIONS]
    return [*spans, Choice("0", "for good", "until the story ends")]


@dataclass(frozen=True, slots=True)
class Plan:
    """A fault that is ready: the entry, whom it reaches, the line it adds to the story, and what it does."""

    entry: TimelineEntry
    reach: tuple[str, ...]
    line: str
    summary: str


def plan(session: Session, kind: str, hit: Mapping[str, str], length: int | None) -> Plan | str:
    """The fault as an entry of the timeline at this instant, or what is wrong with it.

    Args:
        hit: fields as a scenario file writes them.
        length: µs, None: for good.
    """
    values = [("fault", kind), *((camel(name), value) for name, value in hit.items())]
    if length is not None and not FAULTS[kind].momentary:
        values.append(("for", format_duration(length)))
    told = ", ".join(f"{name}: {value}" for name, value in values)
    line = f"- {{at: {format_duration(session.now)}, {told}}}"
    # Read by the scenario's own reader, so that it is checked as a file is.
    bare = to_yaml(rooted(replace(session.play.scenario, timeline=(), expectations=(), source=None)))
    try:
        entry = loads(f"{bare}timeline:\n{line}\n").timeline[-1]
    except ScenarioError as error:
        return "; ".join(f"{found.message}. {found.remedy}" for found in error.diagnostics)
    entry = replace(entry, source=None)
    return Plan(entry, tuple(reach(session, kind, hit)), as_line(entry), FAULTS[kind].summary)


def settings_in(text: str) -> dict[str, str]:
    """``delay=2s share=0.5`` as fields; keys may be written as in a scenario file or as here.

    Raises:
        ValueError: a word that is no setting.
    """
    found = {}
    for word in text.split():
        name, mark, value = word.partition("=")
        if not mark or not value:
            raise ValueError(f"{word!r} is no setting: write name=value, as in delay=2s")
        found["".join(f"_{c.lower()}" if c.isupper() else c for c in name)] = value
    return found


def camel(name: str) -> str:
    """A field as scenario files write it."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def as_line(entry: TimelineEntry) -> str:
    """The entry as one line of a scenario's timeline."""
    data: Mapping[str, Any] = to_data(replace(entry, note=""))
    return "- {" + ", ".join(f"{key}: {_scalar(value)}" for key, value in data.items()) + "}"


def _scalar(value: Any) -> str:
    """A value as it may stand in a flow mapping."""
    text = dump(value).removesuffix("...\n").strip()
    return json.dumps(value, ensure_ascii=False) if any(mark in text for mark in ",[]{}\n") else text


# Whom it reaches.


def reach(session: Session, kind: str, hit: Mapping[str, str]) -> Iterator[str]:
    """Whom a fault would reach now, in lines: machines, pods, Services that lose backends; what goes on is said too."""
    look, layer = session.look, FAULTS[kind].layer
    nodes = _nodes_hit(session, hit)
    if nodes:
        yield from _on_nodes(look, nodes)
    elif "object" in hit:
        yield from _on_object(session, hit)
    elif "container_image" in hit:
        pods = [p for p in look.objects("pods") if hit["container_image"] in _images_of(p)]
        yield f"{len(pods)} pods run {hit['container_image']}"
        yield from _named(pods)
    elif layer in {"git", "ci", "webhook"}:
        yield f"commits on their way under {session.play.delivery or 'no delivery'}; what runs goes on running"
    elif layer == "registry":
        yield f"{len(_images(session))} images are in use: pods that start where they are not cached are hit"
        yield "running pods go on running"
    elif "component" in hit or "client" in hit:
        who = hit.get("component") or hit.get("client")
        yield f"what {who} does; running pods go on running"
    else:
        pods = [pod for pod in look.objects("pods") if objects.namespace(pod) not in INFRASTRUCTURE]
        yield f"the whole world: {len(session.machines())} nodes, {len(pods)} pods of users"


def _images_of(pod: Object) -> list[str]:
    return [container.get("image", "") for container in pod["spec"]["containers"]]


def _on_object(session: Session, hit: Mapping[str, str]) -> Iterator[str]:
    kind, _, name = hit["object"].partition("/")
    branches = owner_tree(session.look, Ref(kind, hit.get("namespace", ""), name))
    below = [branch.ref for branch in branches if branch.ref.kind == "pod"]
    yield f"{hit['object']}" + (f", which owns {len(below)} pods" if below and kind != "pod" else "")
    if session.play.drift(hit.get("namespace", "")):
        yield "something is adrift there already"
    yield "an agent that reconciles it may put it back"


def _named(pods: list[Object]) -> Iterator[str]:
    for pod in pods[:6]:
        yield f"  pod/{objects.name(pod)}"
    if len(pods) > 6:
        yield f"  and {len(pods) - 6} more"


def _nodes_hit(session: Session, hit: Mapping[str, str]) -> list[str]:
    """The machines that a fault names, by themselves, by their zone, or as an end of a link."""
    machines = session.machines()
    zones = {host.name: host.zone for host in session.play.world.network.hosts}
    named = (
        " ".join(hit.get(field, "") for field in ("node", "zone", "link", "component", "client"))
        .replace("kubelet@", "")
        .split()
    )
    return [node for node in machines if node in named or (zones.get(node) and zones[node] in named)]


def _on_nodes(look: Look, nodes: list[str]) -> Iterator[str]:
    pods = [pod for pod in look.objects("pods") if pod["spec"].get("nodeName") in nodes]
    of_users = [pod for pod in pods if objects.namespace(pod) not in INFRASTRUCTURE]
    yield f"{', '.join(nodes[:4])}{'...' if len(nodes) > 4 else ''}: {len(pods)} pods, {len(of_users)} of users"
    for service in look.objects("services"):
        behind = _behind(look, service)
        lost = [pod for pod in behind if pod["spec"].get("nodeName") in nodes]
        if lost and objects.namespace(service) not in INFRASTRUCTURE:
            word = "all of them" if len(lost) == len(behind) else f"{len(lost)} of {len(behind)}"
            yield f"service/{objects.name(service)} loses {word} backends"
    yield from _named(of_users)


def _behind(look: Look, service: Object) -> list[Object]:
    selector = service["spec"].get("selector") or {}
    if not selector:
        return []
    return [
        pod
        for pod in look.objects("pods", objects.namespace(service))
        if all(objects.labels(pod).get(key) == value for key, value in selector.items())
    ]
