"""Roles, bindings, quotas, budgets and priority classes from flags (kubectl ``pkg/cmd/create``)."""

from __future__ import annotations

from kcsim.api.objects import Object
from kcsim.kubectl.creators.common import Maker, head, number, pairs
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session

_RBAC = "rbac.authorization.k8s.io"


def role(kind: str) -> Maker:
    """``create role`` and ``create clusterrole``."""

    def maker(session: Session, arguments: Arguments, name: str, what: str) -> Object:
        del what
        obj = head(f"{_RBAC}/v1", kind, name)
        if arguments.get("aggregation-rule"):
            labels = pairs(arguments.all("aggregation-rule"))
            return {
                **obj,
                "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": labels}]},
                "rules": None,
            }
        return {**obj, "rules": _rules(session, arguments)}

    return maker


def _rules(session: Session, arguments: Arguments) -> list[Object]:
    verbs, names = arguments.all("verb"), arguments.all("resource-name")
    if not verbs:
        raise KubectlError("error: at least one verb must be specified")
    groups: dict[str, list[str]] = {}
    for text in arguments.all("resource"):
        plural, slash, sub = text.partition("/")
        resource = session.client.endpoint.server.catalog.by_word(plural)
        if resource is None:
            raise KubectlError(f'the server doesn\'t have a resource type "{plural}"')
        groups.setdefault(resource.group, []).append(f"{resource.plural}{slash}{sub}")
    urls = arguments.all("non-resource-url")
    if not groups and not urls:
        raise KubectlError("error: at least one resource must be specified")
    named: Object = {"resourceNames": names} if names else {}
    rules: list[Object] = [
        {"apiGroups": [group], "resources": found, "verbs": verbs, **named} for group, found in groups.items()
    ]
    return [*rules, {"nonResourceURLs": urls, "verbs": verbs}] if urls else rules


def binding(kind: str) -> Maker:
    """``create rolebinding`` and ``create clusterrolebinding``."""

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
        return {**head(f"{_RBAC}/v1", kind, name), "roleRef": ref, "subjects": subjects}

    return maker


def quota(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create quota``."""
    del session, what
    spec: Object = {"hard": pairs(arguments.all("hard"))} if arguments.get("hard") else {}
    if arguments.get("scopes"):
        spec["scopes"] = arguments.all("scopes")
    return {**head("v1", "ResourceQuota", name), "spec": spec}


def budget(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create poddisruptionbudget``."""
    del session, what
    if not arguments.get("selector"):
        raise KubectlError("error: a selector must be specified")
    spec: Object = {"selector": {"matchLabels": pairs(arguments.all("selector"))}}
    for flag, field in (("min-available", "minAvailable"), ("max-unavailable", "maxUnavailable")):
        if arguments.get(flag):
            spec[field] = number(arguments.get(flag))
    if len(spec) != 2:
        raise KubectlError("error: one of min-available or max-unavailable must be specified")
    return {**head("policy/v1", "PodDisruptionBudget", name), "spec": spec}


def priority_class(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create priorityclass``."""
    del session, what
    obj = head("scheduling.k8s.io/v1", "PriorityClass", name)
    obj |= {
        "value": arguments.integer("value") or 0,
        "preemptionPolicy": arguments.get("preemption-policy", "PreemptLowerPriority"),
    }
    if arguments.on("global-default"):
        obj["globalDefault"] = True
    return {**obj, "description": arguments.get("description")} if arguments.get("description") else obj
