"""What happened, as a person wants to hear it; read from the trace record by record, so that cost follows change."""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.engine.trace import Record
from kcsim.simulation.simulation import Simulation


@dataclass(frozen=True, slots=True)
class Moment:
    time: int
    lane: str
    actor: str
    text: str
    record: Record

    @property
    def verb(self) -> str:
        return self.record.verb

    @property
    def subject(self) -> str:
        return self.record.subject


class Story:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._moments: list[Moment] = []
        self._read = 0

    def moments(self) -> list[Moment]:
        records = self._simulation.trace.records
        for index in range(self._read, len(records)):
            record = records[index]
            lane = "fault" if record.actor == "fault" else "person" if record.verb == "kubectl" else ""
            if record.subject.startswith(("pod/", "deployment", "node/")):
                lane = "pods"
            if lane:
                self._moments.append(
                    Moment(record.time, lane, record.actor, f"{record.verb} {record.subject}", record)
                )
        self._read = len(records)
        return self._moments

    def has_news(self) -> bool:
        before = len(self._moments)
        return len(self.moments()) > before
