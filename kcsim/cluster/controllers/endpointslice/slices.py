"""The slices of one Service, and how changed endpoints are put into them.  Decides; never acts.

**Imitates:** ``reconcileByPortMapping`` and ``finalize`` of staging ``k8s.io/endpointslice`` ``reconciler.go`` (v1.36):
changed endpoints stay in their slice, slices touched anyway are filled first, then one untouched slice that has room
for all the rest, then new ones; a slice that would be deleted is re-used for one that would be created; a Service
without endpoints keeps one empty slice. Differs: only endpoints of pods that changed are looked at; upstream compares
all of them at each sync, with the same outcome. Endpoints keep the order in which they came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Group = tuple[str, tuple[tuple[Any, ...], ...]]
"""Address family and ports: endpoints of one slice agree on them."""

MAX_ENDPOINTS_PER_SLICE = DEFAULT.count("kube-controller-manager/max-endpoints-per-slice")


def group_of(address_type: str, ports: list[Object] | None) -> Group:
    """The group of endpoints with these ports."""
    keys = ("name", "port", "protocol", "appProtocol")
    return address_type, tuple(tuple(port.get(key) or "" for key in keys) for port in ports or ())


@dataclass(slots=True)
class Slice:
    """One slice as it is or will be. ``stored`` is its object in the API, None for one to create."""

    group: Group
    ports: list[Object]
    stored: Object | None = None
    endpoints: dict[str, Object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The stored object's name, "" for one to create."""
        return self.stored["metadata"]["name"] if self.stored else ""

    @property
    def room(self) -> int:
        """How many more endpoints fit."""
        return MAX_ENDPOINTS_PER_SLICE - len(self.endpoints)


@dataclass(frozen=True, slots=True)
class Changes:
    """What to write, in this order."""

    create: list[Slice]
    update: list[Slice]
    delete: list[Slice]


class SliceSet:
    """The slices of one Service with an index from (pod, address family) to slice."""

    def __init__(self) -> None:
        self.slices: list[Slice] = []
        self._where: dict[tuple[str, str], Slice] = {}
        self._doubled: list[Slice] = []

    def load(self, stored: Object) -> None:
        """Take over a slice that is in the API. What an earlier slice lists already is taken out of it again, as
        upstream's reconciler finds each endpoint wanted once only (reconcileByPortMapping).
        """
        group = group_of(stored["addressType"], stored.get("ports"))
        loaded = Slice(group, stored.get("ports") or [], stored)
        for endpoint in stored.get("endpoints") or ():
            name = (endpoint.get("targetRef") or {}).get("name", "")
            if (name, group[0]) in self._where:
                _note(self._doubled, loaded)
                continue
            loaded.endpoints[name] = endpoint
            self._where[name, group[0]] = loaded
        self.slices.append(loaded)

    def endpoint(self, pod: str, family: str) -> Object | None:
        """What is listed of a pod in a family."""
        home = self._where.get((pod, family))
        return home.endpoints[pod] if home is not None else None

    def pods(self) -> list[str]:
        """Names of all pods listed."""
        return sorted({name for name, _ in self._where})

    def apply(
        self, desired: dict[tuple[str, str], tuple[Group, list[Object], Object] | None], families: list[str]
    ) -> Changes:
        """Put endpoints where they belong: by (pod, family) the group, ports and endpoint, None for none any more."""
        touched, self._doubled = self._doubled, []
        adding: dict[Group, list[tuple[str, Object]]] = {}
        ports: dict[Group, list[Object]] = {}
        for (pod, family), wanted in desired.items():
            home = self._where.get((pod, family))
            if home is not None and (wanted is None or wanted[0] != home.group):
                del home.endpoints[pod]
                del self._where[pod, family]
                _note(touched, home)
                home = None
            if wanted is None:
                continue
            group, ports[group], endpoint = wanted
            if home is None:
                adding.setdefault(group, []).append((pod, endpoint))
            elif home.endpoints[pod] != endpoint:
                home.endpoints[pod] = endpoint
                _note(touched, home)
        created: list[Slice] = []
        for group, rest in adding.items():
            self._place(group, ports[group], rest, touched, created)
        return self._finalize(touched, created, families)

    def _place(
        self,
        group: Group,
        ports: list[Object],
        rest: list[tuple[str, Object]],
        touched: list[Slice],
        created: list[Slice],
    ) -> None:
        for slice_ in touched:
            if slice_.group == group:
                rest = self._fill(slice_, rest)
        while rest:
            target = self._slice_to_fill(group, len(rest), touched)
            if target is not None:
                touched.append(target)
            else:
                target = Slice(group, ports)
                created.append(target)
            rest = self._fill(target, rest)

    def _slice_to_fill(self, group: Group, count: int, touched: list[Slice]) -> Slice | None:
        """The fullest untouched slice that has room for all of them."""
        if count >= MAX_ENDPOINTS_PER_SLICE:
            return None
        open_ones = [
            s for s in self.slices if s.group == group and s.room >= count and not _contains(touched, s)
        ]
        return min(open_ones, key=lambda s: s.room, default=None)

    def _fill(self, slice_: Slice, rest: list[tuple[str, Object]]) -> list[tuple[str, Object]]:
        now, later = rest[: slice_.room], rest[slice_.room :]
        for pod, endpoint in now:
            slice_.endpoints[pod] = endpoint
            self._where[pod, slice_.group[0]] = slice_
        return later

    def _finalize(self, touched: list[Slice], created: list[Slice], families: list[str]) -> Changes:
        update = [s for s in touched if s.endpoints]
        delete: list[Slice] = []
        for family in families:
            mine = [s for s in self.slices if s.group[0] == family]
            empty = [s for s in mine if not s.endpoints]
            if len(empty) < len(mine) or any(s.group[0] == family for s in created):
                delete += empty
                continue
            # Nobody is left: one slice without ports and endpoints says so (the placeholder).
            if any(s.group == (family, ()) for s in empty):
                keep = next(s for s in empty if s.group == (family, ()))
                delete += [s for s in empty if s is not keep]
                if keep.stored is not None and keep.stored.get("endpoints"):
                    update.append(keep)
            else:
                created.append(Slice((family, ()), []))
                delete += empty
        delete += [s for s in self.slices if s.group[0] not in families]
        return self._recycle(created, update, delete)

    def _recycle(self, created: list[Slice], update: list[Slice], delete: list[Slice]) -> Changes:
        """Turn a delete and a create into one update."""
        gone: list[Slice] = []
        for old in delete:
            new = created[-1] if created and created[-1].group[0] == old.group[0] else None
            if new is None:
                gone.append(old)
                continue
            created.pop()
            new.stored = old.stored
            update.append(new)
        self.slices = [s for s in self.slices if not _contains(delete, s)]
        known = self.slices
        self.slices = known + [s for s in (*update, *created) if not _contains(known, s)]
        return Changes(created, update, gone)


def _note(slices: list[Slice], one: Slice) -> None:
    if not _contains(slices, one):
        slices.append(one)


def _contains(slices: list[Slice], one: Slice) -> bool:
    # By identity: two slices may hold equal endpoints for a moment.
    return any(s is one for s in slices)
