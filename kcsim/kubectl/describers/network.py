"""Services, endpoints, ingresses, network policies, autoscalers and budgets.

**Imitates:** kubectl ``pkg/describe/describe.go`` (v1.36).
"""

from __future__ import annotations

from kcsim.api import objects, selectors
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.api.tables.cells import UNKNOWN, selector_cell, spec, status
from kcsim.api.tables.network import balancer_cell
from kcsim.api.tables.workloads import NIL, amount, as_v2
from kcsim.engine.task import Steps
from kcsim.kubectl.describers.writer import NONE, UNSET, Writer, long_time
from kcsim.kubectl.session import Session

_SHOWN = 3


# --- services ---------------------------------------------------------------------------------------------------


def describe_service(session: Session, obj: Object, writer: Writer) -> Steps:
    """A Service with its endpoints."""
    body = spec(obj)
    writer.head(obj)
    writer.pair(
        "Selector", ",".join(f"{k}={v}" for k, v in sorted((body.get("selector") or {}).items())) or NONE
    )
    writer.pair("Type", body.get("type", ""))
    if body.get("ipFamilyPolicy"):
        writer.pair("IP Family Policy", body["ipFamilyPolicy"])
    writer.pair("IP Families", ",".join(body.get("ipFamilies") or ()) or NONE)
    writer.pair("IP", body.get("clusterIP", ""))
    writer.pair("IPs", ",".join(body.get("clusterIPs") or ()) or NONE)
    for title, text in (
        ("External IPs", ",".join(body.get("externalIPs") or ())),
        ("Desired LoadBalancer IP", body.get("loadBalancerIP", "")),
        ("External Name", body.get("externalName", "")),
        ("LoadBalancer Ingress", _balancer(obj)),
    ):
        if text:
            writer.pair(title, text)
    slices = yield session.client.list(
        "endpointslices.discovery.k8s.io",
        objects.namespace(obj),
        label_selector=f"kubernetes.io/service-name={objects.name(obj)}",
    )
    for port in body.get("ports") or ():
        _port(writer, port, slices["items"])
    writer.pair("Session Affinity", body.get("sessionAffinity", ""))
    for title, field in (
        ("External Traffic Policy", "externalTrafficPolicy"),
        ("Internal Traffic Policy", "internalTrafficPolicy"),
        ("HealthCheck NodePort", "healthCheckNodePort"),
    ):
        if body.get(field):
            writer.pair(title, body[field])
    if body.get("loadBalancerSourceRanges"):
        writer.pair("LoadBalancer Source Ranges", ",".join(body["loadBalancerSourceRanges"]))
    if body.get("trafficDistribution"):
        writer.pair("Traffic Distribution", body["trafficDistribution"])


def _balancer(obj: Object) -> str:
    """The addresses of a Service's load balancer in their own order, with how they are reached."""
    items = (status(obj).get("loadBalancer") or {}).get("ingress") or []
    return ", ".join(_balancer_address(item) for item in items)


def _balancer_address(item: Object) -> str:
    mode = f" ({item['ipMode']})" if item.get("ipMode") else ""
    return f"{item['ip']}{mode}" if item.get("ip") else item.get("hostname", "")


def _port(writer: Writer, port: Object, slices: list[Object]) -> None:
    name, protocol = port.get("name") or UNSET, port.get("protocol", "")
    writer.line(0, f"Port:\t{name}\t{port.get('port', 0)}/{protocol}")
    writer.pair("TargetPort", f"{port.get('targetPort', 0)}/{protocol}")
    if port.get("nodePort"):
        writer.line(0, f"NodePort:\t{name}\t{port['nodePort']}/{protocol}")
    writer.pair("Endpoints", _endpoints(slices, port.get("name") or ""))


def _endpoints(slices: list[Object], port: str) -> str:
    """The first ready ones (formatEndpointSlices). One that is not ready and comes after them makes ``+ 0 more``."""
    if not slices:
        return NONE
    found: list[str] = []
    more = False
    for item in slices:
        ports = item.get("ports")
        numbers = [p.get("port") for p in ports if (p.get("name") or "") == port] if ports else [None]
        for number in numbers:
            for endpoint in item.get("endpoints") or ():
                more = more or len(found) >= _SHOWN
                if (endpoint.get("conditions") or {}).get("ready", True):
                    address = (endpoint.get("addresses") or [""])[0]
                    found.append(address if number is None else _join(address, number))
    shown = ",".join(found[:_SHOWN])
    return f"{shown} + {len(found) - _SHOWN} more..." if more else shown


