"""Authorisation by roles.

**Imitates:** kube-apiserver's RBAC authoriser (kubernetes-api reference, section 15): any matching rule of any binding
allows, there is no deny, order does not matter. Left out here: aggregation, escalation checks, non-resource URLs.

**Walk:** ``Authorizer.check`` -> decision cache -> the user's rules, gathered from bindings and kept until a role or
binding changes -> allow, or a 403 in the real server's words.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import status
from kcsim.api.catalog import Catalog, Resource
from kcsim.api.log import Log
from kcsim.api.request import User

_GROUP = "rbac.authorization.k8s.io"
Rule = dict[str, Any]


def matches_subject(subject: dict[str, Any], user: User, namespace: str) -> bool:
    """Whether a binding's subject means this user. ``namespace`` is the binding's, for ServiceAccounts without one."""
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "User":
        return bool(name == user.name)
    if kind == "Group":
        return name in user.groups
    if kind == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"
    return False


def rule_allows(rule: Rule, verb: str, group: str, resource: str, name: str) -> bool:
    """Whether one PolicyRule covers the request; ``resource`` is ``pods`` or ``pods/log``."""
    verbs, groups, resources = rule.get("verbs", ()), rule.get("apiGroups", ()), rule.get("resources", ())
    if verb not in verbs and "*" not in verbs:
        return False
    if group not in groups and "*" not in groups:
        return False
    if resource not in resources and "*" not in resources:
        _, slash, sub = resource.partition("/")
        if not slash or f"*/{sub}" not in resources:
            return False
    names = rule.get("resourceNames")
    return not names or name in names


class Authorizer:
    """Decides who may do what, from the roles and bindings in the log."""

    def __init__(self, log: Log, catalog: Catalog) -> None:
        self._log = log
        self._kinds = {
            kind: resource
            for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
            if (resource := catalog.by_gvk((_GROUP, "v1", kind))) is not None
        }
        self._rules: dict[User, list[tuple[str | None, Rule]]] = {}
        self._allowed: dict[tuple[User, str, Resource, str, str, str], bool] = {}
        self._stale = False
        self._watches = [log.watch(resource, self._forget_soon) for resource in self._kinds.values()]

    def _forget_soon(self) -> None:
        self._stale = True

    def check(
        self, user: User, verb: str, resource: Resource, namespace: str, name: str, subresource: str = ""
    ) -> None:
        """Let the request pass.

        Raises:
            StatusError: 403 Forbidden when no rule allows it.
        """
        if not self.allows(user, verb, resource, namespace, name, subresource):
            raise self._denial(user, verb, resource, namespace, name, subresource)

    def allows(
        self, user: User, verb: str, resource: Resource, namespace: str, name: str = "", subresource: str = ""
    ) -> bool:
        """Whether some rule bound to the user covers the request."""
        if user.is_master:
            return True
        if self._stale:
            self._refresh()
        # Most rules name no objects: ask without the name first, so the answer can be kept for all names.
        for asked in ("", name) if name else ("",):
            question = (user, verb, resource, namespace, asked, subresource)
            allowed = self._allowed.get(question)
            if allowed is None:
                allowed = self._allowed[question] = self._decide(*question)
            if allowed:
                return True
        return False

    def _decide(
        self, user: User, verb: str, resource: Resource, namespace: str, name: str, subresource: str
    ) -> bool:
        path = f"{resource.plural}/{subresource}" if subresource else resource.plural
        return any(
            (where is None or where == namespace) and rule_allows(rule, verb, resource.group, path, name)
            for where, rule in self.rules_of(user)
        )

    def rules_of(self, user: User) -> list[tuple[str | None, Rule]]:
        """The rules bound to a user, each with its namespace (None: everywhere)."""
        if self._stale:
            self._refresh()
        rules = self._rules.get(user)
        if rules is None:
            rules = self._rules[user] = self._gather(user)
        return rules

    def _gather(self, user: User) -> list[tuple[str | None, Rule]]:
        rules: list[tuple[str | None, Rule]] = []
        for kind in ("ClusterRoleBinding", "RoleBinding"):
            for version in self._log.list(self._kinds[kind]):
                binding, namespace = version.object, version.key[0]
                if not any(matches_subject(s, user, namespace) for s in binding.get("subjects") or ()):
                    continue
                where = None if kind == "ClusterRoleBinding" else namespace
                rules.extend((where, rule) for rule in self._role_rules(binding["roleRef"], namespace))
        return rules

    def _role_rules(self, ref: dict[str, Any], namespace: str) -> list[Rule]:
        space = namespace if ref["kind"] == "Role" else ""
        version = self._log.get(self._kinds[ref["kind"]], space, ref["name"])
        return (version.object.get("rules") or []) if version is not None else []

    def _refresh(self) -> None:
        self._stale = False
        for watch in self._watches:
            watch.take()
        self._rules.clear()
        self._allowed.clear()

    def _denial(
        self, user: User, verb: str, resource: Resource, namespace: str, name: str, subresource: str
    ) -> status.StatusError:
        path = f"{resource.plural}/{subresource}" if subresource else resource.plural
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        why = f'User "{user.name}" cannot {verb} resource "{path}" in API group "{resource.group}" {where}'
        return status.forbidden(resource, name, why)
