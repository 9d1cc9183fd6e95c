"""Nobody grants what they do not hold: the escalation check on roles and bindings.

**Imitates:** kubernetes ``pkg/registry/rbac/{role,rolebinding}/policybased/storage.go`` and
``pkg/registry/rbac/validation/rule.go`` (Covers; v1.36).

**Walk:** a role or binding about to be written -> the rules it would grant -> those the writer does not hold, broken
into single verbs, put together again for the message -> 403, unless the writer holds ``escalate`` or ``bind``.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, Any

from kcsim.api import status
from kcsim.api.objects import Object
from kcsim.api.rbac import rule_allows, rule_allows_url
from kcsim.api.request import Operation
from kcsim.api.resources import Resource

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

_GROUP = "rbac.authorization.k8s.io"
_KINDS = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
Rule = dict[str, Any]


def check(server: ApiServer, op: Operation, new: Object, old: Object | None) -> None:
    """Refuse a role or binding that gives away what its writer does not hold.

    Raises:
        StatusError: 403.
    """
    resource = op.resource
    if resource.group != _GROUP or resource.kind not in _KINDS or op.user.is_master:
        return
    if resource.kind.endswith("Binding"):
        if old is not None and _bound(new) == _bound(old):
            return
        ref = new.get("roleRef") or {}
        plural = "roles" if ref.get("kind") == "Role" else "clusterroles"
        allows = server.authorizer.allows_path
        if allows(op.user, "bind", _GROUP, plural, op.namespace, ref.get("name", "")):
            return
        if ref.get("kind") not in ("Role", "ClusterRole"):
            raise status.unclassified(f'unsupported role reference kind: "{ref.get("kind", "")}"')
        rules = server.authorizer.role_rules(ref, op.namespace)
        if rules is None:
            raise status.StatusError(
                404,
                "NotFound",
                f'{plural}.{_GROUP} "{ref.get("name", "")}" not found',
                {"name": ref.get("name", ""), "group": _GROUP, "kind": plural},
            )
    else:
        if old is not None and new.get("rules") == old.get("rules"):
            return
        name = new["metadata"].get("name", "")
        if server.authorizer.allows_path(op.user, "escalate", _GROUP, resource.plural, op.namespace, name):
            return
        rules = new.get("rules") or []
    held = [
        rule for where, rule in server.authorizer.rules_of(op.user) if where is None or where == op.namespace
    ]
    lacking = uncovered(held, rules)
    if lacking:
        raise _refused(resource, op, new, lacking)


def _bound(binding: Object) -> Any:
    return binding.get("roleRef"), binding.get("subjects")


def uncovered(held: Iterable[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """The wanted rules, broken into single permissions, that no held rule covers; verbs put together again."""
    owned = list(held)
    lacking: dict[tuple[Any, ...], list[str]] = {}
    for rule in wanted:
        for verb, key in _parts(rule):
            if not any(_covers(own, verb, key) for own in owned):
                verbs = lacking.setdefault(key, [])
                if verb not in verbs:
                    verbs.append(verb)
    return [_rule(key, verbs) for key, verbs in lacking.items()]


def _parts(rule: Rule) -> Iterable[tuple[str, tuple[Any, ...]]]:
    """Single permissions: (verb, (group, resource, name, url))."""
    names = rule.get("resourceNames") or [""]
    for group, resource, name in product(rule.get("apiGroups") or (), rule.get("resources") or (), names):
        for verb in rule.get("verbs") or ():
            yield verb, (group, resource, name, "")
    for url in rule.get("nonResourceURLs") or ():
        for verb in rule.get("verbs") or ():
            yield verb, ("", "", "", url)


def _covers(own: Rule, verb: str, key: tuple[Any, ...]) -> bool:
    group, resource, name, url = key
    if url:
        return rule_allows_url(own, verb, url)
    return rule_allows(own, verb, group, resource, name)


def _rule(key: tuple[Any, ...], verbs: list[str]) -> Rule:
    group, resource, name, url = key
    if url:
        return {"nonResourceURLs": [url], "verbs": verbs}
    rule = {"apiGroups": [group], "resources": [resource], "verbs": verbs}
    return {**rule, "resourceNames": [name]} if name else rule


def _refused(resource: Resource, op: Operation, new: Object, lacking: list[Rule]) -> status.StatusError:
    groups = " ".join(f'"{group}"' for group in op.user.groups)
    lines = "\n".join(sorted(_text(rule) for rule in lacking))
    why = f'user "{op.user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{lines}'
    return status.forbidden(resource, new["metadata"].get("name", ""), why)


def _text(rule: Rule) -> str:
    fields = (
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("ResourceNames", "resourceNames"),
        ("NonResourceURLs", "nonResourceURLs"),
        ("Verbs", "verbs"),
    )
    parts = [
        f"{title}:[{' '.join(_quoted(v) for v in rule[field])}]" for title, field in fields if rule.get(field)
    ]
    return "{" + ", ".join(parts) + "}"


def _quoted(value: str) -> str:
    return f'"{value}"'
