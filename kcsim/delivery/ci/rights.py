"""Who deploys from outside the cluster, with which rights, and how far these reach.

**Imitates:** how teams give a pipeline its kubeconfig: a user (or a ServiceAccount whose token was copied out), bound
to a ClusterRole in the whole cluster or in some namespaces; with a token that expires, and that somebody puts a new one
in place of, or forgets to. Left out: audiences and bound objects of tokens.

**Walk:** a `Deployer` -> `rbac_objects`, made in the cluster before the first deployment -> the API server decides on
each request -> `reach` reads the rules bound to the user and says what a thief of the credentials could change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.api.request import User, service_account

_GROUP = "rbac.authorization.k8s.io"
_SERVICE_ACCOUNT = "system:serviceaccount:"
_ASKING = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
"""Groups whose objects are questions: creating one changes nothing."""
_WRITES = ("create", "update", "patch", "delete", "deletecollection")
Rule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deployer:
    """The identity with which a pipeline deploys.

    Attributes:
        user: a user name, or `system:serviceaccount:NAMESPACE:NAME` for a ServiceAccount's token.
        cluster_role: the ClusterRole it is bound to; None with `rules`, or for no rights at all.
        namespaces: bound in these only; empty: in the whole cluster.
        rules: PolicyRules of a role of its own, in place of `cluster_role`.
        token_lifetime: how long (µs) a token is valid; None: for ever. The first one is issued as the world begins.
        rotated_every: after how long (µs) the CI system gets a new token; None: never.
    """

    user: str = "ci-deployer"
    cluster_role: str | None = "cluster-admin"
    namespaces: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    token_lifetime: int | None = None
    rotated_every: int | None = None

    def token_is_valid(self, now: int) -> bool:
        """Whether the API server still takes the token that the CI system holds at an instant (µs)."""
        issued = now // self.rotated_every * self.rotated_every if self.rotated_every else 0
        return self.token_lifetime is None or now < issued + self.token_lifetime

    def identity(self) -> User:
        """As the API server authenticates it."""
        namespace, _, name = self.user.removeprefix(_SERVICE_ACCOUNT).partition(":")
        is_account = self.user.startswith(_SERVICE_ACCOUNT)
        return service_account(namespace, name) if is_account else User(self.user)

    @property
    def role(self) -> str | None:
        """The name of the ClusterRole that is bound."""
        return f"{self.user.removeprefix(_SERVICE_ACCOUNT)}-rights" if self.rules else self.cluster_role


def rbac_objects(deployer: Deployer) -> list[Object]:
    """What an administrator creates for a deployer, in order; namespaces come first, since bindings live in them.

    A deployer that is bound in namespaces only cannot make those namespaces itself.
    """
    account = _account(deployer)
    spaces = dict.fromkeys([*deployer.namespaces, *([account["metadata"]["namespace"]] if account else [])])
    made: list[Object] = [_object("v1", "Namespace", {"name": space}) for space in spaces]
    if account is not None:
        made.append(account)
    role = deployer.role
    if role is None:
        return made
    if deployer.rules:
        made.append(
            _object(
                f"{_GROUP}/v1", "ClusterRole", {"name": role}, rules=[dict(rule) for rule in deployer.rules]
            )
        )
    binding = {
        "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [_subject(deployer, account)],
    }
    name = deployer.user.removeprefix(_SERVICE_ACCOUNT)
    if not deployer.namespaces:
        made.append(_object(f"{_GROUP}/v1", "ClusterRoleBinding", {"name": name}, **binding))
    made.extend(
        _object(f"{_GROUP}/v1", "RoleBinding", {"name": name, "namespace": space}, **binding)
        for space in deployer.namespaces
    )
    return made


def _account(deployer: Deployer) -> Object | None:
    if not deployer.user.startswith(_SERVICE_ACCOUNT):
        return None
    namespace, _, name = deployer.user.removeprefix(_SERVICE_ACCOUNT).partition(":")
    return _object("v1", "ServiceAccount", {"name": name, "namespace": namespace})


def _subject(deployer: Deployer, account: Object | None) -> dict[str, str]:
    if account is None:
        return {"apiGroup": _GROUP, "kind": "User", "name": deployer.user}
    metadata = account["metadata"]
    return {"kind": "ServiceAccount", "name": metadata["name"], "namespace": metadata["namespace"]}


def _object(api_version: str, kind: str, metadata: dict[str, str], **fields: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


# ---------------------------------------------------------------- blast radius


@dataclass(frozen=True, slots=True)
class Reach:
    """What somebody could change in a cluster.

    Attributes:
        everywhere: sorted `group/resource` (or `*`) that can be written in the whole cluster.
        namespaces: namespace -> what can be written there only, sorted alike.
    """

    everywhere: tuple[str, ...] = ()
    namespaces: Mapping[str, tuple[str, ...]] | None = None

    @property
    def is_whole_cluster(self) -> bool:
        """Whether nothing is out of reach."""
        return "*" in self.everywhere

    @property
    def can_change(self) -> bool:
        """Whether anything can be changed at all."""
        return bool(self.everywhere or self.namespaces)

    def __str__(self) -> str:
        if self.is_whole_cluster:
            return "everything in the cluster"
        if not self.can_change:
            return "nothing"
        parts = [f"{_shown(self.everywhere)} in the whole cluster"] if self.everywhere else []
        parts.extend(f"{_shown(what)} in {where}" for where, what in sorted((self.namespaces or {}).items()))
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Credential:
    """Credentials kept outside a cluster: who holds them, on which host, for which cluster, as which user."""

    holder: str
    host: str
    cluster: str
    user: str
    reach: Reach


def reach(user: User, rules: Iterable[tuple[str | None, Rule]]) -> Reach:
    """How far a user's rights go. `rules` come with the namespace they hold in, None: everywhere."""
    if user.is_master:
        return Reach(("*",))
    everywhere: set[str] = set()
    spaces: dict[str, set[str]] = {}
    for where, rule in rules:
        written = _written(rule)
        if written and where is None:
            everywhere |= written
        elif written and where is not None:
            spaces.setdefault(where, set()).update(written)
    return Reach(
        tuple(sorted(everywhere)), {where: tuple(sorted(what)) for where, what in sorted(spaces.items())}
    )


def _written(rule: Rule) -> set[str]:
    verbs = rule.get("verbs") or ()
    if not any(verb in verbs for verb in ("*", *_WRITES)):
        return set()
    groups, resources = rule.get("apiGroups") or (), rule.get("resources") or ()
    if "*" in groups and "*" in resources:
        return {"*"}
    return {_kind(resource, group) for group in groups if group not in _ASKING for resource in resources}


def _kind(resource: str, group: str) -> str:
    # All kinds of the core group are not all kinds there are.
    return f"{resource}.{group or 'core'}" if group or resource == "*" else resource


def _shown(what: tuple[str, ...]) -> str:
    return ", ".join(what) if len(what) <= 4 else f"{', '.join(what[:3])} and {len(what) - 3} more"
