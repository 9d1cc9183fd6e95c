"""Diagnostics: every fault a scenario file can have, as one table of codes, and how a fault is told.

A fault is one line `file:line:column: CODE message` and one line of remedy. Faults are collected, sorted by position and
raised together, so that a file is mended in one pass. docs/errors.md is generated from `CODES`.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of fault: its title and what to do about it in general."""

    title: str
    help: str
    severity: Severity = "error"


CODES: dict[str, Code] = {
    # Reading the file.
    "KC001": Code(
        "the file cannot be read", "Give the path of a scenario file, or a gallery name from `kcsim list`."
    ),
    "KC002": Code("the file is not UTF-8 text", "Save the file as UTF-8."),
    "KC003": Code("the file is empty", "Start from a shipped scenario: `kcsim list`."),
    "KC004": Code("the YAML cannot be parsed", "Mend the syntax where the position points."),
    "KC005": Code(
        "the file is too large or too deeply nested", "Split the story, or read manifests with `from:`."
    ),
    "KC006": Code("a key is written twice", "Keep one of the two; YAML would silently drop the other."),
    "KC007": Code(
        "a key is not a plain word", "Write keys as strings; quote them if they hold other characters."
    ),
    "KC008": Code("the file holds several YAML documents", "Keep one scenario in a file; remove the `---`."),
    "KC009": Code(
        "this is not a scenario of a version kcsim reads",
        "Begin with `apiVersion: kcsim/v1`, `kind: Scenario`.",
    ),
    "KC010": Code(
        "yes, no, on and off mean different things to different readers", "Write true or false, or quote it."
    ),
    "KC011": Code(
        "no scenario of this name", "`kcsim list` prints the gallery; a path needs a `/` or ends in .yaml."
    ),
    "KC012": Code(
        "an alias cannot be resolved", "Define the anchor (&name) before the alias (*name) and outside of it."
    ),
    "KC013": Code(
        "the story is no lesson", "Give it a `lesson`, or name one that `kcsim list` shows as such."
    ),
    # The shape of the file.
    "KC101": Code("a required field is missing", "Add the field; `kcsim schema` describes it."),
    "KC102": Code("a field does not exist", "Use the near miss, or one of the fields listed."),
    "KC103": Code("a value has the wrong type", "Write the type the message names."),
    "KC104": Code("a value is not allowed", "Write one of the values the message names."),
    "KC105": Code("fields exclude or require one another", "Keep exactly the fields the message names."),
    "KC106": Code("a name is used twice", "Give each its own name; others refer to it."),
    # What refers to what.
    "KC201": Code("no such repository", "Name one of `repositories`."),
    "KC202": Code("no such node", "Name a node of the cluster; `nodes: 3` makes node-1, node-2 and node-3."),
    "KC203": Code("no such image", 'Declare the image under `images`, or add `name: "*"` for all others.'),
    "KC204": Code("no such traffic", "Name one of `traffic`."),
    "KC205": Code("no such Service", "Commit a Service of that name and namespace, or change `to`."),
    "KC206": Code("no such delivery", "Name one of `deliveries`."),
    "KC207": Code("no such event in the timeline", "Give the timeline entry a `name`, and use it here."),
    "KC208": Code("no such cluster", "Name one of `clusters`."),
    "KC209": Code("no such API client", "Name a component, a node or a person of the story."),
    "KC210": Code("no such file in the repository", "Name a file that exists there at that moment."),
    "KC211": Code("an edit changes nothing", "Quote text that the file holds at that moment, exactly."),
    "KC212": Code("a Service has no such port", "Name a port the Service lists, by number or name."),
    "KC213": Code(
        "no such part of the network", "Name hosts or zones: node-1, zone-a <-> zone-b, users -> nodes."
    ),
    "KC214": Code(
        "no such controller",
        "Name a class that can be imported: package.module:Class, or folder/file.py:Class beside the file.",
    ),
    "KC215": Code("no such job", "Name one of the pipeline's `jobs`."),
    "KC216": Code(
        "no runner has these labels",
        "Add runners with them, or change `runsOn`: the job would wait for ever.",
    ),
    "KC217": Code("jobs need each other in a circle", "Break the circle: none of them would ever begin."),
    "KC218": Code(
        "a condition cannot be read", "Write it as GitHub Actions does: github.ref == 'refs/heads/main'."
    ),
    "KC219": Code("no such branch or merge request", "Name a branch, or a timeline entry, of before."),
    "KC220": Code("a required check is run by no pipeline", "Name a job of a pipeline of the repository."),
    "KC221": Code(
        "a range of addresses is too small", "Take a shorter prefix, or other masks for the nodes' ranges."
    ),
    "KC222": Code("ranges of addresses overlap", "Give pods, Services and nodes ranges of their own."),
    "KC223": Code("no such environment", "Name one of `environments`: a promotion has to lead somewhere."),
    "KC224": Code("promotions lead in a circle", "Let them lead one way: dev to staging to production."),
    "KC225": Code("no such bucket", "Name one of `buckets`."),
    "KC226": Code("no such chart", "Name one of `charts`."),
    "KC227": Code(
        "Kustomizations wait for each other in a circle",
        "Break the circle: none of them would ever be applied.",
        "warning",
    ),
    "KC229": Code(
        "CODEOWNERS says nothing here", "Write a pattern and its owners: /deploy/ @olga.", "warning"
    ),
    # Times.
    "KC301": Code("timeline entries are out of order", "Sort the timeline by `at`."),
    "KC302": Code("a time is beyond the end", "Raise `until`, or move it forward."),
    "KC303": Code("an expectation's window reaches beyond the end", "Raise `until`, or shorten `within`."),
    # Expressions.
    "KC401": Code(
        "an expression cannot be parsed",
        "Expressions look like Python: ready('deployment/web', 'shop') >= 3.",
    ),
    "KC402": Code(
        "an expression uses what the language has not",
        "Use calls, fields, and/or/not, comparisons and + - * /.",
    ),
    "KC403": Code("no such function", "Use one of the functions in docs/scenarios.md."),
    "KC404": Code("a function is called with the wrong arguments", "Call it as the message shows."),
    "KC405": Code("the kind has no such field", "Use a field of that kind; `kubectl explain` lists them."),
    "KC406": Code("no such kind", "Write the kind as kubectl does: deployment/web, pod/web-1."),
    "KC407": Code(
        "nothing in the story ever makes this object", "Commit or apply it, or mend its name and namespace."
    ),
    # Manifests.
    "KC501": Code(
        "a manifest's YAML cannot be parsed", "Mend the manifest; kubectl would refuse it as well."
    ),
    "KC502": Code(
        "a document is not a Kubernetes object", "An object needs apiVersion, kind and metadata.name."
    ),
    "KC503": Code(
        "a manifest has a field its kind has not",
        "The API server would refuse or drop it: use the near miss.",
    ),
    "KC504": Code(
        "a manifest's value has the wrong type or is missing", "Write what the Kubernetes schema asks for."
    ),
    "KC505": Code(
        "kcsim does not model this kind", "It is stored as it is and nothing acts on it.", "warning"
    ),
    "KC506": Code(
        "no manifest is found where the delivery looks", "Correct `path`, or put the manifests there."
    ),
    "KC507": Code(
        "the API group has no such kind", "Correct kind or apiVersion; `kubectl api-resources` lists them."
    ),
    # What leads where.
    "KC508": Code(
        "a Service selects no pod",
        "Mend the selector or the pods' labels; until then connections are refused.",
        "warning",
    ),
    "KC509": Code(
        "no container has a port of this name", "Name a port as the containers of its pods do.", "warning"
    ),
    "KC510": Code(
        "a backend leads to no Service",
        "Name a Service of the same namespace, and one of its ports.",
        "warning",
    ),
    "KC511": Code("no controller plays this class", "Name a class that somebody plays.", "warning"),
    "KC512": Code("calls go in a circle", "Break the circle: no request would ever be answered."),
    "KC513": Code(
        "a call leads to no Service",
        "Name a Service as a pod does: http://cart, http://cart.shop.",
        "warning",
    ),
    "KC514": Code(
        "a kustomization cannot be built", "Mend it; `kustomize build` would refuse it as well.", "warning"
    ),
    "KC515": Code(
        "two owners bring one object", "Let one of them bring it: give them folders of their own.", "warning"
    ),
    "KC516": Code(
        "the API server refuses an object that should stand there from the beginning",
        "Write what the message asks for, and what it needs before it in the list.",
    ),
    "KC517": Code(
        "an entry of a kustomization is about nothing",
        "Name what the resources hold; `kustomize build` does nothing here, and does not say so.",
        "warning",
    ),
    "KC518": Code(
        "an object of a delivery leads nowhere",
        "Name what the story has; its controller will say so in a condition.",
        "warning",
    ),
    # Repositories on disk.
    "KC601": Code(
        "the path is no git repository", "Give the folder that holds .git, or use `from:` for plain files."
    ),
    "KC602": Code("the git repository has no commits", "Commit something there first."),
    "KC603": Code(
        "the folder does not exist or cannot be read", "Give a folder, relative to the scenario file."
    ),
    "KC604": Code(
        "commits lie beyond the end of the run and are not replayed",
        "Raise `until`, or replay them at a `pace`.",
        "warning",
    ),
    "KC606": Code(
        "the repository has no such Kustomization", "Name one that stands in it; `--path` narrows the folder."
    ),
    "KC605": Code(
        "parts of the story speak of files that another repository replaces",
        "Write a scenario of its own for that repository, with `clone`: it may have traffic and expectations.",
        "warning",
    ),
    # Commands and faults.
    "KC701": Code("the command line cannot be read", "Balance the quotes; write it as you would type it."),
    "KC702": Code("the command is not one that kcsim knows", "Use one of the verbs listed."),
    "KC703": Code("no such fault", "Use one of the faults listed in docs/faults.md."),
    "KC704": Code("a fault needs or does not take this field", "Give it the fields the message names."),
    # Given beside the file.
    "KC801": Code("a setting cannot be made", "Write it like timeline[release].at=12m or cluster.nodes=5."),
    # Experiments of the Chaos Toolkit.
    "KC802": Code("an experiment cannot be read", "Write it as the Chaos Toolkit's experiment format says."),
    "KC803": Code(
        "kcsim cannot play this part of an experiment", "Use kubectl, chaosk8s, http or kcsim.faults."
    ),
}
"""code -> what it means. Nothing else raises a scenario diagnostic."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        """As editors and compilers write it: file:line:column."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One fault: where, which, in what words, and how to mend it."""

    position: Position
    code: str
    message: str
    remedy: str

    @property
    def severity(self) -> Severity:
        """Errors stop a scenario from being run; warnings are told and it runs."""
        return CODES[self.code].severity

    def __str__(self) -> str:
        """The line and, indented, the remedy."""
        word = "warning: " if self.severity == "warning" else ""
        return f"{self.position}: {self.code} {word}{self.message}\n  {self.remedy}"


