"""The flux command line, as far as stories type it: suspend, resume, reconcile and get.

**Imitates:** flux2 cmd/flux (v2.9): the objects it patches and the texts it prints. Left out: every other command, which
is refused by name; `get` prints a name, its revision and its Ready condition.
"""

import shlex
from collections.abc import Mapping
from typing import Any

from kcsim.api.client import Client
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux.toolkit import GIT_REPOSITORIES, KUSTOMIZATIONS, REQUESTED_AT
from kcsim.engine.clock import MINUTE, SECOND, rfc3339_micro
from kcsim.engine.task import Sleep, Steps
from kcsim.kubectl.session import Outcome

_KINDS = {
    "kustomization": (KUSTOMIZATIONS, "Kustomization"),
    "kustomizations": (KUSTOMIZATIONS, "Kustomization"),
    "ks": (KUSTOMIZATIONS, "Kustomization"),
    "source": (GIT_REPOSITORIES, "GitRepository"),
    "sources": (GIT_REPOSITORIES, "GitRepository"),
}
_TIMEOUT = 5 * MINUTE
_POLL = 2 * SECOND


class _Refused(Exception):
    """The command ends with exit code 1; the text is what it prints."""


def flux(client: Client, line: str, *, namespace: str) -> Steps:
    """Run one command line (without the word flux); the task returns an `Outcome`."""
    out: list[str] = []
    try:
        yield from _run(client, line, namespace, out)
    except _Refused as error:
        return Outcome(1, "".join(out), f"✗ {error}\n")
    except StatusError as error:
        return Outcome(1, "".join(out), f"✗ {error.message}\n")
    return Outcome(0, "".join(out), "")


def _run(client: Client, line: str, namespace: str, out: list[str]) -> Steps:
    words, options = _split(line)
    space = options.get("namespace", namespace)
    verb = words[0] if words else ""
    kind = _KINDS.get(words[1]) if len(words) > 1 else None
    names = [word for word in words[2:] if word not in {"git", "all"}]
    if verb == "get":
        yield from _get(client, kind, space, out)
        return
    if verb not in {"suspend", "resume", "reconcile"}:
        raise _Refused(f'unknown command "{verb}" for "flux": kcsim knows suspend, resume, reconcile and get')
    if kind is None or len(names) != 1:
        raise _Refused(f"{verb} needs a kind and a name: {verb} kustomization NAME, {verb} source git NAME")
    resource, word = kind
    if client.endpoint.server.catalog.by_word(resource) is None:
        raise _Refused(f'no matches for kind "{word}": Flux is not installed in this cluster')
    name = names[0]
    if verb == "suspend":
        out.append(f"► suspending {word.lower()} {name} in {space} namespace\n")
        yield client.patch(resource, space, name, {"spec": {"suspend": True}})
        out.append(f"✔ {word.lower()} suspended\n")
    elif verb == "resume":
        out.append(f"► resuming {word.lower()} {name} in {space} namespace\n")
        yield client.patch(resource, space, name, {"spec": {"suspend": None}})
        out.append(f"✔ {word.lower()} resumed\n")
    else:
        if "with-source" in options and resource == KUSTOMIZATIONS:
            found = yield client.get(resource, space, name)
            source = found["spec"]["sourceRef"]
            where = source.get("namespace") or space
            yield from _reconcile(client, (GIT_REPOSITORIES, "GitRepository"), where, source["name"], out)
        yield from _reconcile(client, kind, space, name, out)


def _reconcile(client: Client, kind: tuple[str, str], namespace: str, name: str, out: list[str]) -> Steps:
    """Ask for a reconciliation and wait until the controller has handled it."""
    resource, word = kind
    found = yield client.get(resource, namespace, name)
    if (found.get("spec") or {}).get("suspend"):
        raise _Refused("resource is suspended")
    engine = client.endpoint.engine
    asked = rfc3339_micro(engine.now)
    out.append(f"► annotating {word} {name} in {namespace} namespace\n")
    yield client.patch(resource, namespace, name, {"metadata": {"annotations": {REQUESTED_AT: asked}}})
    out.append(f"✔ {word} annotated\n")
    out.append(f"◎ waiting for {word} reconciliation\n")
    until = engine.now + _TIMEOUT
    while engine.now < until:
        yield Sleep(engine, _POLL)
        found = yield client.get(resource, namespace, name)
        status = found.get("status") or {}
        if status.get("lastHandledReconcileAt") == asked:
            ready = _ready(status)
            if ready.get("status") == "False":
                raise _Refused(f"{word} reconciliation failed: {ready.get('message')}")
            out.append(f"✔ {ready.get('message', '')}\n")
            return
    raise _Refused("context deadline exceeded")


def _get(client: Client, kind: tuple[str, str] | None, namespace: str, out: list[str]) -> Steps:
    for resource, _ in (kind,) if kind is not None else (_KINDS["source"], _KINDS["kustomization"]):
        found = yield client.list(resource, namespace)
        for item in found["items"]:
            status = item.get("status") or {}
            ready = _ready(status)
            revision = status.get("lastAppliedRevision") or (status.get("artifact") or {}).get("revision", "")
            suspended = bool((item.get("spec") or {}).get("suspend"))
            cells = (item["metadata"]["name"], revision, suspended, ready.get("status"), ready.get("message"))
            out.append("\t".join(str(cell) for cell in cells) + "\n")


def _ready(status: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions") or () if each.get("type") == "Ready"), {})


def _split(line: str) -> tuple[list[str], dict[str, str]]:
    words: list[str] = []
    options: dict[str, str] = {}
    given = iter(shlex.split(line))
    for word in given:
        if word in {"-n", "--namespace"}:
            options["namespace"] = next(given, "")
        elif word.startswith("--namespace="):
            options["namespace"] = word.partition("=")[2]
        elif word == "--with-source":
            options["with-source"] = "true"
        elif word.startswith("-"):
            raise _Refused(f"unknown flag: {word}")
        else:
            words.append(word)
    return words, options
