"""The HelmRelease that a reconciliation is about: its status while it is worked on, what is told of it, what Ready comes to.

**Imitates:** helm-controller 1.6 internal/reconcile/release.go (summarize, eventMeta).
"""

from __future__ import annotations

from collections.abc import Mapping

from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux import events
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.helm import history, state
from kcsim.delivery.gitops.flux.helm.history import Snapshot
from kcsim.delivery.gitops.flux.helm.terms import INSTALL, RELEASED, REMEDIATED, TEST_SUCCESS, UPGRADE, part
from kcsim.delivery.gitops.flux.toolkit import READY, STALLED

DONE = {INSTALL: ("Install", "install"), UPGRADE: ("Upgrade", "upgrade")}
"""By action: the word in reasons, the word in messages."""


class Subject:
    """A HelmRelease and its draft."""

    def __init__(self, component: Component, obj: Object, draft: Draft) -> None:
        self.component = component
        self.obj = obj
        self.draft = draft

    @property
    def current(self) -> Snapshot:
        """The newest snapshot; there is one."""
        found = history.latest(self.draft.get("history") or ())
        assert found is not None, "there is a release"
        return found

    def failed(self, condition: str, reason: str, message: str, about: Mapping[str, str]) -> None:
        """An action failed: it is counted, a condition and an Event say so."""
        self.draft.set("failures", (self.draft.get("failures") or 0) + 1)
        self.draft.mark(condition, "False", reason, message)
        self.event("Warning", reason, message, about)

    def event(self, type: str, reason: str, message: str, about: Mapping[str, str]) -> None:
        """Record an Event."""
        events.record(self.component, self.obj, type, reason, message, metadata=about)

    def summarise(self) -> None:
        """Ready, of the conditions Remediated, TestSuccess and Released (release.go summarize)."""
        draft, test = self.draft, part(self.obj, "test")
        if not test.get("enable"):
            draft.drop(TEST_SUCCESS)
        ranks = [REMEDIATED, RELEASED]
        if test.get("enable") and not test.get("ignoreFailures"):
            ranks = [REMEDIATED, TEST_SUCCESS, RELEASED]
        found = [c for c in draft.conditions if c["type"] in ranks]
        if found:
            chief = min(found, key=lambda c: (-c["observedGeneration"], ranks.index(c["type"])))
            status = "False" if chief["type"] == REMEDIATED else chief["status"]
            if status == "True":
                draft.drop(STALLED)
            draft.mark(READY, status, chief["reason"], chief["message"])
        draft.set("observedPostRenderersDigest", state.post_renderers_digest(self.obj) or None)
        draft.set("observedCommonMetadataDigest", state.common_metadata_digest(self.obj) or None)


def succeeded(action: str, seen: Snapshot) -> str:
    """What is said of a release that an action has made."""
    where = f"{history.full_name(seen)} with chart {history.chart_name(seen)}"
    return f"Helm {DONE[action][1]} succeeded for release {where}"


def metadata_of(seen: Snapshot) -> dict[str, str]:
    """What goes with an Event about a release (eventMeta)."""
    return {
        "revision": seen["chartVersion"],
        "token": seen["configDigest"],
        "app-version": seen.get("appVersion", ""),
        "oci-digest": seen.get("ociDigest", ""),
    }


def clear_failures(draft: Draft) -> None:
    """Count failures anew."""
    for field in ("failures", "installFailures", "upgradeFailures"):
        draft.set(field, None)