def _join(address: str, port: object) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def describe_endpoints(session: Session, obj: Object, writer: Writer) -> Steps:
    """An Endpoints object."""
    del session
    writer.head(obj)
    writer.line(0, "Subsets:")
    for subset in obj.get("subsets") or ():
        for title, field in (("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses")):
            writer.pair(title, ",".join(a["ip"] for a in subset.get(field) or ()) or NONE, 1)
        ports = subset.get("ports") or []
        if ports:
            writer.line(1, "Ports:")
            rows = [(p.get("name") or UNSET, p.get("port", 0), p.get("protocol", "")) for p in ports]
            writer.table(2, ("Name", "Port", "Protocol"), rows)
        writer.line(0, "")
    yield from ()


def describe_endpoint_slice(session: Session, obj: Object, writer: Writer) -> Steps:
    """An EndpointSlice."""
    del session
    writer.head(obj)
    writer.pair("AddressType", obj.get("addressType", ""))
    ports = obj.get("ports") or []
    if ports:
        writer.line(0, "Ports:")
        rows = [(p.get("name") or UNSET, p.get("port", UNSET), p.get("protocol", "")) for p in ports]
        writer.table(1, ("Name", "Port", "Protocol"), rows)
    else:
        writer.line(0, "Ports: <unset>")
    endpoints = obj.get("endpoints") or []
    writer.line(0, "Endpoints:" if endpoints else "Endpoints: <none>")
    for endpoint in endpoints:
        writer.line(1, f"- Addresses:\t{', '.join(endpoint.get('addresses') or ()) or NONE}")
        writer.line(2, "Conditions:")
        ready = (endpoint.get("conditions") or {}).get("ready")
        writer.pair("Ready", UNSET if ready is None else str(ready).lower(), 3)
        writer.pair("Hostname", endpoint.get("hostname") or UNSET, 2)
        target = endpoint.get("targetRef")
        if target:
            writer.pair("TargetRef", f"{target.get('kind', '')}/{target.get('name', '')}", 2)
        writer.pair("NodeName", endpoint.get("nodeName") or UNSET, 2)
        writer.pair("Zone", endpoint.get("zone") or UNSET, 2)
    yield from ()


# --- ingresses --------------------------------------------------------------------------------------------------


def describe_ingress(session: Session, obj: Object, writer: Writer) -> Steps:
    """An Ingress with the endpoints behind it."""
    body, namespace = spec(obj), objects.namespace(obj)
    writer.pair("Name", objects.name(obj))
    writer.labels(obj)
    writer.pair("Namespace", namespace)
    writer.pair("Address", balancer_cell(obj, True))
    writer.pair("Ingress Class", body.get("ingressClassName") or NONE)
    default = body.get("defaultBackend")
    shown = (yield from _backend(session, namespace, default)) if default else "<default>"
    writer.pair("Default backend", shown)
    if body.get("tls"):
        writer.line(0, "TLS:")
        for entry in body["tls"]:
            secret, hosts = entry.get("secretName") or "SNI routes", ",".join(entry.get("hosts") or ())
            writer.line(
                1, f"{secret} terminates {hosts}" if entry.get("secretName") else f"SNI routes {hosts}"
            )
    writer.line(0, "Rules:")
    writer.line(1, "Host\tPath\tBackends")
    writer.line(1, "----\t----\t--------")
    rules = [rule for rule in body.get("rules") or () if rule.get("http") is not None]
    for rule in rules:
        writer.line(1, f"{rule.get('host') or '*'}\t")
        for path in rule["http"].get("paths") or ():
            text = yield from _backend(session, namespace, path.get("backend") or {})
            writer.line(1, f"  \t{path.get('path', '')} \t{text}")
    if not rules:
        text = (yield from _backend(session, namespace, default)) if default else "<default>"
        writer.line(1, f"*\t*\t{text}")
    writer.annotations(obj)


def _backend(session: Session, namespace: str, backend: Object) -> Steps:
    """``web:80 (10.0.0.1:8080)``, or why there is nothing behind it."""
    resource = backend.get("resource")
    if resource is not None:
        group = resource.get("apiGroup", NONE)
        return f"APIGroup: {group}, Kind: {resource['kind']}, Name: {resource['name']}"
    service = backend.get("service") or {}
    port = service.get("port") or {}
    named = f"{service.get('name', '')}:{port.get('name') or port.get('number', '')}"
    try:
        found = yield session.client.get("services", namespace, service.get("name", ""))
    except StatusError as error:
        return f"{named} (<error: {error.message}>)"
    ports = [
        p.get("name") or ""
        for p in spec(found).get("ports") or ()
        if p.get("name") == port.get("name") or p.get("port") == port.get("number")
    ]
    slices = yield session.client.list(
        "endpointslices.discovery.k8s.io",
        namespace,
        label_selector=f"kubernetes.io/service-name={service.get('name', '')}",
    )
    return f"{named} ({_endpoints(slices['items'], ports[0] if ports else '')})"


