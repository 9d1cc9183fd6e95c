"""kubectl create KIND NAME: objects from flags.

**Imitates:** kubectl ``pkg/cmd/create`` (v1.33 to v1.36): which object each makes, and how a refusal is told. Left out:
``--from-file``, tls and docker-registry secrets, priorityclass, external services.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from kcsim.api import objects
from kcsim.api.catalog import Resource
from kcsim.api.objects import Object
from kcsim.api.status import StatusError, Unreachable
from kcsim.engine.clock import SECOND, seconds
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.printing import print_objects
from kcsim.kubectl.session import KubectlError, Session, named
from kcsim.kubectl.targets import namespace_of

_RBAC = "rbac.authorization.k8s.io"
_PATH_TYPES = {True: "Prefix", False: "Exact"}


def create_named(session: Session, arguments: Arguments) -> Steps:
    """``kubectl create KIND NAME``."""
    if not arguments.words:
        raise KubectlError("error: must specify one of -f and -k")
    kind, *words = arguments.words
    if kind == "token":
        yield from _token(session, arguments, words)
        return None
    maker = _MAKERS.get(kind)
    if maker is None:
        known = ", ".join(sorted(_MAKERS))
        raise KubectlError(
            f"error: kcsim does not model 'kubectl create {kind}' ({known} it does): write a manifest"
        )
    if kind in {"secret", "service"}:
        kind, words = f"{kind} {words[0] if words else ''}", words[1:]
    if not words:
        raise KubectlError("error: exactly one NAME is required, got 0")
    obj = maker(session, arguments, words[0], kind)
    if kind == "job" and arguments.get("from"):
        obj = yield from _job_from(session, arguments, words[0])
    resource = session.client.endpoint.server.catalog.of(obj)
    assert resource is not None, obj
    yield from make(session, arguments, resource, obj, kind.partition(" ")[0])
    return None


def make(session: Session, arguments: Arguments, resource: Resource, obj: Object, what: str) -> Steps:
    """Send the object, and say so."""
    namespace = namespace_of(session, arguments) if resource.namespaced else ""
    dry = arguments.get("dry-run")
    if dry == "client":
        made = obj if not namespace else objects.with_metadata(obj, namespace=namespace)
    else:
        try:
            made = yield session.client.create(
                resource, obj, namespace, field_manager="kubectl-create", dry_run=dry == "server"
            )
        except Unreachable:
            raise
        except StatusError as error:
            if what in _PLAINLY:
                raise
            raise KubectlError(f"error: failed to create {what}: {error.message}") from None
    if arguments.get("output") not in {"", "name"}:
        print_objects(session, arguments, [made])
        return None
    said = {"server": " (server dry run)", "client": " (dry run)"}.get(dry, "")
    name = named(resource, objects.name(made))
    session.print(name if arguments.get("output") == "name" else f"{name} created{said}")
    return None


_PLAINLY = frozenset({"namespace", "ns"})
"""Kinds whose refusals are told as the server words them."""


# --- objects from flags -------------------------------------------------------------------------------------------


def _head(version: str, kind: str, name: str) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def _plain(version: str, kind: str) -> Any:
    def maker(session: Session, arguments: Arguments, name: str, what: str) -> Object:
        del session, arguments, what
        return _head(version, kind, name)

    return maker


def _literals(arguments: Arguments) -> dict[str, str]:
    pairs = (item.partition("=") for item in arguments.flags.get("from-literal", ()))
    return {key: value for key, _, value in pairs}


def _config_map(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    del session, what
    data = _literals(arguments)
    obj = _head("v1", "ConfigMap", name)
    return {**obj, "data": data} if data else obj


def _secret(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    del session
    if what != "secret generic":
        raise KubectlError(
            f"error: kcsim does not model 'kubectl create {what}': write a manifest and use -f"
        )
    data = {key: b64encode(value.encode()).decode() for key, value in _literals(arguments).items()}
    obj = {**_head("v1", "Secret", name), "type": arguments.get("type", "Opaque")}
    return {**obj, "data": data} if data else obj


def _containers(arguments: Arguments, name: str, images: list[str]) -> list[Object]:
    containers = []
    for image in images:
        own = name or image.rpartition("/")[2].partition(":")[0].partition("@")[0]
        container: Object = {"name": own, "image": image}
        if arguments.command:
            container["command"] = list(arguments.command)
        containers.append(container)
    return containers


def _images(arguments: Arguments) -> list[str]:
    images = [image for image in arguments.all("image") if image]
    if not images:
        raise KubectlError('error: required flag(s) "image" not set')
    return images


def _deployment(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    del session, what
    containers = _containers(arguments, "", _images(arguments))
    if arguments.get("port"):
        containers = [{**c, "ports": [{"containerPort": arguments.integer("port")}]} for c in containers]
    replicas = arguments.integer("replicas")
    obj = objects.with_labels(_head("apps/v1", "Deployment", name), {"app": name})
    obj["spec"] = {
        "replicas": 1 if replicas is None else replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}},
    }
    return obj


def _service(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    del session
    kind = {"clusterip": "ClusterIP", "nodeport": "NodePort", "loadbalancer": "LoadBalancer"}.get(
        what.partition(" ")[2]
    )
    if kind is None:
        raise KubectlError(
            f"error: kcsim does not model 'kubectl create {what}': write a manifest and use -f"
        )
    ports = []
    for item in arguments.all("tcp"):
        port, _, target = item.partition(":")
        words = item.replace(":", "-") if target else port
        ports.append(
            {"name": words, "port": int(port), "protocol": "TCP", "targetPort": _number(target or port)}
        )
    if not ports:
        raise KubectlError("error: at least one tcp port specifier must be provided")
    obj = objects.with_labels(_head("v1", "Service", name), {"app": name})
    return {**obj, "spec": {"type": kind, "selector": {"app": name}, "ports": ports}}


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _job(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    del session, what
    obj = _head("batch/v1", "Job", name)
    if arguments.get("from"):
        return obj
    pod = {"containers": _containers(arguments, name, _images(arguments)), "restartPolicy": "Never"}
    return {**obj, "spec": {"template": {"spec": pod}}}


def _job_from(session: Session, arguments: Arguments, name: str) -> Steps:
    kind, _, source = arguments.get("from").partition("/")
    resource = session.resource(kind)
    if resource.kind != "CronJob":
        raise KubectlError(f"error: from must be an existing cronjob, got {kind}")
    cron = yield session.client.get(resource, namespace_of(session, arguments), source)
    template = cron["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    annotations = {"cronjob.kubernetes.io/instantiate": "manual", **(metadata.get("annotations") or {})}
    owner = objects.owner_reference(cron)
    job = _head("batch/v1", "Job", name)
    job["metadata"] |= {"annotations": annotations, "ownerReferences": [owner]}
    if metadata.get("labels"):
        job["metadata"]["labels"] = metadata["labels"]
    return {**job, "spec": template["spec"]}


def _cron_job(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    del session, what
    pod = {"containers": _containers(arguments, name, _images(arguments)), "restartPolicy": "OnFailure"}
    job = {"metadata": {"name": name}, "spec": {"template": {"spec": pod}}}
    return {
        **_head("batch/v1", "CronJob", name),
        "spec": {"schedule": arguments.get("schedule"), "jobTemplate": job},
    }


def _role(kind: str) -> Any:
    def maker(session: Session, arguments: Arguments, name: str, what: str) -> Object:
        del what
        verbs = arguments.all("verb")
        if not verbs:
            raise KubectlError("error: at least one verb must be specified")
        rules: dict[str, list[str]] = {}
        for text in arguments.all("resource"):
            plural, slash, sub = text.partition("/")
            resource = session.client.endpoint.server.catalog.by_word(plural)
            if resource is None:
                raise KubectlError(f'the server doesn\'t have a resource type "{plural}"')
            rules.setdefault(resource.group, []).append(f"{resource.plural}{slash}{sub}")
        if not rules:
            raise KubectlError("error: one resource must be specified")
        names = arguments.all("resource-name")
        listed = [
            {
                "apiGroups": [group],
                "resources": found,
                "verbs": verbs,
                **({"resourceNames": names} if names else {}),
            }
            for group, found in rules.items()
        ]
        return {**_head(f"{_RBAC}/v1", kind, name), "rules": listed}

    return maker


def _binding(kind: str) -> Any:
    def maker(session: Session, arguments: Arguments, name: str, what: str) -> Object:
        del session, what
        role, cluster_role = arguments.get("role"), arguments.get("clusterrole")
        if bool(role) == bool(cluster_role):
            raise KubectlError("error: exactly one of clusterrole or role must be specified")
        subjects: list[Object] = [
            {"apiGroup": _RBAC, "kind": subject, "name": who}
            for subject, flag in (("User", "user"), ("Group", "group"))
            for who in arguments.all(flag)
        ]
        for account in arguments.all("serviceaccount"):
            namespace, colon, who = account.partition(":")
            if not colon:
                raise KubectlError("error: serviceaccount must be <namespace>:<name>")
            subjects.append({"kind": "ServiceAccount", "name": who, "namespace": namespace})
        ref = {"apiGroup": _RBAC, "kind": "Role" if role else "ClusterRole", "name": role or cluster_role}
        return {**_head(f"{_RBAC}/v1", kind, name), "roleRef": ref, "subjects": subjects}

    return maker


def _quota(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    del session, what
    hard = {k: v for k, _, v in (item.partition("=") for item in arguments.all("hard"))}
    return {**_head("v1", "ResourceQuota", name), "spec": {"hard": hard} if hard else {}}


def _budget(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    del session, what
    if not arguments.get("selector"):
        raise KubectlError("error: a selector must be specified")
    labels = {k: v for k, _, v in (item.partition("=") for item in arguments.all("selector"))}
    spec: Object = {"selector": {"matchLabels": labels}}
    for flag, field in (("min-available", "minAvailable"), ("max-unavailable", "maxUnavailable")):
        if arguments.get(flag):
            spec[field] = _number(arguments.get(flag))
    if len(spec) != 2:
        raise KubectlError("error: one of min-available or max-unavailable must be specified")
    return {**_head("policy/v1", "PodDisruptionBudget", name), "spec": spec}


def _ingress(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    del session, what
    rules: list[Object] = []
    for text in arguments.flags.get("rule", ()):
        place, equals, backend = text.partition(",")[0].partition("=")
        host, slash, path = place.partition("/")
        service, _, port = backend.partition(":")
        if not equals or not service or not port:
            raise KubectlError(
                f"error: rule {text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"
            )
        prefix = path.endswith("*")
        number = {"number": int(port)} if port.isdigit() else {"name": port}
        entry = {
            "path": f"{slash}{path.rstrip('*')}",
            "pathType": _PATH_TYPES[prefix],
            "backend": {"service": {"name": service, "port": number}},
        }
        rules.append({**({"host": host} if host else {}), "http": {"paths": [entry]}})
    if not rules:
        raise KubectlError(
            "error: not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)"
        )
    spec: Object = {"rules": rules}
    if arguments.get("class"):
        spec["ingressClassName"] = arguments.get("class")
    return {**_head("networking.k8s.io/v1", "Ingress", name), "spec": spec}


def _token(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    """``kubectl create token ACCOUNT``."""
    if not words:
        raise KubectlError("error: exactly one NAME is required, got 0")
    spec: Object = {}
    if arguments.get("duration"):
        spec["expirationSeconds"] = seconds(arguments.get("duration")) // SECOND
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {}, "spec": spec}
    try:
        answer = yield session.client.request_token(namespace_of(session, arguments), words[0], body)
    except Unreachable:
        raise
    except StatusError as error:
        raise KubectlError(f"error: failed to create token: {error.message}") from None
    session.write(answer["status"]["token"])


Maker = Callable[[Session, Arguments, str, str], Object]
_MAKERS: dict[str, Maker] = {
    "clusterrole": _role("ClusterRole"),
    "clusterrolebinding": _binding("ClusterRoleBinding"),
    "cm": _config_map,
    "configmap": _config_map,
    "cronjob": _cron_job,
    "deploy": _deployment,
    "deployment": _deployment,
    "ingress": _ingress,
    "job": _job,
    "namespace": _plain("v1", "Namespace"),
    "ns": _plain("v1", "Namespace"),
    "pdb": _budget,
    "poddisruptionbudget": _budget,
    "quota": _quota,
    "resourcequota": _quota,
    "role": _role("Role"),
    "rolebinding": _binding("RoleBinding"),
    "sa": _plain("v1", "ServiceAccount"),
    "secret": _secret,
    "service": _service,
    "serviceaccount": _plain("v1", "ServiceAccount"),
    "svc": _service,
}
