"""kubectl run, expose and autoscale: a pod, a Service, an autoscaler made from what is there.

**Imitates:** kubectl ``pkg/cmd/{run,expose,autoscale}`` (v1.33 to v1.36). Left out: attaching to what was run.
"""

from __future__ import annotations

import json
import re

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.patch import json_patch, merge_patch, strategic
from kcsim.api.patching import patch_schema
from kcsim.api.resources import Resource
from kcsim.engine.task import Steps
from kcsim.kubectl.create import sent
from kcsim.kubectl.creators.common import usage
from kcsim.kubectl.creators.shape import printed
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.printing import tell_done
from kcsim.kubectl.session import KubectlError, Session, group_kind
from kcsim.kubectl.targets import Target, choose, namespace_of

_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?"
IMAGE_NAME = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::[\w][\w.-]{{0,127}})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{{32,}})?",
    re.ASCII,
)
"""What names an image (distribution's reference grammar)."""
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
    if "image" not in arguments.flags:
        raise KubectlError('error: required flag(s) "image" not set')
    if not arguments.words:
        raise usage("run", "NAME is required for run")
    _check_run(arguments)
    pod = _pod(arguments, arguments.words[0])
    pods, services, namespace = (
        session.resource("pods"),
        session.resource("services"),
        namespace_of(session, arguments),
    )
    pod = _overridden(pods, pod, arguments)
    made = yield from sent(session, arguments, pods, pod, namespace, "kubectl-run")
    if arguments.on("expose"):
        port = arguments.integer("port")
        service: Object = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": pod["metadata"]["name"]},
            "spec": {
                "ports": [{"port": port, "protocol": "TCP", "targetPort": port}],
                "selector": pod["metadata"]["labels"],
            },
        }
        exposed = yield from sent(session, arguments, services, service, namespace, "kubectl-run")
        tell_done(session, arguments, services, exposed, "created", typed=True)
        if arguments.get("output") == "yaml":
            session.print("---\n---")
    tell_done(session, arguments, pods, made, "created", typed=True)
    return None


def _check_run(arguments: Arguments) -> None:
    """What kubectl refuses before it makes a pod, in its order (RunOptions.Run)."""
    image = arguments.get("image")
    if not image:
        raise KubectlError("error: --image is required")
    if not IMAGE_NAME.fullmatch(image):
        lower = IMAGE_NAME.fullmatch(image.lower())
        why = "repository name must be lowercase" if lower else "invalid reference format"
        raise KubectlError(f'error: Invalid image name "{image}": {why}')
    attached = arguments.on("attach") or arguments.on("stdin") or arguments.on("tty")
    if arguments.on("tty") and not arguments.on("stdin"):
        raise usage("run", "-i/--stdin is required for containers with -t/--tty=true")
    if arguments.on("expose") and not arguments.get("port"):
        raise usage("run", "--port must be set when exposing a service")
    if attached and arguments.get("dry-run"):
        raise usage(
            "run",
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
        )
    if arguments.on("rm") and not attached:
        raise usage("run", "--rm should only be used for attached containers")
    if attached:
        raise KubectlError(
            "error: kcsim does not model attaching to what was run: 'kubectl logs' shows what it writes"
        )
    if arguments.get("restart", "Always") not in _RESTARTS:
        raise usage("run", f"invalid restart policy: {arguments.get('restart')}")
    if arguments.get("image-pull-policy") not in {"", "Always", "IfNotPresent", "Never"}:
        raise usage("run", f"invalid image pull policy: {arguments.get('image-pull-policy')}")


def _pod(arguments: Arguments, name: str) -> Object:
    """The pod that the flags describe (``pkg/generate/versioned/run.go``)."""
    labels = read_labels(arguments) or {"run": name}
    container: Object = {"name": name, "image": arguments.get("image"), "resources": {}}
    if arguments.get("image-pull-policy"):
        container["imagePullPolicy"] = arguments.get("image-pull-policy")
    if arguments.on("privileged"):
        container["securityContext"] = {"privileged": True}
    notes = {k: v for k, _, v in (item.partition("=") for item in arguments.flags.get("annotations", ()))}
    words = [*arguments.words[1:], *arguments.command]
    if words:
        container["command" if arguments.on("command") else "args"] = words
    if arguments.get("port"):
        container["ports"] = [{"containerPort": arguments.integer("port")}]
    for item in arguments.flags.get("env", ()):
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise KubectlError(f"error: invalid env: {item}")
        container.setdefault("env", []).append({"name": key, "value": value} if value else {"name": key})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels, **({"annotations": notes} if notes else {})},
        "spec": {
            "containers": [container],
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": arguments.get("restart", "Always"),
        },
    }


