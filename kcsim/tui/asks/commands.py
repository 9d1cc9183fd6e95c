"""The command bar: what a typed line means, and how it may go on.

Words as in k9s (``:pods``, ``:dp shop``, ``:pod /web``, ``:pod app=web``, ``:q``) and whole lines of kubectl, flux, argocd
(where the world has it), git and gh. Pure, but for looking at names.

**Walk:** a line -> ``parse`` -> one of the commands below -> the screen carries it out; ``complete`` offers the rest of
the word that is being typed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from importlib.util import find_spec

from kcsim.delivery.gitops.flux.cli import check as check_flux
from kcsim.kubectl.command import COMMANDS, check
from kcsim.scenario import gh_lines, git_lines
from kcsim.scenario.model import TimelineEntry
from kcsim.simulation.finding import NotFound
from kcsim.tui.asks import gitting
from kcsim.tui.session import Session
from kcsim.views.look import Look

READS = {
    "kubectl": frozenset(
        {"get", "describe", "top", "api-resources", "api-versions", "explain", "events", "logs", "version"}
    ),
    "flux": frozenset({"get", "tree", "trace", "events", "version"}),
    "argocd": frozenset({"get", "list", "history", "version"}),
    "git": gitting.READS,
    "gh": frozenset({"list"}),
}
"""Commands that only look: they are answered at once and are no part of the story."""

ACTIONS = {
    "compare": "compare",
    "explain": "explain",
    "faster": "speed(1)",
    "fork": "fork",
    "help": "app.help",
    "inject": "inject",
    "network": "network",
    "next": "next",
    "quit": "app.leave",
    "redo": "redo",
    "run": "run",
    "save": "save",
    "slower": "speed(-1)",
    "timeline": "timeline",
    "undo": "undo",
    "worlds": "worlds",
}
"""The bar's own words and the actions they stand for."""

WORDS = ("goto", *ACTIONS)

ALIASES = {
    "cr": "clusterroles",
    "crb": "clusterrolebindings",
    "dp": "deployments",
    "jo": "jobs",
    "np": "networkpolicies",
    "rb": "rolebindings",
    "ro": "roles",
    "sec": "secrets",
}
"""Words of k9s that kubectl does not have."""


class BadCommand(ValueError):
    """The line means nothing; the message says what it might have been."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A line of a program, without its name; ``reads`` when it changes nothing."""

    program: str
    line: str
    reads: bool

    def __str__(self) -> str:
        return f"{self.program} {self.line}"


@dataclass(frozen=True, slots=True)
class ShowKind:
    """Show the objects of a kind, of one namespace or of all, as far as a filter lets them (None: the one there is)."""

    word: str
    namespace: str | None
    wanted: str | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """One of the bar's own words and what follows it."""

    word: str
    rest: str

    @property
    def action(self) -> str:
        """The screen's action that it stands for."""
        return ACTIONS[self.word]


Command = Typed | ShowKind | Own


def _refusal(read: Callable[[str], object]) -> Callable[[str], str | None]:
    """What says what is wrong with a line, where reading it raises ``BadLine``."""

    def wrong(text: str) -> str | None:
        try:
            read(text)
        except git_lines.BadLine as error:
            return str(error)
        return None

    return wrong


def _checks() -> dict[str, Callable[[str], str | None]]:
    """What says what is wrong with a line, for each program that a timeline can hold."""
    found: dict[str, Callable[[str], str | None]] = {
        "kubectl": check,
        "flux": check_flux,
        "git": _refusal(git_lines.read_line),
        "gh": _refusal(gh_lines.read_line),
    }
    module = "kcsim.delivery.gitops.argocd.cli"
    if "argocd" in {field.name for field in fields(TimelineEntry)} and find_spec(module) is not None:
        checks = getattr(import_module(module), "check", None)
        if checks is not None:
            found["argocd"] = checks
    return found


PROGRAMS = _checks()


