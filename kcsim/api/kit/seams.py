"""Where a fault gets between a component and the API server: before and after its writes, and at its cursors.

Rules are plain data. A ``CrashPoint`` names a write and kills the component right before it is sent, or right after it
took effect; a ``CursorFault`` names an informer and changes what it is told of the log: a change that never comes, comes
twice, late or out of order, a cache that stands still, a list as of long ago. These are the perturbations of Sieve
(Sun et al., OSDI'22: intermediate, unobserved and stale states), here as interventions at one place each.

Writes of Events and Leases do not count: client-go sends them beside the work, from goroutines of their own.

**Walk:** ``Seams.of(endpoint).arm(rule)`` -> clients ask ``sending`` and ``served``, informers ask ``passing`` and
``lists_from`` -> the rule that matches acts and notes it in the trace, caused by what armed it -> ``Armed.lift``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from kcsim.api.client import Client, Endpoint
from kcsim.api.kit.cursors import Change, CursorFault, cursor_for
from kcsim.api.request import Operation
from kcsim.engine.clock import SECOND
from kcsim.engine.trace import Record

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component
    from kcsim.api.kit.informer import Informer

_READS = frozenset({"get", "list", "watch"})
_BESIDE = frozenset({"events", "leases"})


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """A write of a component at which its process dies.

    Attributes:
        component: what the component calls itself, e.g. ``kube-controller-manager``.
        when: ``before``: the write is never sent; ``after``: it took effect (or was refused), and nobody hears of it.
        nth: which of the writes that match, from 1, counted from when the rule was armed.
        verb: ``create``, ``update``, ``patch``, ``delete``, ``deletecollection``; "" for any.
        resource: plural name, e.g. ``pods``; "" for any.
        subresource: ``status``, ``binding`` and so on; "" for any or none.
        namespace, name: shell patterns; "" for any.
        host: where the component runs; "" for anywhere.
        reconciler: the one whose client it is, where it has its own; "" for any.
        down: how long the process stays down (µs), unless somebody else (a kubelet) starts it again.
    """

    component: str
    when: Literal["before", "after"] = "after"
    nth: int = 1
    verb: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    host: str = ""
    reconciler: str = ""
    down: int = SECOND

    def matches(self, write: Write) -> bool:
        """Whether it is a write that counts."""
        return (
            self.component == write.component
            and self.host in {"", write.host}
            and self.verb in {"", write.verb}
            and self.resource in {"", write.resource}
            and self.subresource in {"", write.subresource}
            and self.reconciler in {"", write.reconciler}
            and (not self.namespace or fnmatchcase(write.namespace, self.namespace))
            and (not self.name or fnmatchcase(write.name, self.name))
        )


Rule = CrashPoint | CursorFault


@dataclass(frozen=True, slots=True)
class Write:
    """A write as a component sends it; ``name`` is the prefix where the server is to make the name up."""

    component: str
    host: str
    reconciler: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    time: int

    @property
    def subject(self) -> str:
        """The object it is about, for the trace."""
        kind = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return "/".join(part for part in (kind, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A change as an informer was told of it: ``event`` is ADDED, MODIFIED or DELETED."""

    component: str
    host: str
    resource: str
    event: str
    namespace: str
    name: str
    revision: int
    time: int


class Sites:
    """Every place of a run at which a rule could act: what a reference run is made for.

    Attributes:
        writes: in the order in which they were sent.
        deliveries: in the order in which informers were told; first lists are not among them.
    """

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.deliveries: list[Delivery] = []


class Armed:
    """A rule that is in force.

    Attributes:
        rule: the data.
        record: what armed it.
        fired: how often it acted.
    """

    def __init__(self, seams: Seams, rule: Rule, record: Record) -> None:
        self.rule = rule
        self.record = record
        self.fired = 0
        self.seen = 0
        self._seams = seams
        self.cursor = cursor_for(self, seams) if isinstance(rule, CursorFault) else None

    def note(self, verb: str, subject: str, detail: dict[str, object]) -> Record:
        """Tell in the trace that the rule acted."""
        self.fired += 1
        engine = self._seams.endpoint.engine
        with engine.because(self.record):
            return engine.note("fault", verb, subject, detail)

    def lift(self) -> None:
        """The rule is over: what it kept from an informer arrives now. Harmless when it is over already."""
        self._seams.lift(self)


