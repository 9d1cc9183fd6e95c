"""Which Application a live object belongs to.  Decides; never acts.

**Imitates:** argo-cd util/argo/resource_tracking.go and controller/state.go (`isSelfReferencedObj`).

**Walk:** a rendered object -> `with_instance` -> applied -> read back by `application_of` -> `describes_itself` tells a
copy from the object that was meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.resources import (
    INSTALLATION_ID,
    TRACKING_ID,
    annotations_of,
    is_crd,
    kind_of,
    metadata_of,
    name_of,
    namespace_of,
)
from kcsim.delivery.gitops.ordering import group_of

LABEL = "label"
ANNOTATION = "annotation"
ANNOTATION_AND_LABEL = "annotation+label"
LABEL_KEY = "app.kubernetes.io/instance"

_LABEL_LENGTH = 63
_LABEL_END = re.compile(r"[a-zA-Z0-9]\Z")
_ID = re.compile(r"([^:]*):([^:/]*)/([^:/]*):([^/]*)/([^/]*)\Z")


@dataclass(frozen=True, slots=True)
class Tracking:
    """How an Argo CD installation marks what it manages (`application.resourceTrackingMethod` and its companions)."""

    method: str = ANNOTATION
    label_key: str = LABEL_KEY
    installation_id: str = ""

    @property
    def by_label(self) -> bool:
        """Whether the label alone decides; an unset method counts as the label in normalisation only."""
        return self.method == LABEL


@dataclass(frozen=True, slots=True)
class Instance:
    """A tracking id: the Application, and the object that it was written for."""

    application: str
    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.application}:{self.group}/{self.kind}:{self.namespace}/{self.name}"


def instance_name(namespace: str, name: str, control_plane: str) -> str:
    """The name by which an Application is tracked: prefixed with its namespace outside that of the control plane."""
    return name if namespace in ("", control_plane) else f"{namespace}_{name}"


def parse(text: str) -> Instance | None:
    """The tracking id behind an annotation; None when it is none."""
    found = _ID.match(text)
    return Instance(*found.groups()) if found else None


def instance_for(obj: Object, application: str, namespace: str) -> Instance:
    """The tracking id for an object; `namespace` stands in where the object names none."""
    where = namespace_of(obj) or namespace
    return Instance(application, group_of(obj), kind_of(obj), where, name_of(obj))


def instance_of(live: Object, tracking: Tracking) -> Instance | None:
    """The tracking id on an object; None without one, or with that of another installation."""
    annotations = annotations_of(live)
    if tracking.installation_id and annotations.get(INSTALLATION_ID) != tracking.installation_id:
        return None
    return parse(str(annotations.get(TRACKING_ID) or ""))


def application_of(live: Object, tracking: Tracking) -> str:
    """The tracked name of the Application that an object belongs to; "" when there is none."""
    if tracking.by_label:
        return str((metadata_of(live).get("labels") or {}).get(tracking.label_key) or "")
    instance = instance_of(live, tracking)
    return instance.application if instance is not None else ""


def with_instance(obj: Object, application: str, namespace: str, tracking: Tracking) -> Object:
    """The object marked as belonging to an Application; `namespace` is that of its destination.

    Raises: ValueError when a label cannot be cut to 63 characters.
    """
    metadata = dict(metadata_of(obj))
    if tracking.method != LABEL:
        annotations = dict(annotations_of(obj))
        annotations[TRACKING_ID] = str(instance_for(obj, application, namespace))
        annotations.pop(INSTALLATION_ID, None)
        if tracking.installation_id:
            annotations[INSTALLATION_ID] = tracking.installation_id
        metadata["annotations"] = annotations
    if tracking.method in (LABEL, ANNOTATION_AND_LABEL):
        # The label that is read back stays whole, so that a name too long is refused and not confused with another.
        value = application if tracking.by_label else label_value(application)
        metadata["labels"] = {**(metadata.get("labels") or {}), tracking.label_key: value}
    return {**obj, "metadata": metadata}


def label_value(text: str) -> str:
    """A text cut to what a label holds, ending in a letter or digit.

    Raises: ValueError when nothing is left.
    """
    if len(text) <= _LABEL_LENGTH:
        return text
    text = text[:_LABEL_LENGTH]
    while not _LABEL_END.search(text):
        if len(text) <= 1:
            raise ValueError(
                "failed to set app instance label: unable to truncate label to not end with a special character"
            )
        text = text[:-1]
    return text


def describes_itself(
    live: Object | None, target: Object | None, application: str, tracking: Tracking
) -> bool:
    """Whether a live object is the one that its tracking id was written for, and no copy of it.

    `application`: the plain name of the Application, as upstream compares.
    """
    if live is None or tracking.by_label:
        return True
    if target is not None:
        # The target's identity: after a change of API group the live id still names the old one.
        instance: Instance | None = instance_for(target, application, "")
    else:
        known = tracking.method in (ANNOTATION, ANNOTATION_AND_LABEL)
        instance = instance_of(live, tracking) if known else None
    if instance is None:
        return True
    return (
        namespace_of(live) in (instance.namespace, "")
        and name_of(live) == instance.name
        and group_of(live) == instance.group
        and kind_of(live) == instance.kind
    )


def migrated(target: Object | None, live: Object | None, tracking: Tracking) -> Object | None:
    """The live object as it is compared: without the difference that a change of tracking method alone would make.

    An object last synced by label gets the target's annotation; a label that the target lacks is left out.
    """
    if live is None or target is None or tracking.method in ("", LABEL) or is_crd(live):
        return live
    key = tracking.label_key
    labels = metadata_of(live).get("labels") or {}
    if not labels.get(key):
        return live
    metadata = dict(metadata_of(live))
    if not annotations_of(live).get(TRACKING_ID):
        wanted = str(annotations_of(target).get(TRACKING_ID) or "")
        metadata["annotations"] = {**annotations_of(live), TRACKING_ID: wanted}
    if not (metadata_of(target).get("labels") or {}).get(key):
        metadata["labels"] = {k: v for k, v in labels.items() if k != key}
        if not metadata["labels"]:
            del metadata["labels"]
    return {**live, "metadata": metadata}
