"""Health of kinds that say it in one condition, as data.  Decides; never acts.

**Imitates:** argo-cd resource_customizations/{cert-manager.io,external-secrets.io,bitnami.com,kafka.strimzi.io,
monitoring.coreos.com}/*/health.lua, and those of the Flux kinds, which count conditions.

**Walk:** `check.assess` -> the kind's rules in `CHECKS` -> the first condition that one of them names -> `Health`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.health.status import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, Health
from kcsim.delivery.gitops.argocd.resources import kind_of


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition and what it says; "" matches any status or reason, `!` in front of a reason any other one.

    `message` replaces that of the condition.
    """

    type: str
    status: str
    health: str
    reason: str = ""
    message: str | None = None

    def matches(self, condition: Mapping[str, Any]) -> bool:
        """Whether a condition is the one that the rule is about."""
        if condition.get("type") != self.type or self.status not in ("", condition.get("status")):
            return False
        found = condition.get("reason", "")
        return found != self.reason[1:] if self.reason.startswith("!") else self.reason in ("", found)


@dataclass(frozen=True, slots=True)
class Rules:
    """Groups of rules: the conditions are looked through once for each group, in their own order."""

    groups: Sequence[Sequence[Rule]]
    waiting: str
    """The message while no condition says anything; the object is Progressing then."""

    def __call__(self, obj: Object) -> Health:
        """The health of an object."""
        conditions = (obj.get("status") or {}).get("conditions") or ()
        for group in self.groups:
            for condition in conditions:
                for rule in group:
                    if rule.matches(condition):
                        text = condition.get("message", "") if rule.message is None else rule.message
                        return Health(rule.health, text)
        return Health(PROGRESSING, self.waiting)


def ready(waiting: str, condition: str = "Ready") -> Rules:
    """Rules of the usual kind: False is Degraded, True is Healthy, anything else is waited for."""
    return Rules([[Rule(condition, "False", DEGRADED), Rule(condition, "True", HEALTHY)]], waiting)


@dataclass(frozen=True, slots=True)
class Counted:
    """The Flux kinds: so many conditions have to be well, or in progress, else the object is Degraded.

    `well`: the conditions that count as well when True.  `pending` is the status in which Ready counts as in progress.
    `two_pending` is the health when Ready and Reconciling both are.
    """

    well: tuple[str, ...] = ("Ready",)
    pending: str = "Unknown"
    two_pending: str = PROGRESSING
    suspends: bool = True

    def __call__(self, obj: Object) -> Health:
        """The health of an object."""
        spec = obj.get("spec") or {}
        if self.suspends and spec.get("suspend") is True:
            return Health(SUSPENDED, f"{kind_of(obj)} is suspended")
        if kind_of(obj) == "HelmRepository" and spec.get("type") == "oci":
            text = "Helm repositories of type 'oci' do not contain any information in the status."
            return Health(HEALTHY, text)
        conditions = (obj.get("status") or {}).get("conditions")
        if conditions is None:
            return Health(PROGRESSING, "Status unknown")
        good = pending = 0
        message = ""
        for condition in conditions:
            kind, status, reason = (condition.get(f, "") for f in ("type", "status", "reason"))
            good += kind in self.well and status == "True"
            pending += (kind, status) in (("Ready", self.pending), ("Reconciling", "True"))
            if kind == "Ready":
                message = reason
            elif (kind, status) == ("ArtifactOutdated", "True"):
                message += f" {reason}"
        if pending == 2:
            return Health(self.two_pending, message)
        return Health(HEALTHY if good == len(self.well) else DEGRADED, message)


_CERTIFICATE = Rules(
    [
        [Rule("Issuing", "True", PROGRESSING)],
        [Rule("Ready", "False", DEGRADED), Rule("Ready", "True", HEALTHY)],
    ],
    "Waiting for certificate",
)
_KAFKA = Rules(
    [[Rule("NotReady", "True", DEGRADED, reason="!Creating"), Rule("Ready", "True", HEALTHY, message="")]],
    "Waiting for Kafka Cluster",
)
_PROMETHEUS = Rules(
    [
        [
            Rule("Available", "True", HEALTHY, message="All instances are available"),
            Rule("Available", "", PROGRESSING, reason="SomePodsNotReady"),
            Rule("Available", "", DEGRADED),
        ]
    ],
    "Waiting for initialization",
)
_SOURCE = Counted(("Ready", "ArtifactInStorage"))
_FLUX = {
    "source.toolkit.fluxcd.io/Bucket": _SOURCE,
    "source.toolkit.fluxcd.io/GitRepository": _SOURCE,
    "source.toolkit.fluxcd.io/HelmChart": _SOURCE,
    "source.toolkit.fluxcd.io/HelmRepository": _SOURCE,
    "source.toolkit.fluxcd.io/OCIRepository": _SOURCE,
    "kustomize.toolkit.fluxcd.io/Kustomization": Counted(),
    "notification.toolkit.fluxcd.io/Receiver": Counted(pending="False", two_pending=DEGRADED),
}

CHECKS: Mapping[str, Callable[[Object], Health]] = {
    "cert-manager.io/Certificate": _CERTIFICATE,
    "cert-manager.io/Issuer": ready("Initializing issuer"),
    "cert-manager.io/ClusterIssuer": ready("Initializing ClusterIssuer"),
    "external-secrets.io/ExternalSecret": ready("Waiting for ExternalSecret"),
    "external-secrets.io/SecretStore": ready("Waiting for SecretStore"),
    "external-secrets.io/ClusterSecretStore": ready("Waiting for ClusterSecretStore"),
    "bitnami.com/SealedSecret": ready("Waiting for Sealed Secret to be decrypted", "Synced"),
    "kafka.strimzi.io/Kafka": _KAFKA,
    "monitoring.coreos.com/Prometheus": _PROMETHEUS,
    **_FLUX,
}
"""`group/Kind` -> its check."""
