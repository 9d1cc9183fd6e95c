"""The trace: one record for everything that happened, each with its cause.

A record's cause is another record, so "why did that happen?" is a walk along ``cause`` to a commit, a person, a fault
or the clock. Records are kept as objects while the world runs; text is made only when somebody asks for it.

**The columns of trace.jsonl** (one JSON object a line, keys sorted):

====== =================================================================================================
seq    number of the record, from 0; the order in which things happened
t      virtual time in seconds, a decimal text with six digits, e.g. ``"61.250000"``
cause  ``seq`` of the record that made this happen, or null for what came from outside (a scenario's action)
actor  who did it: a Kubernetes user name, ``clock``, ``git``, ``fault`` ...
verb   what was done: an API verb (create, update, patch, delete ...), ``commit``, ``inject`` ...
object what it was done to: ``deployment.apps/shop/web``, ``commit/shop/3f2a91c`` ...
detail JSON object with the facts; a write carries ``rv`` (resourceVersion) and ``set`` (what changed, as a merge patch)
====== =================================================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from kcsim.engine.clock import SECOND
from kcsim.engine.shown import Shown


class Record(Shown):
    """One thing that happened. ``time`` is virtual µs; ``cause`` the record that made it happen, or None."""

    __slots__ = ("actor", "cause", "detail", "seq", "subject", "time", "verb")

    def __init__(
        self,
        time: int,
        cause: Record | None,
        actor: str,
        verb: str,
        subject: str,
        detail: dict[str, Any] | None = None,
    ) -> None:
        self.seq = -1
        self.time = time
        self.cause = cause
        self.actor = actor
        self.verb = verb
        self.subject = subject
        self.detail = detail

    def facts(self) -> dict[str, Any]:
        """What the record says beyond its columns, as small JSON."""
        return self.detail or {}

    def to_json(self) -> dict[str, Any]:
        """The record as one line of trace.jsonl."""
        return {
            "seq": self.seq,
            "t": f"{self.time // SECOND}.{self.time % SECOND:06d}",
            "cause": self.cause.seq if self.cause is not None else None,
            "actor": self.actor,
            "verb": self.verb,
            "object": self.subject,
            "detail": self.facts(),
        }

    def chain(self) -> list[Record]:
        """This record and what led to it, newest first."""
        records = [self]
        while (cause := records[-1].cause) is not None:
            records.append(cause)
        return records

    def __repr__(self) -> str:
        return f"<{self.seq} t={self.time / SECOND:.3f} {self.actor} {self.verb} {self.subject}>"


_ENCODE = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
).encode


class Trace:
    """The append-only list of records."""

    __slots__ = ("_listeners", "records")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._listeners: list[Callable[[Record], None]] = []

    def __repr__(self) -> str:
        until = f" to t={self.records[-1].time / SECOND:.3f}s" if self.records else ""
        return f"<Trace of {len(self.records)} records{until}>"

    def append(self, record: Record) -> Record:
        """Number the record and keep it. A cause that was not numbered yet (a clock's tick) is kept first."""
        cause = record.cause
        if cause is not None and cause.seq < 0:
            self.append(cause)
        record.seq = len(self.records)
        self.records.append(record)
        if self._listeners:
            for listener in self._listeners:
                listener(record)
        return record

    def on_record(self, listener: Callable[[Record], None]) -> None:
        """Call ``listener`` with each further record."""
        self._listeners.append(listener)

    def lines(self) -> Iterator[str]:
        """The records as lines of JSON, without line ends."""
        for record in self.records:
            yield _ENCODE(record.to_json())

    def sha256(self) -> str:
        """The digest of trace.jsonl: equal digests mean equal worlds."""
        digest = hashlib.sha256()
        for line in self.lines():
            digest.update(line.encode())
            digest.update(b"\n")
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.records)
