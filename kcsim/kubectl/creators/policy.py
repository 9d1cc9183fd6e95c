"""Roles, bindings, quotas, budgets and priority classes from flags (kubectl ``pkg/cmd/create``)."""

from __future__ import annotations

import re

from kcsim.api import selectors
from kcsim.api.objects import Object
from kcsim.api.selectors import SelectorError
from kcsim.kubectl.creators.common import Maker, amounts, head, number, pairs, required
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session

_RBAC = "rbac.authorization.k8s.io"
_SHARE = re.compile(r"[0-9]+%?", re.ASCII)
_OPERATORS = {
    selectors.EQUALS: "=",
    selectors.DOUBLE_EQUALS: "=",
    selectors.IN: "In",
    selectors.NOT_EQUALS: "NotIn",
    selectors.NOT_IN: "NotIn",
    selectors.EXISTS: "Exists",
    selectors.DOES_NOT_EXIST: "DoesNotExist",
}


_VERBS = frozenset(
    "* get delete list create update patch watch proxy deletecollection use bind escalate impersonate".split()
)
_URL_VERBS = frozenset("* get post put delete patch head options".split())


def role(kind: str) -> Maker:
    """``create role`` and ``create clusterrole``."""

    def maker(session: Session, arguments: Arguments, name: str, what: str) -> Object:
        del what
        obj = head(f"{_RBAC}/v1", kind, name)
        if arguments.get("aggregation-rule"):
            if any(
                arguments.flags.get(flag)
                for flag in ("non-resource-url", "verb", "resource", "resource-name")
            ):
                raise KubectlError(
                    "error: aggregation rule must be specified without nonResourceURLs, verbs, resources or resourceNames"
                )
            labels = pairs(arguments.all("aggregation-rule"))
            return {
                **obj,
                "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": labels}]},
                "rules": None,
            }
        return {**obj, "rules": _rules(session, arguments, urls=kind == "ClusterRole")}

    return maker


def _rules(session: Session, arguments: Arguments, *, urls: bool) -> list[Object]:
    verbs, resources = _distinct(arguments.all("verb")), _distinct(arguments.all("resource"))
    paths = arguments.all("non-resource-url") if urls else []
    if not verbs:
        raise KubectlError("error: at least one verb must be specified")
    if not resources and not paths:
        what = "one of resource or nonResourceURL" if urls else "at least one resource"
        raise KubectlError(f"error: {what} must be specified")
    verbs = ["*"] if "*" in verbs else verbs
    for verb in verbs if resources else ():
        if verb not in _VERBS:
            session.warn(f"Warning: '{verb}' is not a standard resource verb")
    groups: dict[str, list[str]] = {}
    for text in ["*"] if "*" in resources else resources:
        group, plural = _resource(session, text)
        groups.setdefault(group, []).append(plural)
    _check_paths(verbs, paths)
    names = _distinct(arguments.all("resource-name"))
    named: Object = {"resourceNames": names} if names else {}
    rules: list[Object] = [
        {"apiGroups": [group], "resources": found, "verbs": verbs, **named} for group, found in groups.items()
    ]
    return [*rules, {"nonResourceURLs": paths, "verbs": verbs}] if paths else rules


def _distinct(words: list[str]) -> list[str]:
    return list(dict.fromkeys(word for word in words if word))


def _resource(session: Session, text: str) -> tuple[str, str]:
    """The group and the plural that a rule names; ``*`` stays what it is."""
    if text == "*":
        return "", "*"
    plural, slash, sub = text.partition("/")
    resource = session.client.endpoint.server.catalog.by_word(plural)
    if resource is None:
        raise KubectlError(f'the server doesn\'t have a resource type "{plural}"')
    return resource.group, f"{resource.plural}{slash}{sub}"


def _check_paths(verbs: list[str], paths: list[str]) -> None:
    for verb in verbs if paths else ():
        if verb not in _URL_VERBS:
            raise KubectlError(f"error: invalid verb: '{verb}' for nonResourceURL")
    for path in paths:
        if path == "*":
            continue
        if not path.startswith("/"):
            raise KubectlError("error: nonResourceURL should start with /")
        if "*" in path[:-1]:
            raise KubectlError("error: nonResourceURL only supports wildcard matches when '*' is at the end")


def binding(kind: str) -> Maker:
    """``create rolebinding`` and ``create clusterrolebinding``."""

    def maker(session: Session, arguments: Arguments, name: str, what: str) -> Object:
        del session, what
        role, cluster_role = arguments.get("role"), arguments.get("clusterrole")
        if kind == "ClusterRoleBinding":
            required(arguments, "clusterrole")
        if bool(role) == bool(cluster_role):
            raise KubectlError("error: exactly one of clusterrole or role must be specified")
        ref = {"apiGroup": _RBAC, "kind": "Role" if role else "ClusterRole", "name": role or cluster_role}
        return {**head(f"{_RBAC}/v1", kind, name), "roleRef": ref, "subjects": subjects_of(arguments)}

    return maker


def subjects_of(arguments: Arguments) -> list[Object]:
    """The subjects that --user, --group and --serviceaccount name.

    Raises:
        KubectlError: an account without its namespace.
    """
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
    return subjects


def quota(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create quota``."""
    del session, what
    spec: Object = {"hard": amounts(arguments, "hard")} if arguments.get("hard") else {}
    if arguments.get("scopes"):
        spec["scopes"] = arguments.all("scopes")
    return {**head("v1", "ResourceQuota", name), "spec": spec}


def budget(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create poddisruptionbudget``."""
    del session, what
    if not arguments.get("selector"):
        raise KubectlError("error: a selector must be specified")
    least, most = arguments.get("min-available"), arguments.get("max-unavailable")
    if not least and not most:
        raise KubectlError("error: one of min-available or max-unavailable must be specified")
    if least and most:
        raise KubectlError("error: min-available and max-unavailable cannot be both specified")
    flag, field = ("min-available", "minAvailable") if least else ("max-unavailable", "maxUnavailable")
    if not _SHARE.fullmatch(least or most):
        raise KubectlError(f"error: invalid format specified for {flag}")
    spec: Object = {
        field: number(least or most),
        "selector": label_selector(",".join(arguments.flags["selector"])),
    }
    return {**head("policy/v1", "PodDisruptionBudget", name), "spec": spec}


def label_selector(text: str) -> Object:
    """A selector typed as text, as an object (apimachinery: ParseToLabelSelector)."""
    try:
        requirements = selectors.parse(text).requirements
    except SelectorError as error:
        raise KubectlError(f'error: couldn\'t parse the selector string "{text}": {error}') from None
    labels: dict[str, str] = {}
    expressions: list[Object] = []
    for each in requirements:
        operator = _OPERATORS.get(each.operator)
        if operator == "=":
            labels[each.key] = min(each.values)
        elif operator is None:
            raise KubectlError(f'error: "{each.operator}" isn\'t supported in label selectors')
        else:
            values: Object = {"values": sorted(each.values)} if each.values else {}
            expressions.append({"key": each.key, "operator": operator, **values})
    found: Object = {"matchLabels": labels} if labels else {}
    return found | ({"matchExpressions": expressions} if expressions else {})


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