class Seams:
    """What interferes with the components of one API server; made when the first rule is armed.

    Attributes:
        sites: what a reference run collects, once ``collect`` was asked for.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.sites: Sites | None = None
        self._crashes: list[Armed] = []
        self._cursors: list[Armed] = []
        self._dying: list[Component] = []
        self._after: list[tuple[Operation, Armed, Write]] = []

    @classmethod
    def of(cls, endpoint: Endpoint) -> Seams:
        """The seams of an API server."""
        if endpoint.seams is None:
            endpoint.seams = cls(endpoint)
        return endpoint.seams

    def collect(self) -> Sites:
        """Write down every write and every delivery from now on."""
        self.sites = self.sites or Sites()
        return self.sites

    def arm(self, rule: Rule) -> Armed:
        """Put a rule in force; caused by what runs now, or by a record of its own."""
        engine = self.endpoint.engine
        record = engine.cause
        if record is None:
            what = "crash-point" if isinstance(rule, CrashPoint) else rule.what
            record = engine.note("fault", "inject", f"{what}/{rule.component}")
        armed = Armed(self, rule, record)
        if armed.cursor is None:
            self._crashes.append(armed)
        else:
            self._cursors.append(armed)
            for component in self.endpoint.components:
                for informer in component.informers if component.running else ():
                    if rule_is_about(rule, informer):
                        armed.cursor.begin(informer)
        return armed

    def lift(self, armed: Armed) -> None:
        """End a rule; used by ``Armed.lift``."""
        if armed in self._crashes:
            self._crashes.remove(armed)
        elif armed in self._cursors:
            assert armed.cursor is not None, "only rules about cursors are kept there"
            rest = self._cursors[self._cursors.index(armed) + 1 :]
            self._cursors.remove(armed)
            for informer, changes in armed.cursor.end():
                self._hand_on(informer, changes, rest)

    # --- writes -------------------------------------------------------------------------------------------------

    def sending(self, client: Client, op: Operation) -> bool:
        """Whether a request may leave: not when its sender dies right before it."""
        owner = client.owner
        if owner is None:
            return True
        if owner in self._dying:
            return False
        if op.verb in _READS or op.resource.plural in _BESIDE:
            return True
        write = _write(client, owner, op)
        if self.sites is not None:
            self.sites.writes.append(write)
        for armed in list(self._crashes):
            rule = armed.rule
            assert isinstance(rule, CrashPoint), "only crash points are kept there"
            if not rule.matches(write):
                continue
            armed.seen += 1
            if armed.seen != rule.nth:
                continue
            if rule.when == "after":
                self._after.append((op, armed, write))
                return True
            # The sender may be in the middle of a step: it dies when this step is over, and sends nothing more.
            self._dying.append(owner)
            self.endpoint.engine.after(0, self._crash, armed, owner, write)
            return False
        return True

    def served(self, client: Client, op: Operation) -> bool:
        """Whether the answer to a request goes back: not when its sender died of it."""
        for waiting in self._after:
            if waiting[0] is op:
                self._after.remove(waiting)
                if client.owner is not None and client.owner.running:
                    self._crash(waiting[1], client.owner, waiting[2])
                return False
        return True

    def _crash(self, armed: Armed, owner: Component, write: Write) -> None:
        rule = armed.rule
        assert isinstance(rule, CrashPoint), "only crash points crash"
        if owner in self._dying:
            self._dying.remove(owner)
        detail: dict[str, object] = {
            "component": owner.name,
            "when": f"{rule.when} {write.verb} {write.subject}",
            "write": rule.nth,
        }
        record = armed.note("crash", f"{owner.name}/{owner.host}", detail)
        with self.endpoint.engine.because(record):
            owner.crash(rule.down)

    # --- cursors ------------------------------------------------------------------------------------------------

    def passing(self, informer: Informer, changes: list[Change]) -> list[Change]:
        """What of the changes that reached an informer it is told of now."""
        if self.sites is not None:
            component = informer.component
            for event, version in changes:
                namespace, name = version.key
                self.sites.deliveries.append(
                    Delivery(
                        component.name,
                        component.host,
                        version.resource.plural,
                        event,
                        namespace,
                        name,
                        version.revision,
                        self.endpoint.engine.now,
                    )
                )
        return self._through(informer, changes, self._cursors)

    def hand_on(self, armed: Armed, informer: Informer, changes: list[Change]) -> None:
        """Changes that one rule held back go on, through the rules after it."""
        rest = self._cursors[self._cursors.index(armed) + 1 :] if armed in self._cursors else []
        self._hand_on(informer, changes, rest)

    def _hand_on(self, informer: Informer, changes: list[Change], rest: list[Armed]) -> None:
        told = self._through(informer, changes, rest)
        if told:
            informer.tell(told)

    def _through(self, informer: Informer, changes: list[Change], rules: list[Armed]) -> list[Change]:
        for armed in list(rules):
            if changes and rule_is_about(armed.rule, informer):
                assert armed.cursor is not None, "only rules about cursors are kept there"
                changes = armed.cursor.passing(informer, changes)
        return changes

    def lists_from(self, informer: Informer) -> int | None:
        """The revision as of which an informer's list is answered; None: the present."""
        asked = (
            a.cursor.lists_from(informer)
            for a in self._cursors
            if a.cursor and rule_is_about(a.rule, informer)
        )
        return min((revision for revision in asked if revision is not None), default=None)

    def forget(self, informer: Informer) -> None:
        """The informer's process died: what was held back for it is lost with it."""
        for armed in self._cursors:
            if armed.cursor is not None:
                armed.cursor.forget(informer)


def rule_is_about(rule: Rule, informer: Informer) -> bool:
    """Whether a rule about cursors concerns an informer."""
    component = informer.component
    return (
        isinstance(rule, CursorFault)
        and rule.component in {"", component.name}
        and rule.host in {"", component.host}
        and rule.resource in {"", informer.resource.partition(".")[0]}
    )


def _write(client: Client, owner: Component, op: Operation) -> Write:
    body = op.body if isinstance(op.body, dict) else {}
    metadata = body.get("metadata") or {}
    return Write(
        owner.name,
        owner.host,
        client.reconciler,
        op.verb,
        op.resource.plural,
        op.subresource,
        op.namespace,
        op.name or metadata.get("name") or metadata.get("generateName", ""),
        owner.engine.now,
    )


__all__ = ["Armed", "CrashPoint", "CursorFault", "Delivery", "Rule", "Seams", "Sites", "Write"]
