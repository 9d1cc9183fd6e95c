"""Checks of a story's clients: what they ask for is there, and what is said of them fits together."""

from kcsim.cluster.traffic.front import GATEWAY_CLASS
from kcsim.cluster.traffic.target import Target, of_url
from kcsim.scenario.clients import demand_of
from kcsim.scenario.contents import at, key_at
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.manifest_checks import Objects
from kcsim.scenario.model import Scenario, Traffic
from kcsim.simulation.places import OUTSIDE

CONNECTIONS_MAX = 100_000
"""Kept connections of one source."""
EACH_MAX = 1_000
"""Requests a second that may be played one by one."""
_INSTALLED = ("kube-system", "ingress-nginx", "gateway-system", "argocd", "flux-system")
"""Where installations have Services that no manifest of a story makes."""
_WORKLOADS = ("deployment", "statefulset", "daemonset", "replicaset", "job", "pod")


def check_traffic(scenario: Scenario, traffic: Traffic, objects: Objects, report: Report) -> None:
    """Add every fault of one entry of `traffic`."""
    _check_times(scenario, traffic, report)
    _check_demand(traffic, report)
    _check_way_in(scenario, traffic, report)
    if scenario.cluster_named(traffic.cluster) is None and traffic.cluster is not None:
        known = [each.name for each in scenario.all_clusters()]
        report.add(
            "KC208",
            at(traffic, "cluster"),
            f"no cluster '{traffic.cluster}'",
            did_you_mean(traffic.cluster, known, "clusters"),
        )
    if traffic.from_ is not None:
        _check_workload(traffic, traffic.from_, objects, report)
    if traffic.service:
        _check_service(traffic, traffic.service, objects, report)
    else:
        _check_url(scenario, traffic, objects, report)
    if traffic.entry == "Gateway" and traffic.gateway is not None:
        _check_gateway(scenario, traffic, traffic.gateway, objects, report)


def _check_times(scenario: Scenario, traffic: Traffic, report: Report) -> None:
    if traffic.timeout <= 0:
        report.add(
            "KC104",
            at(traffic, "timeout"),
            "a timeout of nothing: every request would fail",
            'Write it like "1s".',
        )
    for key, when in (("start", traffic.start), ("until", traffic.until)):
        if when is not None and when > scenario.until:
            report.add("KC302", at(traffic, key), f"traffic '{traffic.name}' goes beyond the end of the run")
    if traffic.until is not None and traffic.until < traffic.start:
        report.add(
            "KC301", at(traffic, "until"), f"traffic '{traffic.name}' ends before it starts", "Swap the two."
        )


def _check_demand(traffic: Traffic, report: Report) -> None:
    if (traffic.rate is None) == (traffic.users is None):
        message = "neither `rate` nor `users`" if traffic.rate is None else "both `rate` and `users`"
        remedy = "Write `rate` for requests that come whatever the answers are, `users` for clients who wait."
        report.add("KC105", at(traffic), f"traffic '{traffic.name}' has {message}", remedy)
        return
    if traffic.users == 0:
        report.add("KC104", at(traffic, "users"), "no users: nobody would ask", "Write 1 or more.")
        return
    for index, level in enumerate(traffic.shape):
        if index and level.at <= traffic.shape[index - 1].at:
            where = at(traffic, "shape", index, "at")
            report.add("KC301", where, "this level is not later than the one before", "Sort them by `at`.")
    for index, burst in enumerate(traffic.bursts):
        if burst.for_ <= 0 or (burst.every is not None and burst.every <= burst.for_):
            where = at(traffic, "bursts", index)
            text = "a burst lasts longer than nothing, and shorter than the time between two of them"
            report.add("KC104", where, text, "Write {at: 10m, for: 2m, factor: 5, every: 1h}.")
            return
    kept = traffic.keep_alive
    if kept is not None and not 1 <= kept.connections <= CONNECTIONS_MAX:
        report.add(
            "KC104",
            at(traffic, "keepAlive", "connections"),
            f"{kept.connections} connections",
            f"Write 1 to {CONNECTIONS_MAX}.",
        )
    if kept is not None and kept.max_age == 0:
        report.add(
            "KC104", at(traffic, "keepAlive", "maxAge"), "an age of nothing", "Leave it out for never."
        )
    rate = demand_of(traffic).wanted(0, 0)
    if traffic.each and rate > EACH_MAX:
        text = f"{float(rate):g} requests a second are too many to play each by itself"
        report.add("KC104", at(traffic, "each"), text, f"Leave `each` out, or ask for {EACH_MAX} at most.")


def _check_way_in(scenario: Scenario, traffic: Traffic, report: Report) -> None:
    if traffic.from_ is not None and traffic.entry is not None:
        report.add(
            "KC105",
            key_at(traffic, "entry"),
            "both `from` and `entry`: pods are inside already",
            "Keep one of the two.",
        )
    if (traffic.entry == "Gateway") != (traffic.gateway is not None):
        if traffic.gateway is None:
            report.add("KC105", at(traffic, "entry"), "which Gateway?", "Write `gateway:`, its name.")
        else:
            report.add(
                "KC105",
                key_at(traffic, "gateway"),
                "`gateway` goes with `entry: Gateway` only",
                "Write `entry: Gateway`, or remove it.",
            )
    cluster = scenario.cluster_named(traffic.cluster)
    if cluster is None:
        return
    for entry, there, field in (
        ("Ingress", cluster.ingress, "ingress"),
        ("Gateway", cluster.gateway, "gateway"),
    ):
        if traffic.entry == entry and not there:
            text = f"requests come in by {entry}, and nothing in the cluster plays one"
            report.add("KC105", at(traffic, "entry"), text, f"Write `{field}: true` under `cluster`.")
        if traffic.entry == entry and traffic.service:
            text = (
                f"an {entry} is asked by host and path"
                if entry == "Ingress"
                else "a Gateway is asked by host and path"
            )
            report.add("KC104", at(traffic, "to"), text, "Write a URL: http://shop.example/cart.")
    if traffic.entry in ("NodePort", "LoadBalancer") and not traffic.service:
        text = f"a {traffic.entry} belongs to a Service"
        report.add("KC104", at(traffic, "to"), text, "Write service/web.")


