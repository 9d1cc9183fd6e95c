"""Authorisation by roles.

**Imitates:** kube-apiserver's RBAC authoriser (kubernetes-api reference, section 15): any matching rule of any binding
allows, there is no deny, order does not matter. Escalation is checked in ``escalation``; a controller aggregates roles.

**Walk:** ``Authorizer.check`` -> decision cache -> the user's rules, gathered from bindings and kept until a role or
binding changes -> allow, or a 403 in the real server's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.api import status
from kcsim.api.catalog import Catalog
from kcsim.api.log import Log
from kcsim.api.objects import Key, Object
from kcsim.api.request import User
from kcsim.api.resources import Resource

_GROUP = "rbac.authorization.k8s.io"
Rule = dict[str, Any]


def whom_it_means(subject: dict[str, Any], namespace: str) -> tuple[str, str] | None:
    """(User or Group, name) of a binding's subject; a ServiceAccount is a user, of the binding's namespace if it says none."""
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "ServiceAccount":
        return "User", f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"
    return (kind, name) if kind in {"User", "Group"} else None


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


def _is_boundless(rule: Rule) -> bool:
    """Whether one PolicyRule covers every request for a resource."""
    fields = (rule.get("verbs", ()), rule.get("apiGroups", ()), rule.get("resources", ()))
    return all("*" in field for field in fields) and not rule.get("resourceNames")


def rule_allows_url(rule: Rule, verb: str, path: str) -> bool:
    """Whether one PolicyRule covers a path that names no resource; a trailing ``*`` stands for anything."""
    if verb not in rule.get("verbs", ()) and "*" not in rule.get("verbs", ()):
        return False
    return any(
        url in {"*", path} or (url.endswith("*") and path.startswith(url.rstrip("*")))
        for url in rule.get("nonResourceURLs") or ()
    )


@dataclass(frozen=True, slots=True)
class Grant:
    """One rule that a user holds.

    Attributes:
        where: the namespace it holds in, None for everywhere.
        origin: which binding of which role to whom gave it.
    """

    where: str | None
    rule: Rule
    origin: str


def _origin(kind: str, name: str, namespace: str, ref: dict[str, Any], subject: dict[str, Any]) -> str:
    binding = f"{name}/{namespace}" if namespace else name
    who = subject.get("name", "")
    if subject.get("kind") == "ServiceAccount":
        who = f"{who}/{subject.get('namespace') or namespace}"
    return f'{kind} "{binding}" of {ref["kind"]} "{ref["name"]}" to {subject["kind"]} "{who}"'


def _own_namespace(resource: Resource, name: str) -> str:
    """A request for a namespace counts as one in it (apiserver: RequestInfo)."""
    return name if resource.plural == "namespaces" and not resource.group else ""


class Authorizer:
    """Decides who may do what, from the roles and bindings in the log."""

    def __init__(self, log: Log, catalog: Catalog) -> None:
        self._log = log
        self._kinds = {
            kind: resource
            for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
            if (resource := catalog.by_gvk((_GROUP, "v1", kind))) is not None
        }
        self._grants: dict[User, list[Grant]] = {}
        self._missing: dict[User, list[tuple[str | None, str]]] = {}
        self._allowed: dict[tuple[str, tuple[str, ...], str, Resource, str, str, str], bool] = {}
        self._all_powerful: dict[User, bool] = {}
        self._bindings: list[tuple[str, Object, Key]] = []
        self._bound: dict[tuple[str, str], list[tuple[int, int]]] = {}
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
        if self._stale:
            self._refresh()
        if self._allowed.get(("", user.groups, verb, resource, namespace, "", subresource)) or user.is_master:
            return True
        if self._may_do_everything(user):
            return True
        namespace = namespace or _own_namespace(resource, name)
        # Most rules name no objects, and many hold for a group: ask without the names first, so that the answer can be
        # kept for all names and for all members.
        groups = User("", user.groups)
        for who, asked in ((groups, ""), (user, ""), (user, name)):
            question = (who.name, who.groups, verb, resource, namespace, asked, subresource)
            allowed = self._allowed.get(question)
            if allowed is None:
                allowed = self._decide(who, verb, resource, namespace, asked, subresource)
                self._allowed[question] = allowed
            if allowed:
                return True
        return False

    def _may_do_everything(self, user: User) -> bool:
        """Whether a rule lets the user do anything to anything anywhere, as cluster-admin's does."""
        known = self._all_powerful.get(user)
        if known is None:
            known = self._all_powerful[user] = any(
                grant.where is None and _is_boundless(grant.rule) for grant in self.grants_of(user)
            )
        return known

    def _decide(
        self, user: User, verb: str, resource: Resource, namespace: str, name: str, subresource: str
    ) -> bool:
        path = f"{resource.plural}/{subresource}" if subresource else resource.plural
        return self.grant_for(user, verb, resource.group, path, namespace, name) is not None

    def allows_path(
        self, user: User, verb: str, group: str, path: str, namespace: str, name: str = ""
    ) -> bool:
        """The same for a resource by its names (``pods/log``), which need not be served."""
        return user.is_master or self.grant_for(user, verb, group, path, namespace, name) is not None

    def grant_for(
        self, user: User, verb: str, group: str, path: str, namespace: str, name: str = ""
    ) -> Grant | None:
        """The first grant that covers a request."""
        for grant in self.grants_of(user):
            if (grant.where is None or grant.where == namespace) and rule_allows(
                grant.rule, verb, group, path, name
            ):
                return grant
        return None

    def grant_for_url(self, user: User, verb: str, path: str) -> Grant | None:
        """The first grant that covers a path which names no resource."""
        for grant in self.grants_of(user):
            if grant.where is None and rule_allows_url(grant.rule, verb, path):
                return grant
        return None

    def check_url(self, user: User, verb: str, path: str) -> None:
        """Let a request for a path that names no resource pass.

        Raises:
            StatusError: 403 Forbidden when no rule allows it.
        """
        if not user.is_master and self.grant_for_url(user, verb, path) is None:
            text = f'forbidden: User "{user.name}" cannot {verb} path "{path}"'
            raise status.StatusError(403, "Forbidden", text, {})

    def grants_of(self, user: User) -> list[Grant]:
        """What is bound to a user."""
        if self._stale:
            self._refresh()
        grants = self._grants.get(user)
        if grants is None:
            grants = self._grants[user] = self._gather(user)
        return grants

    def rules_of(self, user: User) -> list[tuple[str | None, Rule]]:
        """The rules bound to a user, each with its namespace (None: everywhere)."""
        return [(grant.where, grant.rule) for grant in self.grants_of(user)]

    def missing_roles(self, user: User, namespace: str) -> list[str]:
        """What bindings of the user name but does not exist."""
        self.grants_of(user)
        return [text for where, text in self._missing[user] if where is None or where == namespace]

    def _gather(self, user: User) -> list[Grant]:
        grants: list[Grant] = []
        missing: list[tuple[str | None, str]] = []
        if not self._bound:
            self._index()
        # The first subject of each binding that means the user; bindings in their order.
        mine: dict[int, int] = {}
        for whom in (("User", user.name), *(("Group", group) for group in user.groups)):
            for place, nth in self._bound.get(whom, ()):
                mine[place] = min(mine.get(place, nth), nth)
        for place in sorted(mine):
            kind, binding, (namespace, name) = self._bindings[place]
            where = None if kind == "ClusterRoleBinding" else namespace
            ref = binding["roleRef"]
            rules = self.role_rules(ref, namespace)
            if rules is None:
                missing.append((where, f'{ref["kind"].lower()}.{_GROUP} "{ref["name"]}" not found'))
                continue
            origin = _origin(kind, name, namespace, ref, binding["subjects"][mine[place]])
            grants.extend(Grant(where, rule, origin) for rule in rules)
        self._missing[user] = missing
        return grants

    def _index(self) -> None:
        """Note in which bindings, and as which of their subjects, everybody is named."""
        self._bindings = [
            (kind, version.object, version.key)
            for kind in ("ClusterRoleBinding", "RoleBinding")
            for version in self._log.list(self._kinds[kind])
        ]
        for place, (_, binding, (namespace, _)) in enumerate(self._bindings):
            for nth, subject in enumerate(binding.get("subjects") or ()):
                if (whom := whom_it_means(subject, namespace)) is not None:
                    self._bound.setdefault(whom, []).append((place, nth))

    def role_rules(self, ref: dict[str, Any], namespace: str) -> list[Rule] | None:
        """The rules of the role that a binding refers to; None when there is none."""
        space = namespace if ref["kind"] == "Role" else ""
        version = self._log.get(self._kinds[ref["kind"]], space, ref.get("name") or "")
        return (version.object.get("rules") or []) if version is not None else None

    def _refresh(self) -> None:
        self._stale = False
        for watch in self._watches:
            watch.take()
        self._bound.clear()
        self._grants.clear()
        self._missing.clear()
        self._allowed.clear()
        self._all_powerful.clear()

    def _denial(
        self, user: User, verb: str, resource: Resource, namespace: str, name: str, subresource: str
    ) -> status.StatusError:
        path = f"{resource.plural}/{subresource}" if subresource else resource.plural
        where = namespace or _own_namespace(resource, name)
        return self.denial(user, verb, resource.group, path, where, name)

    def denial(
        self, user: User, verb: str, group: str, path: str, namespace: str, name: str = ""
    ) -> status.StatusError:
        """403 in the words of the real server."""
        plural = path.partition("/")[0]
        subject = f"{plural}.{group}" if group else plural
        about = f'{subject} "{name}"' if name else subject
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        why = f'User "{user.name}" cannot {verb} resource "{path}" in API group "{group}" {where}'
        missing = self.missing_roles(user, namespace)
        if missing:
            why += f": RBAC: {missing[0] if len(missing) == 1 else '[' + ', '.join(missing) + ']'}"
        details = {"name": name, "group": group, "kind": plural}
        shown = {k: v for k, v in details.items() if v}
        return status.StatusError(403, "Forbidden", f"{about} is forbidden: {why}", shown)