def describe_ingress_class(session: Session, obj: Object, writer: Writer) -> Steps:
    """An IngressClass."""
    del session
    writer.head(obj, namespaced=False)
    writer.pair("Controller", spec(obj).get("controller", ""))
    parameters = spec(obj).get("parameters")
    if parameters:
        writer.line(0, "Parameters:")
        for title, field in (("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name")):
            if parameters.get(field):
                writer.pair(title, parameters[field], 1)
    yield from ()


def describe_service_cidr(session: Session, obj: Object, writer: Writer) -> Steps:
    """A ServiceCIDR."""
    del session
    writer.head(obj, namespaced=False)
    writer.pair("CIDRs", ", ".join(spec(obj).get("cidrs") or ()))
    if objects.conditions(obj):
        writer.line(0, "Status:")
    writer.conditions(obj)
    yield from ()


def describe_address(session: Session, obj: Object, writer: Writer) -> Steps:
    """An IPAddress."""
    del session
    writer.head(obj, namespaced=False)
    parent = spec(obj).get("parentRef")
    if parent is not None:
        writer.line(0, "Parent Reference:")
        for field in ("group", "resource", "namespace", "name"):
            writer.pair(field.capitalize(), parent.get(field, ""), 1)
    yield from ()


# --- network policies -------------------------------------------------------------------------------------------


def describe_network_policy(session: Session, obj: Object, writer: Writer) -> Steps:
    """A NetworkPolicy."""
    del session
    body = spec(obj)
    writer.names(obj)
    created = obj["metadata"].get("creationTimestamp", "").replace("T", " ").replace("Z", " +0000 UTC")
    writer.pair("Created on", created)
    writer.labels(obj)
    writer.annotations(obj)
    writer.line(0, "Spec:")
    selector = str(selectors.from_object(body.get("podSelector") or {}))
    nobody = f"{NONE} (Allowing the specific traffic to all pods in this namespace)"
    writer.line(1, f"PodSelector:     {selector or nobody}")
    kinds = body.get("policyTypes") or ["Ingress"]
    for direction in ("Ingress", "Egress"):
        word, side = direction.lower(), "From" if direction == "Ingress" else "To"
        if direction not in kinds:
            writer.line(1, f"Not affecting {word} traffic")
            continue
        writer.line(1, f"Allowing {word} traffic:")
        rules = body.get(word) or []
        if not rules:
            writer.line(2, f"{NONE} (Selected pods are isolated for {word} connectivity)")
        for place, rule in enumerate(rules):
            _rule(writer, rule, side)
            if place < len(rules) - 1:
                writer.line(2, "----------")
    writer.line(1, f"Policy Types: {', '.join(kinds)}")
    yield from ()


def _rule(writer: Writer, rule: Object, side: str) -> None:
    ports = rule.get("ports") or []
    if not ports:
        writer.line(2, "To Port: <any> (traffic allowed to all ports)")
    for port in ports:
        number, last = port.get("port", NIL), port.get("endPort")
        shown = f"To Port: {number}" if last is None else f"To Port Range: {number}-{last}"
        writer.line(2, f"{shown}/{port.get('protocol', 'TCP')}")
    peers = rule.get(side.lower()) or []
    if not peers:
        writer.line(
            2, f"{side}: <any> (traffic not restricted by {'source' if side == 'From' else 'destination'})"
        )
    for peer in peers:
        writer.line(2, f"{side}:")
        block = peer.get("ipBlock")
        if block is not None:
            writer.line(3, "IPBlock:")
            writer.line(4, f"CIDR: {block.get('cidr', '')}")
            writer.line(4, f"Except: {', '.join(block.get('except') or ())}")
        for title, field in (("NamespaceSelector", "namespaceSelector"), ("PodSelector", "podSelector")):
            if peer.get(field) is not None:
                writer.line(3, f"{title}: {selector_cell(peer[field])}")


# --- autoscalers and budgets ------------------------------------------------------------------------------------