def read_labels(arguments: Arguments) -> dict[str, str]:
    """The labels of ``--labels`` (``pkg/generate/generate.go``, ParseLabels).

    Raises:
        KubectlError: what is no pair.
    """
    found = {}
    for item in arguments.all("labels"):
        key, equals, value = item.partition("=")
        if item and (not equals or "=" in value):
            raise KubectlError(f"error: unexpected label spec: {item}")
        if item:
            found[key] = value
    return found


def _overridden(resource: Resource, obj: Object, arguments: Arguments) -> Object:
    """The object with what --overrides says instead (``cmdutil.Merge``, ``StrategicMerge``, ``JSONPatch``).

    Raises:
        KubectlError: no JSON, or a patch that cannot be applied.
    """
    text = arguments.get("overrides")
    if not text:
        return obj
    try:
        patch = json.loads(text)
        how = arguments.get("override-type", "merge")
        if how == "json":
            patched = json_patch.apply(obj, patch)
        elif how == "strategic":
            patched = strategic.apply(obj, patch, patch_schema(resource.gvk))
        else:
            patched = merge_patch.apply(obj, patch)
    except ValueError:
        raise KubectlError("error: Invalid JSON Patch") from None
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], **patched}


def expose(session: Session, arguments: Arguments) -> Steps:
    """``kubectl expose KIND NAME --port=N``."""
    resource = session.resource("services")
    selectors = arguments.flags.pop("selector", None)  # of the Service, not of what is exposed
    targets = yield from choose(session, arguments, arguments.words)
    if selectors:
        arguments.flags["selector"] = selectors
    for target in targets:
        live = yield session.client.get(target.resource, target.namespace, target.name)
        service = _overridden(resource, _service(arguments, target, live), arguments)
        made = yield from sent(session, arguments, resource, service, target.namespace, "kubectl-expose")
        tell_done(session, arguments, resource, made, "exposed", typed=True)
    return None


def _service(arguments: Arguments, target: Target, live: Object) -> Object:
    kind = target.resource.kind
    if kind not in _EXPOSED:
        raise KubectlError(f"error: cannot expose a {group_kind(target.resource)}")
    spec = live.get("spec") or {}
    if kind == "Pod":
        selector = objects.labels(live)
    elif kind in {"Service", "ReplicationController"}:
        selector = spec.get("selector") or {}
    else:
        selector = (spec.get("selector") or {}).get("matchLabels") or {}
    given = {k: v for k, _, v in (item.partition("=") for item in arguments.all("selector") if item)}
    numbers = (
        [_port(text) for text in arguments.all("port")]
        if arguments.get("port")
        else _container_ports(kind, spec)
    )
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
        if flag == "load-balancer-ip" and arguments.get("type") != "LoadBalancer":
            continue
        if arguments.get(flag):
            body[field] = arguments.get(flag)
    if arguments.get("external-ip"):
        body["externalIPs"] = [arguments.get("external-ip")]
    metadata: Object = {"name": arguments.get("name", target.name)}
    labels = read_labels(arguments)
    if labels or objects.labels(live):
        metadata["labels"] = labels or objects.labels(live)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": body}


def _port(text: str) -> int:
    if not text.isdigit():
        raise KubectlError(f'error: strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


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
    if least is not None and least > most:
        raise KubectlError(
            f"error: --max=MAXPODS must be larger or equal to --min=MINPODS, max: {most}, min: {least}"
        )
    resource = session.resource("horizontalpodautoscalers")
    for target in (yield from choose(session, arguments, arguments.words)):
        live = yield session.client.get(target.resource, target.namespace, target.name)
        if "scale" not in target.resource.subresources:
            group, version, plural = target.resource.group, target.resource.version, target.resource.plural
            raise KubectlError(
                f"error: cannot autoscale a {live['kind']}: could not find scale subresource for {group}/{version}, "
                f"Resource={plural} in discovery information"
            )
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
        tried = arguments.get("dry-run") == "client"
        made = printed(scaler)
        if not tried:
            made = yield from sent(
                session, arguments, resource, scaler, target.namespace, "kubectl-autoscale"
            )
        tell_done(session, arguments, resource, made, "created" if tried else "autoscaled", typed=True)
    return None
