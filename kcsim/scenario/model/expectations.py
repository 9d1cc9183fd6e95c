"""What must hold, as a scenario writes it."""

from dataclasses import dataclass
from typing import Annotated, Literal

from kcsim.scenario.model.part import Part
from kcsim.scenario.values import Duration, ExpressionText, Name


@dataclass(frozen=True, kw_only=True)
class Expectation(Part):
    """What must hold. It opens with the run, or with `after`, and closes with the run, `until` or `within`."""

    name: Annotated[Name, "As the verdict names it."]
    note: Annotated[str, "What it teaches; shown with the verdict."] = ""
    always: Annotated[ExpressionText | None, "True at every moment while it is open."] = None
    never: Annotated[ExpressionText | None, "True at no moment while it is open."] = None
    eventually: Annotated[ExpressionText | None, "True at some moment while it is open."] = None
    after: Annotated[
        str | None,
        "Opens it: the name of a timeline entry (once it is done: a commit pushed, a command returned), or an expression: "
        "each time it becomes true for `eventually`, the first time for `always` and `never`.",
    ] = None
    until: Annotated[
        str | None,
        "Closes it: the name of a timeline entry (when it begins), or an expression: when it first is true.",
    ] = None
    within: Annotated[Duration | None, "Closes it so long after it opened."] = None
    stays: Annotated[Duration | None, "With `eventually`: it must then stay true for so long."] = None
    deliveries: Annotated[
        tuple[str, ...], "It must hold under these; all when left out, but those of `failsUnder`."
    ] = ()
    fails_under: Annotated[
        tuple[str, ...],
        "It must NOT hold under these: the lesson of the story. Holding there is a failure, too.",
    ] = ()

    @property
    def kind(self) -> Literal["always", "never", "eventually"]:
        """Which of the three it is.

        Raises:
            ValueError: when it is none (the check reports such expectations).
        """
        for kind in ("always", "never", "eventually"):
            if getattr(self, kind) is not None:
                return kind
        raise ValueError(f"expectation {self.name} needs always, never or eventually")

    @property
    def expression(self) -> str:
        """The text that must hold, never hold, or come to hold."""
        return str(getattr(self, self.kind))

    def verdict_under(self, delivery: str) -> Literal["holds", "fails", "not judged"]:
        """What is expected of it in the world of a delivery."""
        if delivery in self.fails_under:
            return "fails"
        return "holds" if not self.deliveries or delivery in self.deliveries else "not judged"
