"""kubectl top: what pods and nodes use, as metrics-server measured it last.

**Imitates:** kubectl ``pkg/cmd/top`` and ``pkg/metricsutil/metrics_printer.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.api import objects, quantity
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.layout import columns
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import namespace_of

_MEBI = 1024 * 1024
Amounts = tuple[int, int]
"""CPU in millicores, memory in bytes."""


def top(session: Session, arguments: Arguments) -> Steps:
    """``kubectl top pods|nodes [NAME] [--containers] [--sort-by=cpu|memory]``."""
    what, *names = [*arguments.words, ""]
    names = [name for name in names if name]
    if what in ("pod", "pods", "po"):
        yield from _pods(session, arguments, names)
    elif what in ("node", "nodes", "no"):
        yield from _nodes(session, arguments, names)
    else:
        raise KubectlError('error: "kubectl top" shows pods or nodes: kubectl top pods, kubectl top nodes')


def _metrics(session: Session, plural: str) -> Resource:
    resource = session.client.endpoint.server.aggregated.get(f"{plural}.metrics.k8s.io")
    if resource is None:
        raise KubectlError("error: Metrics API not available")
    return resource


def _read(
    session: Session, arguments: Arguments, resource: Resource, namespace: str, names: list[str]
) -> Steps:
    if names:
        return [(yield session.client.get(resource, namespace, names[0]))]
    selector = arguments.get("selector")
    return (yield session.client.list(resource, namespace, label_selector=selector))["items"]


# --- pods -------------------------------------------------------------------------------------------------------


def _pods(session: Session, arguments: Arguments, names: list[str]) -> Steps:
    namespace = namespace_of(session, arguments)
    resource = _metrics(session, "pods")
    items = yield from _read(session, arguments, resource, namespace, names)
    if not items:
        selector = arguments.get("selector")
        pods = (yield session.client.list("pods", namespace, label_selector=selector))["items"]
        if pods:
            raise KubectlError("error: metrics not available yet")
        session.warn(f"No resources found in {namespace} namespace." if namespace else "No resources found")
        return
    everywhere, each = arguments.on("all-namespaces"), arguments.on("containers")
    head = ["NAMESPACE"] if everywhere else []
    head += ["POD", "NAME"] if each else ["NAME"]
    rows = []
    for item in _ordered(items, arguments, _of_pod):
        where = [objects.namespace(item)] if everywhere else []
        if each:
            for container in item["containers"]:
                row = [objects.name(item), container["name"], *_cells(_amounts(container["usage"]))]
                rows.append([*where, *row])
        else:
            rows.append([*where, objects.name(item), *_cells(_of_pod(item))])
    _print(session, arguments, [*head, "CPU(cores)", "MEMORY(bytes)"], rows)


def _of_pod(item: Object) -> Amounts:
    amounts = [_amounts(container["usage"]) for container in item["containers"]]
    return sum(cpu for cpu, _ in amounts), sum(memory for _, memory in amounts)


# --- nodes ------------------------------------------------------------------------------------------------------


def _nodes(session: Session, arguments: Arguments, names: list[str]) -> Steps:
    resource = _metrics(session, "nodes")
    items = yield from _read(session, arguments, resource, "", names)
    selector = "" if names else arguments.get("selector")
    listed = (yield session.client.list("nodes", "", label_selector=selector))["items"]
    nodes = {objects.name(node): node for node in listed}
    rows = []
    for item in _ordered(items, arguments, _of_node):
        allocatable = (nodes[objects.name(item)].get("status") or {}).get("allocatable") or {}
        cpu, memory = _of_node(item)
        shares = [
            _percent(cpu, quantity.milli(allocatable.get("cpu", "0"))),
            _percent(memory, quantity.value(allocatable.get("memory", "0"))),
        ]
        cells = _cells((cpu, memory))
        rows.append([objects.name(item), cells[0], shares[0], cells[1], shares[1]])
    shown = {row[0] for row in rows}
    unknown = [name for name in sorted(nodes) if name not in shown and not names]
    rows += [[name, *["<unknown>"] * 4] for name in unknown]
    _print(session, arguments, ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"], rows)


def _of_node(item: Object) -> Amounts:
    return _amounts(item["usage"])


def _percent(used: int, of: int) -> str:
    return f"{used * 100 // of}%" if of else "<unknown>"


# --- both -------------------------------------------------------------------------------------------------------


def _amounts(usage: dict[str, Any]) -> Amounts:
    return quantity.milli(usage.get("cpu", "0")), quantity.value(usage.get("memory", "0"))


def _cells(amounts: Amounts) -> list[str]:
    cpu, memory = amounts
    return [f"{cpu}m", f"{memory // _MEBI}Mi"]


def _ordered(items: list[Object], arguments: Arguments, read: Callable[[Object], Amounts]) -> list[Object]:
    """By name, or the largest first."""
    by = arguments.get("sort-by")
    if by not in ("", "cpu", "memory"):
        raise KubectlError("error: --sort-by accepts only cpu or memory")
    named = sorted(items, key=objects.key)
    return sorted(named, key=lambda item: -read(item)[by == "memory"]) if by else named


def _print(session: Session, arguments: Arguments, head: list[str], rows: list[list[str]]) -> None:
    session.write(columns(rows if arguments.on("no-headers") else [head, *rows]))