def _check_workload(traffic: Traffic, ref: str, objects: Objects, report: Report) -> None:
    kind, _, name = ref.partition("/")
    if kind not in _WORKLOADS or not name or "/" in name:
        remedy = "Write deployment/cart or pod/client."
        report.add("KC104", at(traffic, "from"), f"'{ref[:60]}' names no pods", remedy)
        return
    if kind in ("pod", "replicaset") or objects.open_ended or objects.renamed:
        return
    known = sorted(n for k, n in objects.named if k.lower() == kind)
    found = next((spaces for (k, n), spaces in objects.named.items() if (k.lower(), n) == (kind, name)), None)
    if found is None or traffic.namespace not in found:
        text = f"no {kind} '{name}' in namespace '{traffic.namespace}': nobody would ask"
        report.add("KC407", at(traffic, "from"), text, did_you_mean(name, known, f"{kind}s"))


def _check_url(scenario: Scenario, traffic: Traffic, objects: Objects, report: Report) -> None:
    remedy = "Write service/web, or a URL: http://web.shop/cart."
    if "://" not in traffic.to:
        report.add("KC104", at(traffic, "to"), f"'{traffic.to[:60]}' is no Service and no URL", remedy)
        return
    try:
        target = of_url(traffic.to)
    except ValueError as error:
        report.add("KC104", at(traffic, "to"), str(error), remedy)
        return
    if traffic.port is not None:
        report.add("KC105", key_at(traffic, "port"), "a URL has its port in itself", "http://web:8080/")
    if traffic.entry is None:
        _check_name(scenario, traffic, target, objects, report)


def _check_name(
    scenario: Scenario, traffic: Traffic, target: Target, objects: Objects, report: Report
) -> None:
    """Whether a name that is asked inside means a Service of the story; one of the internet is none of ours."""
    key = target.key_in(traffic.namespace) if not target.is_address else None
    hosts = {*OUTSIDE, *(node.name for each in scenario.all_clusters() for node in scenario.nodes_of(each))}
    if key is None or target.host in hosts or key in objects.services or _is_unsure(scenario, objects):
        return
    if key[0] in _INSTALLED or objects.named.get(("Gateway", key[1].removesuffix(f"-{GATEWAY_CLASS}"))):
        return
    known = [f"{name}.{space}" for space, name in sorted(objects.services)]
    text = f"no manifest makes a Service '{key[1]}' in namespace '{key[0]}': the name leads nowhere"
    report.add("KC513", at(traffic, "to"), text, did_you_mean(".".join(key[::-1]), known, "Services"))


def _is_unsure(scenario: Scenario, objects: Objects) -> bool:
    """Whether objects may come from where nobody can look: clones, own controllers, people's commands."""
    by_hand = any(entry.kubectl for entry in scenario.timeline)
    return objects.open_ended or objects.renamed or bool(scenario.controllers) or by_hand


def _check_gateway(
    scenario: Scenario, traffic: Traffic, gateway: str, objects: Objects, report: Report
) -> None:
    if _is_unsure(scenario, objects) or traffic.namespace in objects.named.get(("Gateway", gateway), ()):
        return
    known = sorted(name for kind, name in objects.named if kind == "Gateway")
    text = f"no Gateway '{gateway}' in namespace '{traffic.namespace}': nobody would be reached"
    report.add("KC407", at(traffic, "gateway"), text, did_you_mean(gateway, known, "Gateways"))


def _check_service(traffic: Traffic, name: str, objects: Objects, report: Report) -> None:
    if objects.open_ended or objects.renamed:
        return
    found = objects.services.get((traffic.namespace, name))
    if found is None:
        others = [f"{other} in namespace {space}" for space, other in sorted(objects.services)]
        remedy = did_you_mean(f"{name} in namespace {traffic.namespace}", others, "Services")
        report.add(
            "KC205", at(traffic, "to"), f"no Service '{name}' in namespace '{traffic.namespace}'", remedy
        )
        return
    ports = [pair for service in found for pair in ports_of(service)]
    if traffic.port is None:
        if all(len(ports_of(service)) > 1 for service in found):
            report.add("KC212", at(traffic, "to"), f"Service '{name}' has several ports", "Write `port:`.")
    elif not any(traffic.port in pair for pair in ports):
        known = [str(each) for pair in ports for each in pair if each is not None]
        report.add(
            "KC212",
            at(traffic, "port"),
            f"Service '{name}' has no port {traffic.port}",
            did_you_mean(str(traffic.port), known, "ports"),
        )


def ports_of(service: object) -> list[tuple[int | None, str | None]]:
    """Numbers and names of a Service's ports, as written."""
    spec = service.get("spec") if isinstance(service, dict) else None
    ports = spec.get("ports") if isinstance(spec, dict) else None
    return [(port.get("port"), port.get("name")) for port in ports or () if isinstance(port, dict)]
