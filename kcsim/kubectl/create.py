"""kubectl create KIND NAME: objects from flags.

**Imitates:** kubectl ``pkg/cmd/create`` (v1.33 to v1.36): which object each makes, and how a refusal is told.

**Walk:** words -> a maker of ``kcsim.kubectl.creators`` -> ``make``: sent, or for a client's dry run printed.
"""

from __future__ import annotations

import json

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError, Unreachable
from kcsim.engine.clock import SECOND, seconds
from kcsim.engine.task import Steps
from kcsim.kubectl.creators import config, network, policy, workloads
from kcsim.kubectl.creators.common import Maker, plain, usage
from kcsim.kubectl.creators.shape import printed
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.migration import LAST_APPLIED
from kcsim.kubectl.options import ALIASES
from kcsim.kubectl.printing import tell_done
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import namespace_of


def create_named(session: Session, arguments: Arguments) -> Steps:
    """``kubectl create KIND NAME``."""
    if not arguments.words:
        raise KubectlError("error: must specify one of -f and -k")
    kind, *words = arguments.words
    if kind == "token":
        yield from _token(session, arguments, words)
        return None
    maker = CREATED.get(kind)
    if maker is None:
        raise usage("create", f"Unexpected args: [{' '.join(arguments.words)}]")
    typed = ALIASES.get(kind, kind)
    if typed in {"secret", "service"}:
        kind, words = f"{typed} {words[0] if words else ''}", words[1:]
        typed = kind
    if len(words) != 1:
        raise usage(f"create {typed}", f"exactly one NAME is required, got {len(words)}")
    obj = maker(session, arguments, words[0], kind)
    if kind == "job" and arguments.get("from"):
        obj = yield from workloads.job_from(session, arguments, words[0])
    resource = session.client.endpoint.server.catalog.of(obj)
    assert resource is not None, obj
    yield from make(session, arguments, resource, obj, kind.partition(" ")[0])
    return None


def make(session: Session, arguments: Arguments, resource: Resource, obj: Object, what: str) -> Steps:
    """Send the object, and say so."""
    namespace = namespace_of(session, arguments) if resource.namespaced else ""
    try:
        made = yield from sent(session, arguments, resource, obj, namespace, "kubectl-create")
    except Unreachable:
        raise
    except StatusError as error:
        if what in _PLAINLY:
            raise
        raise KubectlError(f"error: failed to create {ALIASES.get(what, what)}: {error.message}") from None
    tell_done(session, arguments, resource, made, "created", typed=True)
    return None


def sent(
    session: Session, arguments: Arguments, resource: Resource, obj: Object, namespace: str, manager: str
) -> Steps:
    """The object as the server made it, or for a client's dry run as it would be sent."""
    if arguments.on("save-config"):
        text = json.dumps(printed(obj), separators=(",", ":"), ensure_ascii=False) + "\n"
        obj = objects.with_annotations(obj, {LAST_APPLIED: text})
    if arguments.get("dry-run") == "client":
        given = namespace if "namespace" in arguments.flags else ""
        return printed(objects.with_metadata(obj, namespace=given) if given else obj)
    return printed((yield session.client.create(resource, obj, namespace, field_manager=manager)))


_PLAINLY = frozenset({"namespace", "ns"})
"""Kinds whose refusals are told as the server words them."""


def _token(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    """``kubectl create token ACCOUNT``."""
    if len(words) != 1:
        raise usage("create token", f"exactly one NAME is required, got {len(words)}")
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


CREATED: dict[str, Maker] = {
    "clusterrole": policy.role("ClusterRole"),
    "clusterrolebinding": policy.binding("ClusterRoleBinding"),
    "cm": config.config_map,
    "configmap": config.config_map,
    "cronjob": workloads.cron_job,
    "deploy": workloads.deployment,
    "deployment": workloads.deployment,
    "ing": network.ingress,
    "ingress": network.ingress,
    "job": workloads.job,
    "namespace": plain("v1", "Namespace"),
    "ns": plain("v1", "Namespace"),
    "pc": policy.priority_class,
    "pdb": policy.budget,
    "poddisruptionbudget": policy.budget,
    "priorityclass": policy.priority_class,
    "quota": policy.quota,
    "resourcequota": policy.quota,
    "role": policy.role("Role"),
    "rolebinding": policy.binding("RoleBinding"),
    "sa": plain("v1", "ServiceAccount"),
    "secret": config.secret,
    "service": network.service,
    "serviceaccount": plain("v1", "ServiceAccount"),
    "svc": network.service,
}
