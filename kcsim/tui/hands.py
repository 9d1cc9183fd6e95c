"""What a person does to the world from the screen: each deed an entry of a timeline, so that it can be saved.

**Walk:** a key or a command line -> a ``TimelineEntry`` for this instant -> it is carried out exactly as the scenario's
own entries are -> it joins ``deeds``, and its answer arrives when the world has let it happen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from kcsim.engine.clock import format_duration
from kcsim.kubectl.session import Outcome
from kcsim.scenario.faults import FAULTS, TARGET_FIELDS
from kcsim.scenario.model import Merge, Scenario, TimelineEntry
from kcsim.scenario.play import Play

PERSON = "you"
"""Who acts at the keyboard: a user of the cluster like any other, with an administrator's kubeconfig."""


@dataclass
class Deed:
    """One thing done by hand: the entry it is in a timeline, and what the command printed once it has ended."""

    entry: TimelineEntry
    outcome: Outcome | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed: the command in words, the text, and whether it failed."""

    command: str
    text: str
    failed: bool


class Hands:
    """The deeds of one person in one world.

    Attributes:
        deeds: what was done, in order.
        saved: how many of them have been saved.
    """

    def __init__(self, play: Play, done: Iterable[TimelineEntry] = ()) -> None:
        """``done``: what was done in this world already, before somebody looked."""
        self._play = play
        self.deeds = [Deed(entry, told=True) for entry in done]
        self.saved = 0

    def do(self, entry: TimelineEntry) -> Deed:
        """Carry an entry out, now; its ``at`` becomes this instant.

        Raises:
            FaultError: the fault hits nothing.
        """
        deed = Deed(replace(entry, at=self._play.engine.now))

        def done(outcome: Outcome) -> None:
            deed.outcome = outcome

        self._play.act(deed.entry, done)
        self.deeds.append(deed)
        return deed

    def answers(self) -> list[Answer]:
        """What commands printed that have ended since this was last asked."""
        news = [deed for deed in self.deeds if deed.outcome is not None and not deed.told]
        answers = []
        for deed in news:
            deed.told = True
            assert deed.outcome is not None, "chosen for having one"
            answers.append(Answer(in_words(deed.entry), deed.outcome.text, bool(deed.outcome.exit_code)))
        return answers

    def scenario(self, name: str) -> Scenario:
        """The story with what was done by hand in it: played again, it gives the same trace up to now.

        What a branch left out is not in it, nor are the expectations that wait for it.
        """
        play = self._play
        deeds = [deed.entry for deed in self.deeds]
        return story_of(play.scenario, name, play.seed, play.without, deeds)


def story_of(
    scenario: Scenario,
    name: str,
    seed: int,
    without: Collection[TimelineEntry],
    deeds: Iterable[TimelineEntry],
) -> Scenario:
    """A story with deeds in it and some of its entries left out."""
    gone = {entry.name for entry in without if entry.name is not None}
    entries = [entry for entry in scenario.timeline if entry not in without]
    # Deeds stand alone in their instants (Session.do), so sorting by time alone keeps every order.
    timeline = tuple(sorted([*entries, *deeds], key=lambda entry: entry.at))
    wanted = tuple(e for e in scenario.expectations if e.after not in gone and e.until not in gone)
    # Of a lesson the story alone is kept: its solutions fit the story as it was told.
    return replace(
        scenario, name=name, seed=seed, timeline=timeline, expectations=wanted, lesson=None, source=None
    )


def in_words(entry: TimelineEntry) -> str:
    """What an entry does, as a person says it: ``node-crash node-2 for 5m``, ``kubectl scale ...``."""
    for program in ("kubectl", "flux", "argocd"):
        line = getattr(entry, program, None)
        if line is not None:
            return f"{program} {line}"
    if entry.commit is not None:
        return f'git commit -m "{entry.commit.message}"'
    if entry.revert is not None:
        return f"git revert {entry.revert.commit}"
    if entry.merge_request is not None:
        return f'ask to merge {entry.merge_request.branch} "{entry.merge_request.message}"'
    if entry.force_push is not None:
        return f"git push --force {entry.force_push.to}"
    if entry.rerun is not None:
        return (
            f"gh run rerun {entry.rerun}"
            if isinstance(entry.rerun, int)
            else f"run the {entry.rerun} pipeline again"
        )
    if entry.redeliver is not None:
        return f"send lost webhooks of {entry.redeliver} again"
    if entry.git_action is not None:
        action = entry.git_action
        return (
            f"git merge {action.branch}"
            if isinstance(action, Merge)
            else f"git tag {getattr(action, 'name', '')}"
        )
    if entry.fault is None:
        return " ".join(entry.action_names())
    targets = " ".join(
        str(getattr(entry, field)) for field in TARGET_FIELDS if getattr(entry, field) is not None
    )
    length = "" if FAULTS[entry.fault].momentary else "for good"
    if entry.for_ is not None:
        length = f"for {format_duration(entry.for_)}"
    return " ".join(part for part in (entry.fault, targets, length) if part)
