"""Commands that kcsim cannot carry out, and why; each says what serves instead.

**Imitates:** the checks that kubectl v1.36 makes before it would go to the pod: a pod that is not there, words that
are missing.
"""

from __future__ import annotations

from collections.abc import Callable

from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import namespace_of, parse_targets

Command = Callable[[Session, Arguments], Steps]

_WHY = {
    "exec": "no real programs run inside its containers; 'kubectl logs' and 'kubectl describe pod' show what they do",
    "attach": "no real programs run inside its containers; 'kubectl logs' shows what they write",
    "cp": "its containers have no file systems",
    "port-forward": "nothing outside the simulated network can connect; a traffic source of a scenario sends requests",
    "proxy": "the API server is reached in process; 'kubectl get --raw' reads any path",
    "kustomize": "files of the command line are texts; a scenario's repository is built with 'path: overlays/...'",
    "completion": "kcsim has completion of its own: 'kcsim completion'",
    "certificate": "certificates are not signed: identities are given",
    "plugin": "there is no machine with plugins on its PATH",
    "options": "'kubectl help' of the real client lists them",
    "alpha": "it has no alpha commands",
    "kuberc": "there is no file with preferences",
}
REFUSED = tuple(sorted(_WHY))
"""The commands that are refused."""


def why_refused(name: str) -> str:
    """What is said of the command."""
    return f"error: kcsim does not model 'kubectl {name}': {_WHY[name]}"


def refusal(name: str) -> Command:
    """The command of that name, which says why it is not carried out."""

    def refuse(session: Session, arguments: Arguments) -> Steps:
        yield from _CHECKS.get(name, _nothing)(session, arguments)
        raise KubectlError(why_refused(name))

    return refuse


def _nothing(session: Session, arguments: Arguments) -> Steps:
    del session, arguments
    yield from ()


def _exec(session: Session, arguments: Arguments) -> Steps:
    if not arguments.words and not arguments.flags.get("filename"):
        raise KubectlError("error: pod, type/name or --filename must be specified")
    if not arguments.command:
        raise KubectlError("error: you must specify at least one command for the container")
    yield from _pod(session, arguments)


def _attach(session: Session, arguments: Arguments) -> Steps:
    if not arguments.words:
        raise KubectlError("error: at least 1 argument is required for attach")
    yield from _pod(session, arguments)


def _cp(session: Session, arguments: Arguments) -> Steps:
    if len(arguments.words) != 2:
        raise KubectlError("error: source and destination are required")
    if not any(":" in word for word in arguments.words):
        raise KubectlError("error: one of src or dest must be a remote file specification")
    where, _, _ = next(word for word in arguments.words if ":" in word).partition(":")
    space, slash, name = where.partition("/")
    namespace = space if slash else namespace_of(session, arguments)
    yield session.client.get("pods", namespace, name if slash else space)


def _port_forward(session: Session, arguments: Arguments) -> Steps:
    if len(arguments.words) < 2:
        text = "TYPE/NAME and list of ports are required for port-forward"
        raise KubectlError(f"error: {text}\nSee 'kubectl port-forward -h' for help and examples")
    yield from _pod(session, arguments)


def _pod(session: Session, arguments: Arguments) -> Steps:
    """The pod or workload must be there."""
    word = arguments.words[0]
    namespace = namespace_of(session, arguments)
    _, targets = parse_targets(session, [word if "/" in word else f"pods/{word}"], namespace)
    yield session.client.get(targets[0].resource, targets[0].namespace, targets[0].name)


_CHECKS: dict[str, Command] = {
    "exec": _exec,
    "attach": _attach,
    "cp": _cp,
    "port-forward": _port_forward,
}
