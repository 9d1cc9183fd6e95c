"""What happened in a world, in a few dozen lines a person can read: moments chosen from the trace.

A moment is one record, or the first of several that belong together, told in the field's words. Chosen are commits and
what kept them from being pushed, the pipeline's stages, what an agent fetched, applied and reported, rollouts and their
steps, nodes and pods in trouble, drift and its repair, requests that begin to fail, faults, and what people typed.

**Walk:** the records in their order -> ``Teller`` -> ``Moment``s; a world that plays a scenario adds its drift.
"""

from collections.abc import Iterator

from kcsim.engine.clock import told_duration
from kcsim.scenario.drift import Episode
from kcsim.scenario.model import Push
from kcsim.scenario.play import Play
from kcsim.simulation.simulation import Simulation
from kcsim.views.moments import LANES, Moment, Moments, short_actor
from kcsim.views.telling import Teller

__all__ = ["LANES", "Moment", "Timeline", "between", "differs", "short_actor", "timeline"]


def timeline(sim: Simulation) -> Moments:
    """The moments of a world so far, in the order in which they happened."""
    return Moments(Timeline(sim).moments(), sim.engine.now)


def between(sim: Simulation, first: int, last: int) -> Moments:
    """The moments that the records of a trace from place ``first`` up to ``last`` (not included) brought."""
    records = sim.trace.records[:last]
    if first >= last:
        return Moments()
    since, until = records[first].seq, records[-1].seq
    teller = _teller(sim)
    for record in records:
        teller.take(record)
    told = teller.told()
    if isinstance(sim, Play):
        told.extend(moment for moment in _drift(sim) if moment.time <= records[-1].time)
    kept = sorted((m for m in told if since <= m.record.seq <= until), key=lambda m: (m.time, m.record.seq))
    return Moments(kept, records[-1].time)


class Timeline:
    """The moments of a world that goes on: each record is read once."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._teller = _teller(sim)
        self._read = 0

    def moments(self) -> list[Moment]:
        """The moments so far, in the order in which they happened."""
        self._catch_up()
        moments = self._teller.told()
        if isinstance(self._sim, Play):
            moments.extend(_drift(self._sim))
        return sorted(moments, key=lambda moment: (moment.time, moment.record.seq))

    def has_news(self) -> bool:
        """Whether records since the last look have brought a moment; cheaper than asking for all of them."""
        before = len(self._teller.moments)
        self._catch_up()
        return len(self._teller.moments) > before

    def _catch_up(self) -> None:
        records = self._sim.trace.records
        for index in range(self._read, len(records)):
            self._teller.take(records[index])
        self._read = len(records)


def _teller(sim: Simulation) -> Teller:
    """Runs are named alike in all worlds of a story, so that the same moment stands in one row."""
    if not isinstance(sim, Play):
        return Teller()
    ways = sim.scenario.deliveries.values()
    many = (len(way.pipelines) + (way.pipeline is not None) for way in ways)
    # A push has a pipeline for each environment.
    environments = len(sim.scenario.environments) > 1 and any(isinstance(way, Push) for way in ways)
    return Teller(several_pipelines=environments or any(count > 1 for count in many))


def _drift(play: Play) -> Iterator[Moment]:
    repaired: dict[int, Episode] = {}
    for episode in play.episodes.episodes:
        actor = short_actor(episode.cause.actor)
        yield Moment(episode.began, "api", actor, f"drift: {episode.ref}{differs(episode)}", episode.cause)
        if episode.repair is not None:
            repaired.setdefault(episode.repair.seq, episode)  # the oldest of those that one write ended
    for episode in repaired.values():
        if episode.ended is not None and episode.repair is not None:
            took = told_duration(episode.ended - episode.began)
            text = f"repaired: {episode.ref} is as git says again, after {took}"
            yield Moment(episode.ended, "api", short_actor(episode.repair.actor), text, episode.repair)


def differs(episode: Episode) -> str:
    """What is other than git says, the first fields of it."""
    if episode.cause.deleted or episode.cause.object["metadata"].get("deletionTimestamp"):
        return " is deleted, git has it"
    told = [
        f"{_last(leaf.path)} is {_value(leaf.before)}, git says {_value(leaf.after)}"
        for leaf in episode.fields
    ]
    more = f" and {len(told) - 2} more" if len(told) > 2 else ""
    return f": {'; '.join(told[:2])}{more}" if told else " is no longer as git says"


def _last(path: str) -> str:
    """The last part of a field's path; of a key in brackets, which may hold dots, the key."""
    if path.endswith('"]'):
        return path[path.rindex('["') + 2 : -2]
    return path.rpartition(".")[2]


def _value(value: object) -> str:
    return "absent" if value is None else str(value)
