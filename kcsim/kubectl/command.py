"""The kubectl command line: from a text to a task that carries it out.

**Imitates:** kubectl's command tree and ``cmdutil.CheckErr`` (v1.36). A command that kcsim does not model is refused by
name, with the nearest one that it does.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence

from kcsim.api.client import Client
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps
from kcsim.kubectl.about import config, version
from kcsim.kubectl.apply import apply, create, delete, replace
from kcsim.kubectl.auth import as_user, auth
from kcsim.kubectl.create import CREATED
from kcsim.kubectl.debug import debug
from kcsim.kubectl.diff import diff
from kcsim.kubectl.discover import api_resources, api_versions, cluster_info
from kcsim.kubectl.drain import drain
from kcsim.kubectl.dry_run import Trying, strategy
from kcsim.kubectl.edit import edit
from kcsim.kubectl.events import events
from kcsim.kubectl.explain import explain
from kcsim.kubectl.flags import Arguments, Editor, parse
from kcsim.kubectl.logs import logs
from kcsim.kubectl.mutate import annotate, cordon, label, patch, scale, taint, uncordon
from kcsim.kubectl.read import describe, get, wait
from kcsim.kubectl.refusals import REFUSED, refusal, why_refused
from kcsim.kubectl.rollout import ROLLOUTS, rollout
from kcsim.kubectl.run import autoscale, expose, run
from kcsim.kubectl.session import KubectlError, Session, server_error
from kcsim.kubectl.set_command import SETTINGS, set_
from kcsim.kubectl.top import top

Command = Callable[[Session, Arguments], Steps]

COMMANDS: dict[str, Command] = {
    "annotate": annotate,
    "api-resources": api_resources,
    "api-versions": api_versions,
    "apply": apply,
    "auth": auth,
    "autoscale": autoscale,
    "cluster-info": cluster_info,
    "config": config,
    "cordon": cordon,
    "create": create,
    "debug": debug,
    "delete": delete,
    "describe": describe,
    "diff": diff,
    "drain": drain,
    "edit": edit,
    "events": events,
    "explain": explain,
    "expose": expose,
    "get": get,
    "label": label,
    "logs": logs,
    "patch": patch,
    "replace": replace,
    "rollout": rollout,
    "run": run,
    "scale": scale,
    "set": set_,
    "taint": taint,
    "top": top,
    "uncordon": uncordon,
    "version": version,
    "wait": wait,
}


_BELOW: Mapping[str, Collection[str]] = {
    "create": (*CREATED, "token"),
    "rollout": ROLLOUTS,
    "set": SETTINGS,
}
"""Commands that are followed by one of some words."""


def split(line: str | Sequence[str]) -> list[str]:
    """The words of a command line, without a leading ``kubectl``.

    Raises:
        KubectlError: quotes that do not close.
    """
    if not isinstance(line, str):
        words = list(line)
    else:
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise KubectlError(f"error: cannot read the command line: {error}") from None
    return words[1:] if words and words[0] == "kubectl" else words


def check(line: str | Sequence[str]) -> str | None:
    """What is wrong with a command line before it is run: a command or flag that is not there; None when it can be run."""
    try:
        name, _, _ = _prepare(split(line))
        if name in REFUSED:
            raise KubectlError(why_refused(name))
    except KubectlError as error:
        return str(error).removeprefix("error: ").partition("\nSee 'kubectl")[0]
    return None


def choices(line: str | Sequence[str]) -> tuple[str, str, list[str]] | None:
    """The first word of a line that is no command, what it follows, and the words that may; None where all are commands.

    kubectl names no choices itself.
    """
    try:
        words = parse(split(line)).words
    except KubectlError:
        words = [word for word in line if not word.startswith("-")] if not isinstance(line, str) else []
    if not words:
        return None
    name, word = words[0], words[1] if len(words) > 1 else ""
    if name not in COMMANDS:
        return None if name in REFUSED else (name, "kubectl", sorted(COMMANDS))
    below = _BELOW.get(name, ())
    return (word, f"kubectl {name}", sorted(below)) if word and below and word not in below else None


def _prepare(words: list[str]) -> tuple[str, Command, Arguments]:
    arguments = parse(words)
    if not arguments.words:
        raise KubectlError("error: no kubectl command given")
    name = arguments.words.pop(0)
    command = COMMANDS.get(name)
    if command is not None:
        return name, command, arguments
    if name in REFUSED:
        return name, refusal(name), arguments
    near = difflib.get_close_matches(name, sorted(COMMANDS), 1)
    hint = f"\n\nDid you mean this?\n\t{near[0]}" if near else ""
    raise KubectlError(f'error: unknown command "{name}" for "kubectl"{hint}')


def kubectl(
    client: Client,
    line: str | Sequence[str],
    *,
    namespace: str = "default",
    files: Mapping[str, str | bytes] | None = None,
    editor: Editor | None = None,
) -> Steps:
    """Run one command line; the task returns an ``Outcome``. It never raises for what a person can type.

    ``editor`` is what ``kubectl edit`` opens: from the text of the object to the text that is saved.
    """
    session = Session(client, namespace, files or {})
    before, client.on_warning = client.on_warning, session.server_warning
    try:
        _, command, arguments = _prepare(split(line))
        arguments.editor = editor
        if arguments.get("as"):
            session.client = as_user(client, arguments.get("as"), arguments.all("as-group"))
        how = strategy(arguments)
        arguments.flags["dry-run"] = [how]
        if how:
            session.client = Trying(session.client)
        yield from command(session, arguments)
        for name in arguments.ignored() if not session.failed else ():
            session.warn(f"Warning: kcsim does not model --{name} of this command: it changed nothing")
    except KubectlError as error:
        session.error(str(error))
    except StatusError as error:
        session.error(server_error(error))
    finally:
        client.on_warning = before
    return session.outcome()
