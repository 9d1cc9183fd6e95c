"""From an argocd command line to a task that carries it out.

**Imitates:** argo-cd 3.x cmd/argocd: ``argocd app`` with list, get, diff, sync, history, rollback, wait, terminate-op,
resources, set and delete, and ``argocd version``. Other commands are refused by name.

**Walk:** words -> the command -> a generator over calls -> an ``Outcome``.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence

from kcsim.api.client import Client
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.argocd import install, terms
from kcsim.delivery.gitops.argocd.cli import act, show
from kcsim.delivery.gitops.argocd.cli.diff import diff
from kcsim.delivery.gitops.argocd.cli.flags import FLAGS
from kcsim.delivery.gitops.argocd.cli.session import ArgocdError, Comparisons, Session, Usage
from kcsim.delivery.gitops.pflags import Arguments, FlagError, unknown_command
from kcsim.engine.task import Steps
from kcsim.kubectl.session import Outcome

Command = Callable[[Session], Steps]

_COMMANDS: Mapping[str, Command] = {
    "delete": act.deletes,
    "diff": diff,
    "get": show.get,
    "history": show.history,
    "list": show.lists,
    "resources": show.resources,
    "rollback": act.rollback,
    "set": act.sets,
    "sync": act.sync,
    "terminate-op": act.terminate,
    "wait": act.waits,
}
_APP = ("app", "apps", "application", "applications")
_OTHER = (
    "account admin appset bcrypt cert cluster completion configure context gpg login logout proj relogin repo repocreds"
).split()
_OTHER_APP = (
    "actions add-source confirm-deletion create delete-resource edit get-resource logs manifests patch patch-resource "
    "remove-source unset"
).split()


def check(line: str | Sequence[str]) -> str | None:
    """What is wrong with a command line before it is run; None when it can be run."""
    try:
        _prepare(_split(line))
    except ArgocdError as error:
        return str(error)
    return None


def argocd(
    client: Client,
    line: str | Sequence[str],
    *,
    namespace: str = terms.NAMESPACE,
    comparisons: Comparisons = lambda _key: None,
) -> Steps:
    """Run one command line, with or without the word ``argocd``; the task returns an ``Outcome`` and never raises for what
    a person can type.

    Args:
        namespace: where Applications are when no -N is given.
        comparisons: see ``session.Comparisons``; needed by ``diff``.
    """
    session = Session(client, Arguments(), namespace, comparisons)
    try:
        command, session.arguments = _prepare(_split(line))
        if client.endpoint.server.catalog.by_word(terms.APPLICATIONS) is None:
            raise ArgocdError('no matches for kind "Application": Argo CD is not installed in this cluster')
        yield from command(session)
    except Usage as error:
        session.err.append(f"Error: {error}\n")
        session.exit_code = 1
    except ArgocdError as error:
        session.fatal(str(error))
    except StatusError as error:
        session.fatal(f"rpc error: code = Unknown desc = {error.message}")
    outcome: Outcome = session.outcome()
    return outcome


def _split(line: str | Sequence[str]) -> list[str]:
    try:
        words = shlex.split(line) if isinstance(line, str) else list(line)
    except ValueError as error:
        raise Usage(f"cannot read the command line: {error}") from None
    return words[1:] if words[:1] == ["argocd"] else words


def _prepare(words: list[str]) -> tuple[Command, Arguments]:
    try:
        arguments = FLAGS.parse(words)
        command, name = _command(arguments)
        FLAGS.check(arguments, name)
    except FlagError as error:
        raise Usage(str(error)) from None
    return command, arguments


def _command(arguments: Arguments) -> tuple[Command, str]:
    """The command and its name; its words are taken off the line."""
    if not arguments.words:
        raise Usage("no argocd command given: app list, app get NAME, app sync NAME ...")
    group = arguments.words.pop(0)
    if group == "version":
        return _version, "version"
    if group not in _APP:
        raise Usage(unknown_command(group, "argocd", ["app", "version"], _OTHER))
    if not arguments.words:
        raise Usage(f"argocd app needs a command: {', '.join(_COMMANDS)}")
    name = arguments.words.pop(0)
    command = _COMMANDS.get(name)
    if command is None:
        raise Usage(unknown_command(name, "argocd app", list(_COMMANDS), _OTHER_APP))
    return command, f"app {name}"


def _version(session: Session) -> Steps:
    session.print(f"argocd: {install.VERSION}")
    yield from ()