class ScenarioError(Exception):
    """A scenario that cannot be run; `diagnostics` holds every fault found, sorted by position."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Raise with all faults at once."""
        self.diagnostics: tuple[Diagnostic, ...] = tuple(sorted(set(diagnostics)))
        super().__init__("\n".join(str(found) for found in self.diagnostics))


class Report:
    """Collects diagnostics while a file is read and checked."""

    def __init__(self) -> None:
        """Empty to begin with."""
        self._found: list[Diagnostic] = []

    def add(self, code: str, position: Position, message: str, remedy: str = "") -> None:
        """Note a fault; without a remedy of its own it gets the code's general one."""
        one_line = " ".join(message.split())
        advice = " ".join(remedy.split()) or CODES[code].help
        self._found.append(Diagnostic(position, code, one_line, advice))

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything found so far, sorted by position, each once."""
        return tuple(sorted(set(self._found)))

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Only what stops the scenario from being run."""
        return tuple(found for found in self.diagnostics if found.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """Only what is told while the scenario runs all the same."""
        return tuple(found for found in self.diagnostics if found.severity == "warning")


def did_you_mean(
    word: str, known: Iterable[str], what: str = "known", show: Iterable[str] | None = None, most: int = 24
) -> str:
    """A remedy line: the near miss if there is one, then what there is to choose from (`show`, when that is less; `most` of it)."""
    names = sorted(set(known))
    near = near_miss(word, names)
    listed = _listing(names if show is None else sorted(show), what, most)
    if near is None:
        return listed
    return f"did you mean '{near}'?  ({listed})"


def near_miss(word: str, known: Sequence[str]) -> str | None:
    """The known word closest to `word`, if one is close; upper and lower case do not matter."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word[:200].lower(), sorted(by_lower), n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def _listing(names: Sequence[str], what: str, most: int) -> str:
    if not names:
        return f"{what}: none"
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return f"{what}: {', '.join(names[:most])}{more}"


def errors_page() -> str:
    """docs/errors.md: the table of codes."""
    rows = [
        f"| {code} | {entry.severity} | {entry.title} | {entry.help} |"
        for code, entry in sorted(CODES.items())
    ]
    head = (
        "# Faults in scenario files\n\n"
        "Each is told as `file:line:column: CODE message` with a remedy below it; several are told together, sorted by\n"
        "position. Errors stop a scenario from being run (exit code 2); warnings do not.\n"
        "This page is generated from the table in `kcsim/scenario/diagnostics.py`.\n\n"
        "| code | severity | what is wrong | remedy |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"
