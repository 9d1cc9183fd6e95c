"""An object of a cluster by what a person calls it: ``deployment/web``, ``pod/shop/web-1``, any word kubectl knows.

A name that means nothing is answered with the nearest names there are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.why import BOOKKEEPING, Why, of_record
from kcsim.simulation.world import World


class NotFound(LookupError):
    """There is no such object; the message names the nearest ones."""


def cluster_of(world: World, name: str | None) -> Cluster:
    """One cluster; the first when no name is given.

    Raises:
        NotFound: naming those there are.
    """
    if not name:
        return world.cluster
    try:
        return world.clusters[name]
    except KeyError:
        raise NotFound(
            f"no cluster {name!r}; there are {', '.join(filter(None, sorted(world.clusters)))}"
            if any(world.clusters)
            else f"no cluster {name!r}; there is one, without a name: leave it out"
        ) from None


def resource_of(home: Cluster, word: str) -> Resource:
    """The kind that a word means.

    Raises:
        NotFound: the cluster serves no such kind; the nearest are told.
    """
    resource = home.server.catalog.by_word(word)
    if resource is None:
        kinds = [r.singular for r in home.server.catalog]
        raise NotFound(_nearest(f"kind {word}", word, kinds))
    return resource


def parted(ref: str, namespace: str | None) -> tuple[str, str, str | None]:
    """Kind, name and namespace of a reference, which may name the namespace itself (``pod/shop/web-1``).

    Raises:
        TypeError: it is no text.
    """
    if not isinstance(ref, str):
        raise TypeError(f'{ref!r} names no object: write "deployment/web"')
    kind, _, name = ref.partition("/")
    if namespace is None and "/" in name:
        namespace, _, name = name.partition("/")
    return kind, name, namespace


def find(home: Cluster, ref: str, namespace: str | None) -> Version:
    """The newest version of an object that exists.

    Without a namespace the only object of that name in any namespace is meant, ``default`` first.

    Raises:
        NotFound: naming the nearest objects.
    """
    kind, name, namespace = parted(ref, namespace)
    if not name:
        raise NotFound(f'{ref!r} names no object: write "deployment/web"')
    resource = resource_of(home, kind)
    log = home.server.log
    usual = "default" if namespace is None else namespace
    version = log.get(resource, usual if resource.namespaced else "", name)
    if version is not None:
        return version
    everywhere = log.list(resource)
    if namespace is None:
        same = [v for v in everywhere if v.key[1] == name]
        if len(same) == 1:
            return same[0]
        if same:
            raise NotFound(in_several(ref, [v.key[0] for v in same]))
    raise NotFound(missing(ref, name, namespace, [v.key for v in everywhere]))


def versions_until(home: Cluster, ref: str, namespace: str | None, until: int) -> Sequence[Version]:
    """Every version of an object up to an instant (µs), oldest first; also of one that is gone.

    Raises:
        NotFound: nothing of that name ever existed; the nearest names are told.
    """
    kind, name, namespace = parted(ref, namespace)
    resource = resource_of(home, kind)
    log = home.server.log
    past = [v for v in log.versions[: log.revision_at(until)] if v.resource.table == resource.table]
    versions = [v for v in past if v.key[1] == name and namespace in {None, v.key[0]}]
    if not versions:
        raise NotFound(missing(ref, name, namespace, [v.key for v in past]))
    spaces = sorted({v.key[0] for v in versions})
    if len(spaces) > 1:
        if "default" not in spaces:
            raise NotFound(in_several(ref, spaces))
        versions = [v for v in versions if v.key[0] == "default"]
    return versions


def why_until(home: Cluster, ref: str, namespace: str | None, until: int) -> Why:
    """The chain of causes of an object's last change of substance up to an instant (µs).

    Raises:
        NotFound: nothing of that name ever existed.
    """
    versions = _living(home, ref, namespace, until) or versions_until(home, ref, namespace, until)
    for version in reversed(versions):
        cause = version.cause
        if cause is not None and cause.verb == "refused" and not version.deleted:
            # A pod that no node would take: what was said of the nodes, not the condition that tells it.
            return of_record(cause)
        before = version.previous
        if version.deleted or before is None or _substance(before.object) != _substance(version.object):
            return of_record(version)
    return of_record(versions[-1])


def _living(home: Cluster, ref: str, namespace: str | None, until: int) -> Sequence[Version]:
    """The versions since its creation of an object that still exists: found by the index, without reading the log."""
    kind, name, namespace = parted(ref, namespace)
    resource = resource_of(home, kind)
    if namespace is None and resource.namespaced:
        return ()
    version = home.server.log.get(resource, namespace or "", name)
    while version is not None and version.time > until:
        version = version.previous
    return list(_with_those_before(version))[::-1]


def _with_those_before(version: Version | None) -> Iterator[Version]:
    """A version and those before it, back to the creation of the object."""
    while version is not None:
        yield version
        version = version.previous


def _substance(obj: Object) -> Object:
    """What somebody meant: without the status, what the server counts, and what the Deployment controller notes."""
    skipped = {"resourceVersion", "generation", "managedFields", "annotations"}
    metadata = {k: v for k, v in obj["metadata"].items() if k not in skipped}
    annotations = obj["metadata"].get("annotations") or {}
    metadata["annotations"] = {k: v for k, v in annotations.items() if not k.startswith(BOOKKEEPING)}
    return {**{k: v for k, v in obj.items() if k != "status"}, "metadata": metadata}


def in_several(ref: str, namespaces: Iterable[str]) -> str:
    """That a name means an object in each of several namespaces."""
    return f"{ref} exists in several namespaces ({', '.join(namespaces)}): say which"


def missing(what: str, name: str, namespace: str | None, known: Iterable[tuple[str, str]]) -> str:
    """That there is no such object; where one of that name is, or which names are near."""
    keys = list(known)
    elsewhere = sorted({space for space, other in keys if other == name})
    if namespace is not None and elsewhere:
        return f"no {what} in namespace {namespace}; there is one in {', '.join(elsewhere)}"
    return _nearest(what, name, [other for _, other in keys])


def _nearest(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(set(known))
    stem = name.rstrip("-.")
    near = [each for each in names if stem and each.startswith(stem)][:3]
    near = near or difflib.get_close_matches(name, names, 3, 0.5)
    return f"no {what}" + (f"; did you mean {' or '.join(near)}?" if near else "")
