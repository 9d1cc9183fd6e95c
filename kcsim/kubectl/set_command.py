"""kubectl set: images, environment, resources, accounts and selectors of what has a pod template.

**Imitates:** kubectl ``pkg/cmd/set`` (v1.36). Left out: ``set subject``, ``--local``, ``set env --from``.

**Walk:** words -> objects and changes -> a strategic patch of the containers -> what was updated.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects, quantity
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.mutate import content, dry_words, split_changes
from kcsim.kubectl.printing import tell_done
from kcsim.kubectl.session import KubectlError, Session, named
from kcsim.kubectl.targets import NO_TARGET, Target, choose, tell


def set_(session: Session, arguments: Arguments) -> Steps:
    """``kubectl set image|env|resources``."""
    what, *words = arguments.words or [""]
    things, changes = split_changes(words)
    if what == "image":
        if not things and not arguments.flags.get("filename"):
            raise KubectlError(NO_TARGET)
        if not changes:
            raise KubectlError("error: at least one image update is required")
        yield from _set(
            session, arguments, things, "image updated", lambda c: _image(c, changes), set(changes)
        )
    elif what == "env" and arguments.on("list"):
        yield from _list_env(session, arguments, things)
    elif what == "serviceaccount" or what == "sa":
        yield from _set_account(session, arguments, words)
    elif what == "selector":
        yield from _set_selector(session, arguments, things, changes)
    elif what == "env":
        yield from _set(session, arguments, things, "env updated", lambda c: _env(c, changes), set())
    elif what == "resources":
        amounts = {k: _amounts(arguments, k) for k in ("requests", "limits") if arguments.get(k)}
        for value in (v for given in amounts.values() for v in given.values()):
            try:
                quantity.parse(value)
            except quantity.QuantityError as error:
                raise KubectlError(f"error: {error}") from None
        if not amounts:
            raise KubectlError(
                "error: you must specify an update to requests or limits (in the form of --requests/--limits)"
            )
        update = "resource requirements updated"
        yield from _set(
            session, arguments, things, update, lambda c: {"name": c["name"], "resources": amounts}, set()
        )
    else:
        raise KubectlError(
            f"error: kcsim does not model 'kubectl set {what}' (image, env and resources it does)"
        )
    return None


def _list_env(session: Session, arguments: Arguments, things: list[str]) -> Steps:
    """``kubectl set env KIND/NAME --list``."""
    for target in (yield from choose(session, arguments, things)):
        live = yield session.client.get(target.resource, target.namespace, target.name)
        spec = (
            live["spec"]
            if target.resource.kind == "Pod"
            else objects.get_in(live, ("spec", "template", "spec"), {})
        )
        for container in spec.get("containers") or ():
            session.print(f"# {target.resource.kind} {target.name}, container {container['name']}")
            for entry in container.get("env") or ():
                if entry.get("valueFrom"):
                    session.print(f"# {entry['name']} from {', '.join(sorted(entry['valueFrom']))}")
                else:
                    session.print(f"{entry['name']}={entry.get('value', '')}")
    return None


def _set_account(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    """``kubectl set serviceaccount KIND/NAME ACCOUNT``."""
    if len(words) < 2:
        raise KubectlError("error: serviceaccount is required")
    *things, account = words
    for target in (yield from choose(session, arguments, things)):
        body = objects.assoc({}, ("spec", "template", "spec", "serviceAccountName"), account)
        try:
            yield _strategic(session, arguments, target, body)
        except StatusError as error:
            tell(session, error)
            continue
        session.print(f"{named(target.resource, target.name)} serviceaccount updated{dry_words(arguments)}")
    return None


def _set_selector(
    session: Session, arguments: Arguments, things: list[str], changes: dict[str, str | None]
) -> Steps:
    """``kubectl set selector service NAME key=value``."""
    wanted = {k: v for k, v in changes.items() if v is not None}
    if not wanted:
        raise KubectlError("error: one or more selectors are required")
    for target in (yield from choose(session, arguments, things)):
        try:
            live = yield session.client.get(target.resource, target.namespace, target.name)
            gone = dict.fromkeys((live.get("spec") or {}).get("selector") or {})
            body = {"spec": {"selector": {**gone, **wanted}}}
            yield _strategic(session, arguments, target, body)
        except StatusError as error:
            tell(session, error)
            continue
        session.print(f"{named(target.resource, target.name)} selector updated{dry_words(arguments)}")
    return None


def _strategic(session: Session, arguments: Arguments, target: Target, body: Object) -> Any:
    return session.client.patch(
        target.resource,
        target.namespace,
        target.name,
        body,
        type="strategic",
        field_manager="kubectl-set",
        dry_run=arguments.get("dry-run") == "server",
    )


def _amounts(arguments: Arguments, name: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in arguments.all(name))
    return {k: v for k, _, v in pairs}


def _image(container: Object, changes: dict[str, str | None]) -> Object | None:
    image = changes.get(container["name"], changes.get("*"))
    return {"name": container["name"], "image": image} if image else None


def _env(container: Object, changes: dict[str, str | None]) -> Object:
    entries: list[Any] = [
        {"name": k, "value": v} if v is not None else {"name": k, "$patch": "delete"}
        for k, v in changes.items()
    ]
    return {"name": container["name"], "env": entries}


def _set(
    session: Session, arguments: Arguments, things: list[str], said: str, change: Any, names: set[str]
) -> Steps:
    for target in (yield from choose(session, arguments, things)):
        try:
            live = yield session.client.get(target.resource, target.namespace, target.name)
            path = ("spec",) if target.resource.kind == "Pod" else ("spec", "template", "spec")
            spec = objects.get_in(live, path, {})
            containers = spec.get("containers") or []
            missing = sorted(
                names - {c["name"] for c in [*containers, *(spec.get("initContainers") or ())]} - {"*"}
            )
            for name in missing:
                session.error(f'error: unable to find container named "{name}"')
            updates = [u for c in containers if (u := change(c)) is not None]
            if not updates:
                continue
            body = objects.assoc({}, (*path, "containers"), updates)
            new = yield session.client.patch(
                target.resource,
                target.namespace,
                target.name,
                body,
                type="strategic",
                field_manager="kubectl-set",
                dry_run=arguments.get("dry-run") == "server",
            )
        except StatusError as error:
            tell(session, error)
            continue
        if content(new) != content(live) or arguments.get("output"):
            tell_done(session, arguments, target.resource, new, said)
    return None
