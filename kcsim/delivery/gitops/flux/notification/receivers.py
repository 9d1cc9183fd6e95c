"""Receiver: a webhook of another service asks for reconciliations.

**Imitates:** notification-controller 1.9 internal/controller/receiver_controller.go (path, conditions) and
internal/server/receiver_handlers.go (who may call, what is annotated). Differs: a request carries the token or secret
that signed it instead of a signature; payloads of registries are not read. Left out: generic-oidc.

**Walk:** a Receiver -> its Secret's token -> status.webhookPath. A ``Hook`` at that path -> suspended or not ready: 503; wrong token
or event: 400 -> ``requestedAt`` on each resource: 200.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.cel.errors import CompileError, EvaluationError
from kcsim.api.cel.expression import Scope
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux import toolkit
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.reconciler import Failure, Stalling, Success, Told, ToolkitReconciler
from kcsim.delivery.gitops.flux.toolkit import (
    IMAGE_GROUP,
    RECEIVERS,
    REQUESTED_AT,
    SOURCE_GROUP,
    SUCCEEDED,
    go_duration,
    spec,
)
from kcsim.engine.clock import MINUTE, rfc3339_micro
from kcsim.engine.task import Steps

PATH = "/hook/"
PORT = 9292
OK, BAD_REQUEST, NOT_FOUND, BROKEN, UNAVAILABLE = 200, 400, 404, 500, 503
_API_VERSIONS = {
    "Bucket": f"{SOURCE_GROUP}/v1",
    "HelmChart": f"{SOURCE_GROUP}/v1",
    "HelmRepository": f"{SOURCE_GROUP}/v1",
    "GitRepository": f"{SOURCE_GROUP}/v1",
    "OCIRepository": f"{SOURCE_GROUP}/v1",
    "ImageRepository": f"{IMAGE_GROUP}/v1",
}
"""Kinds that need no apiVersion in ``spec.resources``."""
_UNSIGNED = frozenset({"generic", "quay", "dockerhub", "acr", "cdevents"})
"""Types that look at no token: the path is the secret."""
_WITH_EVENTS = {
    "github": "GitHub event",
    "gitlab": "GitLab event",
    "bitbucket": "Bitbucket server event",
    "cdevents": "CDEvent",
}


@dataclass(frozen=True, slots=True)
class Hook:
    """A request: to which path, for what (``push``), signed with which token, with which body."""

    path: str
    event: str = "push"
    token: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


def webhook_path(token: str, name: str, namespace: str) -> str:
    """The path of a Receiver (GetWebhookPath)."""
    return PATH + hashlib.sha256(f"{token}{name}{namespace}".encode()).hexdigest()


def refusal(receiver: Object, hook: Hook, token: str) -> str:
    """Why a request is not taken (validate); "" when it is."""
    kind = spec(receiver)["type"]
    if kind not in _UNSIGNED and hook.token != token:
        return f"the signature or token of the {kind} request does not match the receiver token"
    allowed = [event.lower() for event in spec(receiver).get("events") or ()]
    if kind in _WITH_EVENTS and allowed and hook.event.lower() not in allowed:
        return f"the {_WITH_EVENTS[kind]} '{hook.event}' is not authorised"
    return ""


class Receivers(ToolkitReconciler):
    """The reconciler of Receiver, and the server behind its paths."""

    name = "receiver"
    resource = RECEIVERS

    def interval(self, obj: Object) -> int:
        """Ten minutes unless it says otherwise."""
        return toolkit.duration(obj, "interval", 10 * MINUTE)

    def attempt(self, obj: Object, draft: Draft) -> Generator[Any, Any, Success]:
        """Its path, made from the token."""
        if spec(obj)["type"] == "generic-oidc":
            raise Stalling("spec.type: kcsim does not model generic-oidc yet", "NotModelled")
        draft.progress("Reconciliation in progress")
        try:
            token = yield from self._token(obj)
        except Failure:
            draft.set("webhookPath", None)
            raise
        path = webhook_path(token, objects.name(obj), objects.namespace(obj))
        draft.set("webhookPath", path)
        told = Told(SUCCEEDED, f"Reconciliation finished, next run in {go_duration(self.interval(obj))}")
        return Success(f"Receiver initialized for path: {path}", [told])

    def _token(self, obj: Object) -> Generator[Any, Any, str]:
        name = f"{objects.namespace(obj)}/{spec(obj)['secretRef']['name']}"
        try:
            secret = yield self.client.get("secrets", *name.split("/"))
        except StatusError as error:
            why = f"unable to read token from secret '{name}' error: {error.message}"
            raise Failure(why, "TokenNotFound", event="Failed") from error
        data = secret.get("data") or {}
        if "token" not in data:
            why = f"invalid '{name}' secret data: required field 'token'"
            raise Failure(why, "TokenNotFound", event="Failed")
        return base64.b64decode(data["token"]).decode(errors="replace")

    # --- a request ----------------------------------------------------------------------------------------------

    def receive(self, hook: Hook) -> None:
        """A request has arrived."""
        self.component.spawn(self._answer(hook))

    def _answer(self, hook: Hook) -> Steps:
        found = [r for r in self.objects.list() if (r.get("status") or {}).get("webhookPath") == hook.path]
        if not found:
            self._refuse(NOT_FOUND, hook, "no receiver has this path")
            return NOT_FOUND
        receiver = found[0]
        if spec(receiver).get("suspend") or not objects.condition_is(receiver, toolkit.READY):
            why = "receiver is suspended" if spec(receiver).get("suspend") else "receiver is not ready"
            self._refuse(UNAVAILABLE, hook, why)
            return UNAVAILABLE
        try:
            token = yield from self._token(receiver)
        except Failure as error:
            self._refuse(BAD_REQUEST, hook, str(error))
            return BAD_REQUEST
        why = refusal(receiver, hook, token)
        if why:
            self._refuse(BAD_REQUEST, hook, why)
            return BAD_REQUEST
        problems = yield from self._annotate_all(receiver, hook)
        if problems:
            self._refuse(BROKEN, hook, "; ".join(problems))
        return BROKEN if problems else OK

    def _refuse(self, code: int, hook: Hook, why: str) -> None:
        detail = {"path": hook.path, "code": code, "error": why}
        self.component.engine.note(self.component.name, "hook-refused", "webhook", detail)

    def _annotate_all(self, receiver: Object, hook: Hook) -> Steps:
        problems: list[str] = []
        for resource in spec(receiver)["resources"]:
            try:
                chosen = yield from self._chosen(receiver, resource)
                for obj in self._filtered(receiver, hook, chosen):
                    asked = {REQUESTED_AT: rfc3339_micro(self.component.engine.now)}
                    body = {"metadata": {"annotations": asked}}
                    yield self.client.patch(self._resource(resource), *objects.key(obj), body)
            except (StatusError, ValueError, CompileError, EvaluationError) as error:
                problems.append(f"unable to request reconciliation: {getattr(error, 'message', error)}")
        return problems

    def _resource(self, resource: Mapping[str, Any]) -> Any:
        version = resource.get("apiVersion") or _API_VERSIONS.get(resource["kind"], "")
        found = self.client.endpoint.server.catalog.of({"apiVersion": version, "kind": resource["kind"]})
        if found is None:
            raise ValueError(f'no matches for kind "{resource["kind"]}" in version "{version}"')
        return found

    def _chosen(self, receiver: Object, resource: Mapping[str, Any]) -> Generator[Any, Any, Iterable[Object]]:
        """The objects a reference means: one by name, or all with its labels."""
        namespace, name = resource.get("namespace") or objects.namespace(receiver), resource["name"]
        kind = self._resource(resource)
        if self.options.no_cross_namespace_refs and namespace != objects.namespace(receiver):
            raise ValueError("cross-namespace references are not allowed")
        if name != "*":
            return [(yield self.client.get(kind, namespace, name))]
        labels = resource.get("matchLabels")
        if labels is None:
            raise ValueError("matchLabels field not set when using wildcard '*' as name")
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        found = yield self.client.list(kind, namespace, label_selector=selector)
        return found["items"]  # type: ignore[no-any-return]

    @staticmethod
    def _filtered(receiver: Object, hook: Hook, chosen: Iterable[Object]) -> Iterable[Object]:
        """Those of which ``spec.resourceFilter`` says yes."""
        text = spec(receiver).get("resourceFilter")
        if not text:
            return chosen
        expression = Scope({"res": "dyn", "req": "dyn"}).compile(text)
        request = {"body": dict(hook.body), "headers": {"X-Event": [hook.event]}}
        return [
            obj
            for obj in chosen
            if expression.evaluate({"res": {"metadata": obj["metadata"]}, "req": request})
        ]