def describe_autoscaler(session: Session, obj: Object, writer: Writer) -> Steps:
    """A HorizontalPodAutoscaler."""
    del session
    obj = as_v2(obj)
    body, state = spec(obj), status(obj)
    writer.head(obj)
    writer.pair("CreationTimestamp", long_time(obj["metadata"].get("creationTimestamp")))
    target = body.get("scaleTargetRef") or {}
    writer.pair("Reference", f"{target.get('kind', '')}/{target.get('name', '')}")
    writer.line(0, "Metrics:\t( current / target )")
    current = state.get("currentMetrics") or []
    for place, metric in enumerate(body.get("metrics") or ()):
        writer.line(1, _metric(metric, current[place] if place < len(current) else {}))
    writer.pair("Min replicas", UNSET if body.get("minReplicas") is None else body["minReplicas"])
    writer.pair("Max replicas", body.get("maxReplicas", 0))
    _behaviour(writer, body.get("behavior") or {})
    pods = f"{state.get('currentReplicas', 0)} current / {state.get('desiredReplicas', 0)} desired"
    writer.pair(f"{target.get('kind', '')} pods", pods)
    held = objects.conditions(obj)
    if held:
        writer.line(0, "Conditions:")
        rows = [(c["type"], c["status"], c.get("reason", ""), c.get("message", "")) for c in held]
        writer.table(1, ("Type", "Status", "Reason", "Message"), rows)
    yield from ()


def _metric(metric: Object, state: Object) -> str:
    kind = metric.get("type", "")
    field = kind[:1].lower() + kind[1:]
    source, measured = metric.get(field) or {}, state.get(field)
    now = None if measured is None else measured.get("current") or {}
    target = source.get("target") or {}
    name = (source.get("metric") or {}).get("name", "")
    if kind == "Pods":
        return f'"{name}" on pods:\t{amount(now, "averageValue")} / {amount(target, "averageValue")}'
    if kind == "External":
        if target.get("averageValue") is not None:
            shown = (now or {}).get("averageValue", UNKNOWN)
            return f'"{name}" (target average value):\t{shown} / {target["averageValue"]}'
        return f'"{name}" (target value):\t{amount(now, "value")} / {amount(target, "value")}'
    if kind == "Object":
        about = source.get("describedObject") or {}
        where = f'"{name}" on {about.get("kind", "")}/{about.get("name", "")}'
        if target.get("type") == "AverageValue":
            shown = f"{amount(now, 'averageValue')} / {amount(target, 'averageValue')}"
            return f"{where} (target average value):\t{shown}"
        return f"{where} (target value):\t{amount(now, 'value')} / {amount(target, 'value')}"
    if kind not in {"Resource", "ContainerResource"}:
        return f'<unknown metric type "{kind}">'
    resource = f"resource {source.get('name', '')}"
    if kind == "ContainerResource":
        resource += f' of container "{source.get("container", "")}"'
    if target.get("averageValue") is not None:
        return f"{resource} on pods:\t{amount(now, 'averageValue')} / {target['averageValue']}"
    used = (now or {}).get("averageUtilization")
    shown = UNKNOWN if used is None else f"{used}% ({amount(now, 'averageValue')})"
    wanted = target.get("averageUtilization")
    return f"{resource} on pods  (as a percentage of request):\t{shown} / {'<auto>' if wanted is None else f'{wanted}%'}"


def _behaviour(writer: Writer, behaviour: Object) -> None:
    if not behaviour:
        return
    writer.line(0, "Behavior:")
    for title, field in (("Scale Up", "scaleUp"), ("Scale Down", "scaleDown")):
        rules = behaviour.get(field)
        if not rules:
            continue
        writer.line(1, f"{title}:")
        window = rules.get("stabilizationWindowSeconds")
        if window is not None:
            writer.line(2, f"Stabilization Window: {window} seconds")
        policies = rules.get("policies") or []
        if policies:
            writer.line(2, f"Select Policy: {rules.get('selectPolicy') or 'Max'}")
            writer.line(2, "Policies:")
        for policy in policies:
            text = f"- Type: {policy['type']}\tValue: {policy['value']}\tPeriod: {policy['periodSeconds']} seconds"
            writer.line(3, text)


def describe_budget(session: Session, obj: Object, writer: Writer) -> Steps:
    """A PodDisruptionBudget."""
    del session
    body, state = spec(obj), status(obj)
    writer.names(obj)
    for title, field in (("Min available", "minAvailable"), ("Max unavailable", "maxUnavailable")):
        if body.get(field) is not None:
            writer.pair(title, body[field])
    selector = body.get("selector")
    writer.pair("Selector", UNSET if selector is None else selector_cell(selector))
    writer.line(0, "Status:")
    for title, field in (
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ):
        writer.pair(title, state.get(field, 0), 2)
    yield from ()
