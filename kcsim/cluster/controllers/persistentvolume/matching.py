"""Which volume suits a claim.  Decides; never acts.

**Imitates:** pkg/controller/volume/persistentvolume/index.go (``findByClaim``, ``allPossibleMatchingAccessModes``) and
component-helpers ``storage/volume/pv_helpers.go`` (``FindMatchingVolume``), v1.36. Left out: VolumeAttributesClasses.
"""

from __future__ import annotations

from collections.abc import Iterable

from kcsim.api import objects, quantity, selectors
from kcsim.api.objects import Object
from kcsim.cluster.volumes import class_of, is_bound_to


def capacity_of(volume: Object) -> int:
    """The volume's size in bytes."""
    text = (volume["spec"].get("capacity") or {}).get("storage")
    return quantity.value(text) if text is not None else 0


def request_of(claim: Object) -> int:
    """The size a claim asks for, in bytes."""
    text = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage")
    return quantity.value(text) if text is not None else 0


def volume_mode(obj: Object) -> str:
    """``Filesystem`` or ``Block``."""
    return str(obj["spec"].get("volumeMode") or "Filesystem")


def why_unsatisfied(volume: Object, claim: Object) -> str:
    """What speaks against binding a claim to the volume that it names itself; "" when nothing does."""
    if capacity_of(volume) < request_of(claim):
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if volume_mode(volume) != volume_mode(claim):
        return "incompatible volumeMode"
    if not _modes(claim) <= _modes(volume):
        return "incompatible accessMode"
    return ""


def find_best_match(claim: Object, volumes: Iterable[Object], *, delayed: bool) -> Object | None:
    """The volume to bind the claim to: one reserved for it, else the smallest of the least capable that suits it.

    ``delayed``: the claim waits for its first consumer; only a volume reserved for it will do.
    """
    wanted = _modes(claim)
    groups: dict[frozenset[str], list[Object]] = {}
    for volume in volumes:
        modes = _modes(volume)
        if wanted <= modes:
            groups.setdefault(modes, []).append(volume)
    for modes in sorted(groups, key=lambda each: (len(each), sorted(each))):
        found = _find_matching(claim, groups[modes], delayed=delayed)
        if found is not None:
            return found
    return None


def _modes(obj: Object) -> frozenset[str]:
    return frozenset(obj["spec"].get("accessModes") or ())


def _find_matching(claim: Object, volumes: list[Object], *, delayed: bool) -> Object | None:
    smallest: Object | None = None
    asked, selector = request_of(claim), claim["spec"].get("selector")
    for volume in sorted(volumes, key=lambda each: (capacity_of(each), objects.name(each))):
        reserved = is_bound_to(volume, claim)
        if volume["spec"].get("claimRef") and not reserved:
            continue
        if capacity_of(volume) < asked or volume_mode(volume) != volume_mode(claim):
            continue
        if objects.is_deleting(volume):
            continue
        if reserved:
            return volume
        if delayed or (volume.get("status") or {}).get("phase") != "Available":
            continue
        if selector and not selectors.from_object(selector).matches(objects.labels(volume)):
            continue
        if class_of(volume) == class_of(claim) and smallest is None:
            smallest = volume
    return smallest
