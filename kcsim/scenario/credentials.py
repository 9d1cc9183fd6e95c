"""Who can change a cluster: the identities that its role bindings name, and how far their rights reach.

Read from the RBAC objects of the cluster, as an auditor would, so that it holds for every kind of delivery.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kcsim.api.request import User, service_account
from kcsim.delivery.ci.rights import Reach, reach
from kcsim.simulation.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who can change a cluster, and how far."""

    name: str
    cluster: str
    reach: Reach

    @property
    def text(self) -> str:
        """In full."""
        where = f" of {self.cluster}" if self.cluster else ""
        return f"{self.name}: {self.reach}{where}"

    @property
    def short(self) -> str:
        """For a table."""
        if self.reach.is_whole_cluster:
            return f"{self.name} (everything)"
        if not self.reach.everywhere and self.reach.namespaces:
            return f"{self.name} (in {', '.join(self.reach.namespaces)})"
        return f"{self.name} (some kinds)"


_BOOTSTRAPPING = "kubernetes.io/bootstrapping"
"""The label of the bindings that a cluster begins with."""
_KUBERNETES_OWN = frozenset({"kube-system", "kube-public"})
"""Where the accounts of its controllers live."""


def holders(cluster: Cluster) -> Iterator[tuple[User, Reach]]:
    """Users and ServiceAccounts that some binding names and that can change anything; Kubernetes' own left out."""
    server = cluster.server
    found: dict[str, User] = {}
    for word in ("clusterrolebindings", "rolebindings"):
        resource = server.catalog.by_word(word)
        assert resource is not None, "a built-in kind"
        for version in server.log.list(resource):
            own = _BOOTSTRAPPING in (version.object["metadata"].get("labels") or {})
            for subject in version.object.get("subjects") or ():
                if subject["kind"] == "ServiceAccount" and not (
                    own and (subject.get("namespace") or version.key[0]) in _KUBERNETES_OWN
                ):
                    user = service_account(subject.get("namespace") or version.key[0], subject["name"])
                    found.setdefault(user.name, user)
                elif subject["kind"] == "User" and not subject["name"].startswith("system:"):
                    found.setdefault(subject["name"], User(subject["name"]))
    for name in sorted(found):
        reached = reach(found[name], server.authorizer.rules_of(found[name]))
        if reached.can_change:
            yield found[name], reached


def holding(found: Sequence[Holder]) -> str | None:
    """Some holders in a table's cell; None for none."""
    return ", ".join(dict.fromkeys(holder.short for holder in found)) or None
