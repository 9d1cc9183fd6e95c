"""From a flux command line to a task that carries it out.

**Imitates:** flux2 2.9 cmd/flux: get, reconcile, suspend, resume, trace, tree, events, diff, push artifact, version, for the kinds that are
reconciled here. Other commands are refused by name.

**Walk:** words -> the command and its kind -> a generator over calls -> an ``Outcome``.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence

from kcsim.api.client import Client
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux.cli.change import reconcile, resume, suspend
from kcsim.delivery.gitops.flux.cli.diff import diff
from kcsim.delivery.gitops.flux.cli.events import events
from kcsim.delivery.gitops.flux.cli.flags import FLAGS
from kcsim.delivery.gitops.flux.cli.get import get
from kcsim.delivery.gitops.flux.cli.push import push
from kcsim.delivery.gitops.flux.cli.session import (
    ARTIFACT_KINDS,
    BUCKET,
    EXTERNAL_ARTIFACT,
    GIT_REPOSITORY,
    HELM_CHART,
    HELM_RELEASE,
    HELM_REPOSITORY,
    IMAGE_KINDS,
    KUSTOMIZATION,
    OCI_REPOSITORY,
    OTHER_KINDS,
    SOURCE_KINDS,
    FluxError,
    Kind,
    Session,
)
from kcsim.delivery.gitops.flux.cli.trace import trace, tree
from kcsim.delivery.gitops.flux.cli.version import version
from kcsim.delivery.gitops.pflags import Arguments, FlagError, unknown_command
from kcsim.delivery.registry.registry import Registry
from kcsim.engine.task import Steps

Command = Callable[[Session, tuple[Kind, ...]], Steps]

_KS = ("kustomization", "kustomizations", "ks")
_HR = ("helmrelease", "helmreleases", "hr")
_COMMANDS: Mapping[str, Command] = {
    "diff": diff,
    "events": events,
    "get": get,
    "push": push,
    "reconcile": reconcile,
    "resume": resume,
    "suspend": suspend,
    "trace": trace,
    "tree": tree,
    "version": version,
}
_WHAT = ("kustomization", "helmrelease", "source", "image")
_TAKES_KIND = {
    "diff": ("kustomization",),
    "get": (
        "all",
        "kustomizations",
        "helmreleases",
        "sources",
        "images",
        "artifacts",
        "receivers",
        "alerts",
        "alert-providers",
    ),
    "push": ("artifact",),
    "reconcile": (*_WHAT, "receiver"),
    "resume": (*_WHAT, "receiver", "alert"),
    "suspend": (*_WHAT, "receiver", "alert"),
    "tree": ("kustomization",),
}
_NOT_MODELLED = (
    "bootstrap build check completion create debug delete envsubst export install list logs migrate pull stats tag "
    "uninstall"
).split()
_GROUPS = {"source": SOURCE_KINDS, "image": IMAGE_KINDS, "artifact": ARTIFACT_KINDS}
"""Kinds that have a word of their own behind the word of their group."""


def check(line: str | Sequence[str]) -> str | None:
    """What is wrong with a command line before it is run; None when it can be run."""
    try:
        _prepare(_split(line))
    except FluxError as error:
        return str(error)
    return None


def flux(
    client: Client,
    line: str | Sequence[str],
    *,
    namespace: str = "flux-system",
    files: Mapping[str, bytes] | None = None,
    registry: Registry | None = None,
) -> Steps:
    """Run one command line, with or without the word ``flux``; the task returns an ``Outcome`` and never raises for what
    a person can type.

    Args:
        namespace: where Flux's objects are when no -n is given.
        files: a local checkout by path: what ``diff --path`` and ``push artifact --path`` may name.
        registry: what ``push artifact`` pushes to.
    """
    session = Session(client, Arguments(), namespace, files or {}, registry)
    try:
        command, kinds, arguments = _prepare(_split(line))
        session.arguments = arguments
        session.namespace = arguments.get("namespace", namespace)
        served = tuple(k for k in kinds if client.endpoint.server.catalog.by_word(k.resource) is not None)
        if kinds and not served:
            raise FluxError(_not_served(client, kinds[0].kind))
        yield from command(session, served)
    except (FluxError, StatusError) as error:
        session.failure(str(error))
        session.exit_code = session.exit_code or 1
    return session.outcome()


def _not_served(client: Client, kind: str) -> str:
    """Why a kind of Flux's is not there: the controller that brings it, or all of Flux."""
    if client.endpoint.server.catalog.by_word("kustomizations.kustomize.toolkit.fluxcd.io") is None:
        return f'no matches for kind "{kind}": Flux is not installed in this cluster'
    return f'no matches for kind "{kind}": its controller is not among the components of Flux in this cluster'


def _split(line: str | Sequence[str]) -> list[str]:
    try:
        words = shlex.split(line) if isinstance(line, str) else list(line)
    except ValueError as error:
        raise FluxError(f"cannot read the command line: {error}") from None
    return words[1:] if words[:1] == ["flux"] else words


def _prepare(words: list[str]) -> tuple[Command, tuple[Kind, ...], Arguments]:
    try:
        arguments = FLAGS.parse(words)
    except FlagError as error:
        raise FluxError(str(error)) from None
    if not arguments.words:
        raise FluxError("no flux command given")
    name = arguments.words.pop(0)
    command = _COMMANDS.get(name)
    if command is None:
        raise FluxError(unknown_command(name, "flux", sorted(_COMMANDS), _NOT_MODELLED))
    try:
        FLAGS.check(arguments, name)
    except FlagError as error:
        raise FluxError(str(error)) from None
    return command, _kinds(name, arguments), arguments


def _kinds(verb: str, arguments: Arguments) -> tuple[Kind, ...]:
    """The kinds a command is about; their words are taken off the line."""
    choices = _TAKES_KIND.get(verb)
    if choices is None:
        return ()
    if not arguments.words:
        raise FluxError(f"flux {verb} needs a kind: {' or '.join(choices)}")
    word = arguments.words.pop(0)
    singular = "kustomization" if word in _KS else "helmrelease" if word in _HR else word.removesuffix("s")
    if singular == "all" and "all" in choices:
        return _EVERYTHING
    if singular not in {choice.removesuffix("s") for choice in choices}:
        raise FluxError(unknown_command(word, f"flux {verb}", list(choices)))
    if verb == "push":
        return ()
    if singular in _GROUPS:
        return _in_group(verb, singular, arguments)
    return (_APPLIERS.get(singular) or OTHER_KINDS[singular],)


_APPLIERS = {"kustomization": KUSTOMIZATION, "helmrelease": HELM_RELEASE}
_EVERYTHING = (
    GIT_REPOSITORY,
    OCI_REPOSITORY,
    BUCKET,
    HELM_REPOSITORY,
    HELM_CHART,
    KUSTOMIZATION,
    HELM_RELEASE,
)


def _in_group(verb: str, group: str, arguments: Arguments) -> tuple[Kind, ...]:
    kinds = {
        word: kind for word, kind in _GROUPS[group].items() if verb == "get" or kind is not EXTERNAL_ARTIFACT
    }
    known = [*kinds, *(["all"] if verb == "get" and group != "artifact" else [])]
    if not arguments.words:
        raise FluxError(f"flux {verb} {group} needs a kind: {' or '.join(known)}")
    word = arguments.words.pop(0)
    if group == "artifact":
        word = word.removesuffix("s")
    if word not in known:
        raise FluxError(unknown_command(word, f"flux {verb} {group}", known))
    return tuple(kinds.values()) if word == "all" else (kinds[word],)
