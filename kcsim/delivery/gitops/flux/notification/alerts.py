"""Which alerts an event is for.  Decides; never acts.

**Imitates:** notification-controller internal/server/event_handlers.go (filterAlertsForEvent and what it calls), event_server.go
(eventKeyFunc: which events are the same).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.events import COMMIT_STATUS, INFO, Posted
from kcsim.delivery.gitops.flux.toolkit import spec

GIT_PROVIDERS = frozenset("github gitlab gitea bitbucket bitbucketserver azuredevops".split())
"""Types of providers that show the state of a commit."""
DUPLICATES = 5 * 60 * 1_000_000
"""The same event is taken once in this time (µs; --rate-limit-interval)."""

LabelsOf = Callable[[Mapping[str, str]], Mapping[str, str] | None]
"""The labels of the object an event is about; None when it cannot be read."""


@dataclass(slots=True)
class Verdict:
    """Whether an alert takes an event, and what is wrong with the alert: reason and message of Events."""

    taken: bool
    problems: list[tuple[str, str]] = field(default_factory=list)


def key_of(event: Posted) -> tuple[str, ...]:
    """What makes two events the same."""
    about = (event.involved["kind"], event.involved["namespace"], event.involved["name"])
    return (*about, event.message, event.metadata.get("revision", ""), event.metadata.get(COMMIT_STATUS, ""))


def judge(alert: Object, event: Posted, labels_of: LabelsOf) -> Verdict:
    """Whether an alert takes an event: by source, then inclusion, then exclusion."""
    verdict = Verdict(False)
    if spec(alert).get("suspend") or not _from_a_source(alert, event, labels_of, verdict):
        return verdict
    inclusion, exclusion = spec(alert).get("inclusionList"), spec(alert).get("exclusionList")
    if inclusion and not _any_matches(inclusion, "inclusion", event.message, verdict):
        return verdict
    verdict.taken = not _any_matches(exclusion or (), "exclusion", event.message, verdict)
    return verdict


def _from_a_source(alert: Object, event: Posted, labels_of: LabelsOf, verdict: Verdict) -> bool:
    severity = spec(alert).get("eventSeverity") or INFO
    if severity not in {event.severity, INFO}:
        return False
    return any(
        _is_source(source, objects.namespace(alert), event, labels_of, verdict)
        for source in spec(alert).get("eventSources") or ()
    )


def _is_source(
    source: Mapping[str, Any], namespace: str, event: Posted, labels_of: LabelsOf, verdict: Verdict
) -> bool:
    involved = event.involved
    if (involved["namespace"], involved["kind"]) != (source.get("namespace") or namespace, source["kind"]):
        return False
    if source["name"] not in {"*", involved["name"]}:
        return False
    wanted = source.get("matchLabels")
    if wanted is None:
        return True
    labels = labels_of(involved)
    if labels is None:
        verdict.problems.append(("SourceFetchFailed", f"error getting source object {event.subject}"))
        return False
    return all(labels.get(key) == value for key, value in wanted.items())


def _any_matches(patterns: Sequence[str], which: str, message: str, verdict: Verdict) -> bool:
    for pattern in patterns:
        try:
            if re.search(pattern, message):
                return True
        except re.error:
            verdict.problems.append(("InvalidConfig", f"failed to compile {which} regex: {pattern}"))
    return False


def is_for(provider: Object, event: Posted) -> bool:
    """Whether a provider does anything with an event: what concerns commits alone goes to those that show their state."""
    summary = COMMIT_STATUS in event.metadata
    if spec(provider).get("type") in GIT_PROVIDERS:
        return "revision" in event.metadata and event.reason != "Progressing"
    return not summary


def commit_of(event: Posted) -> str:
    """The commit an event is about, "" for none."""
    return event.metadata.get("revision", "").rpartition(":")[2]