def parse(session: Session, text: str) -> Command:
    """What a line means.

    Raises:
        BadCommand: nothing.
    """
    look = session.look
    text = text.strip().removeprefix(":").strip()
    first, _, rest = text.partition(" ")
    if not first:
        raise BadCommand("type a kind (pods, deploy), a kubectl line, or one of: " + ", ".join(WORDS))
    if first in {"q", "q!", "quit"}:
        return Own("quit", "")
    if first in PROGRAMS:
        return _typed(first, rest.strip())
    if first == "sed":
        return _typed("git", text)
    if first in COMMANDS and rest:
        return _typed("kubectl", text)
    if first in WORDS:
        return Own(first, rest.strip())
    first = ALIASES.get(first, first)
    try:
        look.resource(first)
    except NotFound:
        known = [*PROGRAMS, *WORDS, *COMMANDS, *(kind.plural for kind in look.kinds())]
        near = difflib.get_close_matches(first, known, 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadCommand(f"{first!r} is no kind and no command{hint}") from None
    return _shown(first, rest.split())


def _shown(word: str, rest: Sequence[str]) -> ShowKind:
    """A kind and what follows it: ``shop``, ``-n shop``, ``-A``, ``/web``, ``app=web``, ``-l app=web``; in any order."""
    namespace = wanted = None
    words = iter(rest)
    for each in words:
        if each in {"-n", "--namespace", "-l", "--selector"}:
            value = next(words, None)
            if value is None:
                raise BadCommand(f"{each} needs something after it: {word} {each} {_EXAMPLES[each[:3]]}")
            if each in {"-n", "--namespace"}:
                namespace = value
            else:
                wanted = f"-l {value}"
        elif each in {"-A", "--all-namespaces", "all"}:
            namespace, wanted = None, wanted or ""
        elif each.startswith("/"):
            wanted = each[1:]
        elif "=" in each:
            wanted = f"-l {each}"
        elif each.startswith("-"):
            raise BadCommand(
                f"{each!r} is not understood after {word}: a namespace, /text or app=web is; or type kubectl get"
            )
        else:
            namespace = each
    return ShowKind(word, namespace, wanted)


_EXAMPLES = {"-n": "shop", "--n": "shop", "-l": "app=web", "--s": "app=web"}


def _typed(program: str, line: str) -> Typed:
    fault = PROGRAMS[program](line)
    if fault is not None:
        raise BadCommand(" ".join(fault.split()))
    verbs = [word for word in line.split() if not word.startswith("-")]
    if program in {"argocd", "gh"}:
        verbs = verbs[1:]  # the kind stands before: argocd app get, gh run list
    return Typed(program, line, next(iter(verbs), "") in READS[program])


def wrong_line(program: str, line: str) -> str | None:
    """What is wrong with a line before it is typed; None when nothing is."""
    return PROGRAMS[program](line)


# Completion.


def complete(session: Session, text: str) -> str | None:
    """The line with its last word completed; None when nothing or too much would fit.

    Of several that fit, the first in the alphabet is offered.
    """
    look = session.look
    before, space, last = text.rpartition(" ")
    words = before.split()
    known: Sequence[str]
    if not words:
        known = [*PROGRAMS, *WORDS, *(kind.plural for kind in look.kinds())]
    elif words[0] == "flux":
        known = _after_flux(words[1:], look)
    elif words[0] == "argocd":
        known = _after_argocd(words[1:], look)
    elif words[0] == "git":
        known = gitting.known(session, words[1:])
    elif words[0] == "gh":
        known = ["run"] if len(words) == 1 else gh_lines.VERBS if len(words) == 2 else []
    elif words[0] == "kubectl":
        words = words[1:]
        known = _operands(words, last, look) if words else list(COMMANDS)
    elif words[0] in COMMANDS:
        known = _operands(words, last, look)
    else:
        known = _namespaces(look)
    fitting = sorted(word for word in known if word.startswith(last) and word != last)
    return f"{before}{space}{fitting[0]}" if last and fitting else None


def _operands(words: list[str], last: str, look: Look) -> list[str]:
    """What may follow a kubectl verb: a kind, ``kind/name``, a name of the kind before, a namespace after -n."""
    if words[-1:] in (["-n"], ["--namespace"]):
        return _namespaces(look)
    if words[0] == "rollout" and len(words) == 1:
        return ["history", "pause", "restart", "resume", "status", "undo"]
    if words[0] == "set" and len(words) == 1:
        return ["env", "image", "resources", "selector", "serviceaccount", "subject"]
    if last.startswith("-"):
        return ["--namespace", "--replicas=", "--all-namespaces"]
    kind, slash, _ = last.partition("/")
    if slash:
        return [f"{kind}/{name}" for name in _names(kind, look)]
    named = [name for word in words[-1:] for name in _names(word, look)]
    return [*named, *(resource.singular for resource in look.kinds()), *(r.plural for r in look.kinds())]


def _after_flux(words: list[str], look: Look) -> list[str]:
    """What may follow the word flux: a verb, a kind, a name."""
    if not words:
        return ["diff", "events", "get", "reconcile", "resume", "suspend", "trace", "tree", "version"]
    if words[-1] in {"kustomization", "kustomizations", "ks"}:
        return _names("kustomizations", look)
    if words[-1] == "git":
        return _names("gitrepositories", look)
    return ["git"] if words[-1] == "source" else ["kustomization", "source"]


def _after_argocd(words: list[str], look: Look) -> list[str]:
    """What may follow the word argocd: a kind, a verb, an application."""
    if not words:
        return ["app", "appset", "version"]
    if len(words) == 1:
        return ["diff", "get", "history", "list", "rollback", "set", "sync", "wait"]
    return _names("applications", look)


def _names(word: str, look: Look) -> list[str]:
    try:
        return [obj["metadata"]["name"] for obj in look.objects(word)]
    except NotFound:
        return []


def _namespaces(look: Look) -> list[str]:
    return _names("namespaces", look)
