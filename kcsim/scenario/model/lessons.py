"""What makes a lesson of a story: questions, checks, solutions."""

from dataclasses import dataclass
from typing import Annotated, Literal

from kcsim.scenario.model.expectations import Expectation
from kcsim.scenario.model.part import Part
from kcsim.scenario.model.timeline import TimelineEntry
from kcsim.scenario.values import Count, Duration, ExpressionText, Factor, Name, NamespaceName


@dataclass(frozen=True, kw_only=True)
class Choice(Expectation):
    """An answer to choose: right when, in every world that is judged, it comes as an expectation of these fields says."""

    says: Annotated[str, "The answer in words."]


@dataclass(frozen=True, kw_only=True)
class Number(Part):
    """A number that is read from the trace of the untouched story; exactly one of value, least, most, when, changes."""

    value: Annotated[ExpressionText | None, "The value of this look-up at `at`."] = None
    least: Annotated[ExpressionText | None, "Its smallest value while the window is open."] = None
    most: Annotated[ExpressionText | None, "Its largest value while the window is open."] = None
    when: Annotated[
        ExpressionText | None,
        "Seconds from the opening of the window until this is true; never is an answer.",
    ] = None
    changes: Annotated[ExpressionText | None, "How often its value changes while the window is open."] = None
    at: Annotated[Duration | None, "With `value`: the instant; the end of the run when left out."] = None
    after: Annotated[
        str | None, "Opens the window: a timeline entry's name, or an expression; left out: the start."
    ] = None
    until: Annotated[
        str | None, "Closes the window: a timeline entry's name, or an expression; left out: the end."
    ] = None
    delivery: Annotated[Name | None, "The world that is read; the first delivery's when left out."] = None
    minus: Annotated[Name | None, "The delivery whose number is taken away from it."] = None
    unit: Annotated[str, "What it counts: s, pods."] = "s"
    tolerance: Annotated[Factor, "How far from it an answer may be and still be right."] = 0.0

    @property
    def kind(self) -> Literal["value", "least", "most", "when", "changes"]:
        """How it is read.

        Raises:
            ValueError: when it does not say (the check reports such numbers).
        """
        for kind in ("value", "least", "most", "when", "changes"):
            if getattr(self, kind) is not None:
                return kind
        raise ValueError("a number needs value, least, most, when or changes")

    @property
    def expression(self) -> str:
        """The text that is looked at."""
        return str(getattr(self, self.kind))


@dataclass(frozen=True, kw_only=True)
class Question(Part):
    """A prediction, asked before the reveal. What is right is computed from the trace, never written down."""

    name: Annotated[Name, "By which answers name it."]
    ask: Annotated[str, "The question."]
    choices: Annotated[tuple[Choice, ...], "What can be answered, when it is not a number."] = ()
    in_order: Annotated[
        bool, "All choices are right; asked is the order in which they come to hold, as the trace has it."
    ] = False
    several: Annotated[bool, "More than one choice may be right; asked are all of them."] = False
    number: Annotated[Number | None, "The number asked for."] = None
    because: Annotated[str, "Why it comes so; told with the reveal."] = ""


@dataclass(frozen=True, kw_only=True)
class Stop(Part):
    """A moment at which the learner's run pauses, so that something can be done."""

    at: Annotated[Duration, "When."]
    say: Annotated[str, "What to look at, or what comes next."]


@dataclass(frozen=True, kw_only=True)
class Cause(Part):
    """A causal chain that the debrief shows."""

    object: Annotated[str, "Whose last change is traced back: deployment/web."]
    namespace: Annotated[NamespaceName, "Its namespace."] = "default"
    at: Annotated[Duration | None, "As of this instant; the end of the run when left out."] = None
    delivery: Annotated[Name | None, "In whose world; the first delivery's when left out."] = None


@dataclass(frozen=True, kw_only=True)
class Solution(Part):
    """What a learner may do, as data: played by the tests of the lessons."""

    note: Annotated[str, "What it does, and why that works or does not."] = ""
    actions: Annotated[tuple[TimelineEntry, ...], "What is done, as in a timeline."] = ()
    fails: Annotated[tuple[Name, ...], "The checks that do not pass with it."] = ()


@dataclass(frozen=True, kw_only=True)
class Criterion(Part):
    """What makes one way of passing better than another: a number of the learner's run. A window that never opens is the best."""

    name: Annotated[Name, "As the score names it."]
    says: Annotated[str, "What is counted."]
    number: Annotated[Number, "How it is read from the learner's run; the smaller the better."]
    best: Annotated[Factor, "Up to here it is worth all its points."]
    worst: Annotated[Factor, "From here on it is worth none; between the two in proportion."]
    points: Annotated[Count, "What it is worth."] = 100


@dataclass(frozen=True, kw_only=True)
class Lesson(Part):
    """A story to learn from: predict, see it happen, change it, and have the trace say whether that worked."""

    number: Annotated[Count, "Its place among the lessons."]
    domain: Annotated[str, "What it is about: core, delivery, gitops, scheduling, networking, security."]
    goal: Annotated[str, "What one can do afterwards."]
    predict: Annotated[tuple[Question, ...], "Asked before the untouched story is shown."] = ()
    task: Annotated[str, "What to do in the learner's own run of the story."]
    stops: Annotated[tuple[Stop, ...], "Moments at which that run pauses, in the order of time."] = ()
    allow: Annotated[
        tuple[Literal["kubectl", "git", "gh", "flux", "argocd", "fault"], ...],
        "What may be done by hand; everything when left out.",
    ] = ()
    hidden_faults: Annotated[
        Count, "So many faults of the palette, drawn from the seed, happen without being announced."
    ] = 0
    hints: Annotated[tuple[str, ...], "Where to look, which concept, what to do: in this order."] = ()
    checks: Annotated[
        tuple[Expectation, ...], "What must hold in the learner's run; a note helps who fails it."
    ]
    score: Annotated[
        tuple[Criterion, ...],
        "What passing well is worth beyond `points`: one may pass in more than one way.",
    ] = ()
    explain: Annotated[str, "What happened and why, once it is over."]
    why: Annotated[tuple[Cause, ...], "The causal chains that are shown with it."] = ()
    points: Annotated[Count, "What passing is worth; each hint takes a fifth of it."] = 100
    reference: Annotated[Solution, "One way that passes."]
    wrong: Annotated[Solution, "A way that looks right and does not pass."]

    @property
    def most_points(self) -> int:
        """What it is worth to pass it as well as one can."""
        return self.points + sum(criterion.points for criterion in self.score)
