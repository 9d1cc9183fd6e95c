"""What can be seen of a world from where in time one looks: objects, the timeline, what is wrong, what is expected.

Everything is kept up to date by reading what is new, so that a frame costs what has changed since the last one.

**Walk:** ``Sight`` of a world -> ``cursor`` says from when to look -> ``look``, ``moments``, ``strip``, ``concern`` ...
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from kcsim.engine.clock import seconds
from kcsim.kubectl.session import Outcome
from kcsim.scenario.expectations import Verdict
from kcsim.scenario.measure import Measure
from kcsim.scenario.play import Play
from kcsim.simulation.why import Why
from kcsim.views.concern import Concern, Concerns, adrift, first_concern
from kcsim.views.facts import Facts
from kcsim.views.look import Look
from kcsim.views.objects import Ref, prepare_filter
from kcsim.views.reader import read
from kcsim.views.readiness import Readiness
from kcsim.views.timeline import Moment, Timeline
from kcsim.views.usage import Machines, Usage


class Sight:
    """A world, and where in time one looks at it from.

    Attributes:
        play: the world.
        end: when the story ends (µs).
        cursor: the instant of the past that is looked at (µs); None: now.
        running: whether time passes.
    """

    def __init__(self, play: Play) -> None:
        self.end = seconds(play.end)
        self.cursor: int | None = None
        self.running = False
        self._adopt(play)

    def _adopt(self, play: Play) -> None:
        """Look at this world from now on."""
        self.play = play
        self.readiness = Readiness()
        self.usage = Usage()
        self.machines_known = Machines()
        self._timeline = Timeline(play)
        self._read = 0
        self._chore: tuple[str, str | None] | None = None
        self._sums = False  # whether what pods ask of nodes is still to be added up
        self._prepared: tuple[str, str | None, Look] | None = None
        self._moments: tuple[int, list[Moment]] = (-1, [])
        self._look: tuple[tuple[int | None, int, int], Look] | None = None
        self._judged: tuple[tuple[int, int], Sequence[Verdict]] = ((-1, -1), ())
        self._measured: tuple[tuple[int, int], Sequence[Measure]] = ((-1, -1), ())
        self._facts = Facts()
        self._concerns = Concerns(play, self._facts)

    # --- what there is to see -----------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The present of the world (µs)."""
        return self.play.engine.now

    @property
    def seen(self) -> int:
        """The instant one looks at (µs): the cursor, or now."""
        return self.now if self.cursor is None else self.cursor

    @property
    def at_end(self) -> bool:
        """Whether the story is over."""
        return self.now >= self.end

    @property
    def look(self) -> Look:
        """The world at the instant one looks at; made anew only when something changed."""
        key = (self.cursor, self.now, len(self.play.trace))
        known = self._look
        if known is None or known[0] != key:
            if known is not None and key[::2] == known[0][::2] and self.cursor is None:
                known = key, known[1].later()
            else:
                known = key, Look(self.play, self.cursor, facts=self._facts)
            self._look = known
        return known[1]

    @property
    def moments(self) -> list[Moment]:
        """What happened so far that a person wants to know, oldest first."""
        size = len(self.play.trace)
        if self._moments[0] != size:
            self._moments = size, self._timeline.moments()
        return self._moments[1]

    def moments_seen(self) -> list[Moment]:
        """The moments up to the instant one looks at."""
        moments = self.moments
        if self.cursor is None:
            return moments
        return moments[: bisect_right(moments, self.cursor, key=lambda moment: moment.time)]

    def update(self) -> None:
        """Bring the series that lanes are drawn from up to date."""
        self.readiness.update(*(cluster.server.log for cluster in self.play.world.clusters.values()))

    def keep_up(self) -> None:
        """Read what the record has gained, bit by bit while the world runs, so that no question has to read much at once."""
        if len(self.play.trace) != self._read:
            self._read = len(self.play.trace)
            self._timeline.has_news()
            self.play.episodes  # noqa: B018 - it reads the story on

    @property
    def has_chores(self) -> bool:
        """Whether something is worth doing while nobody asks and no time passes."""
        return self._chore is not None or self._sums

    def will_be_filtered(self, word: str, namespace: str | None) -> None:
        """A list of a kind was shown: what filters of it search is prepared when there is time."""
        if (word, namespace, self.look) != self._prepared:
            self._chore = word, namespace

    def do_chores(self) -> None:
        """Do a part of it, short enough for whoever asks meanwhile."""
        chore = self._chore
        if chore is not None:
            if prepare_filter(self.look, *chore):
                self._prepared, self._chore = (*chore, self.look), None
                self._sums = True
        else:
            self._sums = not self.usage.update(self.play.cluster().server.log, _AT_ONCE)

    # --- asking -------------------------------------------------------------------------------------------------

    def why(self, ref: Ref) -> Why:
        """The causal chain of an object's last change of substance, as far as it had come at the instant looked at.

        Raises:
            NotFound: nothing of that name ever existed.
        """
        return self.look.why(ref.kind, ref.namespace, ref.name)

    def why_record(self, seq: int) -> Why:
        """The causal chain of a record of the trace."""
        return self.play.why(self.play.trace.records[seq])

    def read(self, line: str, program: str = "kubectl") -> Outcome:
        """A line of kubectl or flux that only looks, at the instant looked at: answered at once, and nothing counts it."""
        return read(self.play.cluster(), self.look, program, line)

    def unmet(self) -> Verdict | None:
        """The first expectation that is known to have come out wrong; of the past nothing is said."""
        if self.cursor is not None:
            return None
        return next((v for v in self.verdicts() if v.decided and not v.passed), None)

    def verdicts(self) -> Sequence[Verdict]:
        """What has become of the expectations so far."""
        key = self._score_key
        if self._judged[0] != key:
            self._judged = key, self.play.verdicts()
        return self._judged[1]

    def measures(self) -> Sequence[Measure]:
        """What was measured so far."""
        key = self._score_key
        if self._measured[0] != key:
            self._measured = key, self.play.measures()
        return self._measured[1]

    @property
    def _score_key(self) -> tuple[int, int]:
        """Until when a score holds: in a world that runs, until the next moment, which is what a person sees change."""
        return (len(self.moments), -1) if self.running else (len(self.play.trace), self.now)

    def concern(self) -> Concern | None:
        """The first thing that is not right at the instant one looks at."""
        found = self._concerns.first() if self.cursor is None else first_concern(self.look)
        if found is None:
            found = adrift(self.play, self.seen)
        return found

    def machines(self) -> list[str]:
        """The nodes of the cluster by name, registered or not."""
        return list(self.play.cluster().kubelets)

    def repositories(self) -> list[str]:
        """The git repositories of the world, by name."""
        return [repository.name for repository in self.play.scenario.repositories]


_AT_ONCE = 10_000
"""Versions that a chore reads: some hundredths of a second."""


def told(moment: Moment) -> str:
    """A moment in words; who did it is said where the words leave it open."""
    if moment.lane in {"agent", "api"} and not moment.text.startswith(moment.actor):
        return f"{moment.actor}: {moment.text}"
    return moment.text
