"""Faults of images: containers that behave differently from now on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.registry.reference import InvalidReference
from kcsim.delivery.registry.registry import ImageNotFound
from kcsim.simulation.faults.fault import Check, Fault, FaultError, Kind

if TYPE_CHECKING:
    from kcsim.simulation.cluster import Cluster
    from kcsim.simulation.world import World


def _an_image(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    del cluster
    image = fault.target or (fault.behaviour.name if fault.behaviour is not None else "")
    try:
        world.registry.find(image)
    except (ImageNotFound, InvalidReference) as error:
        raise FaultError(f"no image {image!r}: {error}") from error
    return {}


def _a_behaviour(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    if fault.behaviour is None or not fault.target:
        raise FaultError("image-behaviour needs the image, and the behaviour it changes to")
    return _an_image(world, cluster, fault)


def _settle(world: World, cluster: Cluster, image: str, faults: Sequence[Fault]) -> None:
    """Containers of an image behave as the newest fault wants, those that run as well."""
    del cluster
    current: ImageBehaviour = world.registry.find(image).behaviour
    healthy = world.healthy_images.setdefault(image, current)
    wanted = healthy
    for fault in faults:
        if fault.behaviour is not None:
            wanted = replace(fault.behaviour, name=healthy.name, digest=healthy.digest)
        else:
            wanted = replace(healthy, crash_after=0, crashes=None, exits_after=None)
    if not faults:
        del world.healthy_images[image]
    world.registry.revise(image, wanted)
    for each in world.clusters.values():
        for kubelet in each.kubelets.values():
            kubelet.behave(wanted)


def _image(summary: str, effect: str, check: Check, *, in_stories: bool) -> Kind:
    return Kind(
        layer="image",
        summary=summary,
        effect=effect,
        target="container_image",
        check=check,
        settle=_settle,
        scope="image",
        worldwide=True,
        in_stories=in_stories,
    )


KINDS: dict[str, Kind] = {
    "image-behaviour": _image(
        "Containers of an image behave differently, running ones as well.",
        "Whatever the behaviour says; in a scenario an `image` entry says it.",
        _a_behaviour,
        in_stories=False,
    ),
    "image-crash": _image(
        "Containers of an image exit at once, running ones as well.",
        "CrashLoopBackOff, and no endpoints left, wherever the image runs.",
        _an_image,
        in_stories=True,
    ),
}
