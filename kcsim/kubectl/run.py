"""kubectl run, expose and autoscale: a pod, a Service, an autoscaler made from what is there.

**Imitates:** kubectl ``pkg/cmd/{run,expose,autoscale}`` (v1.33 to v1.36). Left out: attaching to what was run.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.task import Steps
from kcsim.kubectl.create import sent
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.printing import tell_done
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import Target, choose, namespace_of

_RESTARTS = frozenset({"Always", "OnFailure", "Never"})
_SERVICE_FIELDS = {
    "type": "type",
    "cluster-ip": "clusterIP",
    "session-affinity": "sessionAffinity",
    "load-balancer-ip": "loadBalancerIP",
}
_EXPOSED = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "Service", "Pod"})


def run(session: Session, arguments: Arguments) -> Steps:
    """``kubectl run NAME --image=IMAGE``."""
    image = arguments.get("image")
    if not image:
        given = "image" in arguments.flags
        raise KubectlError(
            "error: --image is required" if given else 'error: required flag(s) "image" not set'
        )
    if not arguments.words:
        raise KubectlError("error: NAME is required for run")
    name = arguments.words[0]
    labels = {k: v for k, _, v in (item.partition("=") for item in arguments.all("labels") if item)} or {
        "run": name
    }
    container: Object = {"name": name, "image": image, "resources": {}}
    if arguments.get("image-pull-policy"):
        container["imagePullPolicy"] = arguments.get("image-pull-policy")
    if arguments.on("privileged"):
        container["securityContext"] = {"privileged": True}
    notes = {k: v for k, _, v in (item.partition("=") for item in arguments.flags.get("annotations", ()))}
    words = [*arguments.words[1:], *arguments.command]
    if words:
        container["command" if arguments.on("command") else "args"] = words
    if arguments.get("restart", "Always") not in _RESTARTS:
        raise KubectlError(
            f"error: invalid restart policy: {arguments.get('restart')}\nSee 'kubectl run -h' for help and examples"
        )
    if arguments.on("expose") and not arguments.get("port"):
        raise KubectlError("error: --port must be set when exposing a service")
    if arguments.get("port"):
        container["ports"] = [{"containerPort": arguments.integer("port")}]
    if arguments.flags.get("env"):
        pairs = (item.partition("=") for item in arguments.flags["env"])
        container["env"] = [{"name": key, "value": value} for key, _, value in pairs]
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels, **({"annotations": notes} if notes else {})},
        "spec": {
            "containers": [container],
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": arguments.get("restart", "Always"),
        },
    }
    pods, services, namespace = (
        session.resource("pods"),
        session.resource("services"),
        namespace_of(session, arguments),
    )
    made = yield from sent(session, arguments, pods, pod, namespace, "kubectl-run")
    if arguments.on("expose"):
        port = arguments.integer("port")
        service: Object = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"ports": [{"port": port, "protocol": "TCP", "targetPort": port}], "selector": labels},
        }
        exposed = yield from sent(session, arguments, services, service, namespace, "kubectl-run")
        tell_done(session, arguments, services, exposed, "created")
    tell_done(session, arguments, pods, made, "created")
    return None


def expose(session: Session, arguments: Arguments) -> Steps:
    """``kubectl expose KIND NAME --port=N``."""
    resource = session.resource("services")
    for target in (yield from choose(session, arguments, arguments.words)):
        live = yield session.client.get(target.resource, target.namespace, target.name)
        service = _service(arguments, target, live)
        made = yield from sent(session, arguments, resource, service, target.namespace, "kubectl-expose")
        tell_done(session, arguments, resource, made, "exposed")
    return None


def _service(arguments: Arguments, target: Target, live: Object) -> Object:
    kind = target.resource.kind
    if kind not in _EXPOSED:
        raise KubectlError(f"error: cannot expose a {kind}")
    spec = live.get("spec") or {}
    if kind == "Pod":
        selector = objects.labels(live)
    elif kind in {"Service", "ReplicationController"}:
        selector = spec.get("selector") or {}
    else:
        selector = (spec.get("selector") or {}).get("matchLabels") or {}
    given = {k: v for k, _, v in (item.partition("=") for item in arguments.all("selector") if item)}
    numbers = [arguments.integer("port")] if arguments.get("port") else _container_ports(kind, spec)
    if not numbers:
        raise KubectlError("error: couldn't find port via --port flag or introspection")
    target_port = arguments.get("target-port")
    ports = [
        {
            **({"name": f"port-{place + 1}"} if len(numbers) > 1 else {}),
            "port": number,
            "protocol": arguments.get("protocol", "TCP"),
            "targetPort": (int(target_port) if target_port.isdigit() else target_port) or number,
        }
        for place, number in enumerate(numbers)
    ]
    body: Object = {"selector": given or selector, "ports": ports}
    for flag, field in _SERVICE_FIELDS.items():
        if arguments.get(flag):
            body[field] = arguments.get(flag)
    if arguments.get("external-ip"):
        body["externalIPs"] = [arguments.get("external-ip")]
    metadata: Object = {"name": arguments.get("name", target.name)}
    labels = {k: v for k, _, v in (item.partition("=") for item in arguments.all("labels") if item)}
    if labels or objects.labels(live):
        metadata["labels"] = labels or objects.labels(live)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": body}


def _container_ports(kind: str, spec: Object) -> list[int | None]:
    pod = spec if kind == "Pod" else (spec.get("template") or {}).get("spec") or {}
    if kind == "Service":
        return [port["port"] for port in spec.get("ports") or ()]
    return [port["containerPort"] for c in pod.get("containers") or () for port in c.get("ports") or ()]


def autoscale(session: Session, arguments: Arguments) -> Steps:
    """``kubectl autoscale KIND NAME --max=N``."""
    most = arguments.integer("max")
    if most is None:
        raise KubectlError('error: required flag(s) "max" not set')
    if most < 1:
        raise KubectlError("error: --max=MAXPODS is required and must be at least 1, max: " + str(most))
    least = arguments.integer("min")
    resource = session.resource("horizontalpodautoscalers")
    for target in (yield from choose(session, arguments, arguments.words)):
        live = yield session.client.get(target.resource, target.namespace, target.name)
        spec: Object = {
            "scaleTargetRef": {
                "kind": live["kind"],
                "name": target.name,
                "apiVersion": target.resource.group_version,
            },
            "maxReplicas": most,
        }
        if least is not None and least > 0:
            spec["minReplicas"] = least
        percent = arguments.get("cpu-percent") or arguments.get("cpu").rstrip("%")
        if percent:
            metric = {"type": "Utilization", "averageUtilization": int(percent)}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": metric}}]
        name = arguments.get("name", target.name)
        scaler = {
            "apiVersion": resource.group_version,
            "kind": resource.kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        made = yield from sent(session, arguments, resource, scaler, target.namespace, "kubectl-autoscale")
        tell_done(session, arguments, resource, made, "autoscaled")
    return None
