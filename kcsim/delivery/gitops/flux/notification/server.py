"""The event server of notification-controller: takes events, and sends them on for the alerts that want them.

**Imitates:** notification-controller 1.9 internal/server/event_server.go and event_handlers.go: duplicates, alerts, providers and
their Secrets, what is recorded on the Alert when sending fails. Left out: the formats of the services, proxies, certificates
and CEL for commit statuses (refused on the Alert). Differs: an address that is no host of the world's network stands for
the internet, and always answers.

**Walk:** ``receive`` -> seen within five minutes: 429 -> ``alerts.judge`` each -> the Provider, its Secret -> over the network ->
``Inbox``; what fails becomes an Event of the Alert.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.delivery.exchange import Exchange, Path, Unreachable
from kcsim.delivery.git.host import GitHost
from kcsim.delivery.gitops.flux import toolkit
from kcsim.delivery.gitops.flux.events import ERROR, Posted, TooManyRequests
from kcsim.delivery.gitops.flux.notification import alerts
from kcsim.delivery.gitops.flux.notification.inbox import Inbox, Notification
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.toolkit import ALERTS, PROVIDERS, spec
from kcsim.engine.clock import MILLISECOND, SECOND
from kcsim.engine.task import Sleep, Steps
from kcsim.profile.distributions import Distribution, Skewed

_TIMEOUT = 15 * SECOND
"""spec.timeout of a Provider."""
_SERVICE: Distribution = Skewed(200 * MILLISECOND, SECOND)
"""Assumed: how long a chat service takes to answer."""
_ABSENT = ("certSecretRef", "proxy", "proxySecretRef", "commitStatusExpr", "serviceAccountName")


class _NotSent(Exception):
    """The notification could not be sent; the text follows "failed to dispatch notification for ..."."""


class Alerts(Reconciler):
    """The event server; its queue stays empty, for neither Alert nor Provider has a status."""

    name = "alert"

    def __init__(self, git: GitHost, inbox: Inbox, options: Options) -> None:
        self._git = git
        self._inbox = inbox
        self._options = options
        self._seen: dict[tuple[str, ...], tuple[int, int]] = {}

    def setup(self, component: Component) -> None:
        """Watch alerts and providers."""
        self._alerts = component.informer(ALERTS)
        self._providers = component.informer(PROVIDERS)

    def reset(self) -> None:
        """A crash forgets what was sent."""
        self._seen.clear()

    def reconcile(self, key: Key) -> Outcome | Result | None:
        """Nothing: there is no status to write."""
        del key
        return None

    # --- an event -----------------------------------------------------------------------------------------------

    def receive(self, event: Posted) -> None:
        """An event has arrived.

        Raises:
            TooManyRequests: it has been here within five minutes.
        """
        now, key = self.component.engine.now, alerts.key_of(event)
        first, taken = self._seen.get(key, (now, -1))
        window = (now - first) // alerts.DUPLICATES
        if window <= taken:
            raise TooManyRequests
        self._seen[key] = (first, window)
        self.component.spawn(self._forward(event))

    def _forward(self, event: Posted) -> Steps:
        labels = yield from self._labels(event)
        for alert in self._alerts.list():
            verdict = alerts.judge(alert, event, lambda _: labels)
            for reason, message in verdict.problems:
                self.component.event(alert, "Warning", reason, message)
            if verdict.taken:
                self.component.spawn(self._dispatch(alert, event))

    def _labels(self, event: Posted) -> Steps:
        """The labels of the object, where an alert asks for any."""
        sources = [s for alert in self._alerts.list() for s in spec(alert).get("eventSources") or ()]
        if not any(s.get("matchLabels") is not None and s["kind"] == event.involved["kind"] for s in sources):
            return {}
        resource = self.client.endpoint.server.catalog.of(event.involved)
        if resource is None:
            return None
        try:
            found = yield self.client.get(resource, event.involved["namespace"], event.involved["name"])
        except StatusError:
            return None
        return objects.labels(found)

    def _dispatch(self, alert: Object, event: Posted) -> Steps:
        try:
            yield from self._send(alert, event)
        except _NotSent as error:
            message = f"failed to dispatch notification for {event.subject}: {error}"
            self.component.event(alert, "Warning", "NotificationDispatchFailed", message)
        except Unreachable:
            message = f"failed to send notification for {event.subject}: postMessage failed: context deadline exceeded"
            self.component.event(alert, "Warning", "NotificationDispatchFailed", message)

    def _send(self, alert: Object, event: Posted) -> Steps:
        namespace, name = objects.namespace(alert), spec(alert)["providerRef"]["name"]
        if self._options.no_cross_namespace_refs and event.involved["namespace"] != namespace:
            who = f"alert '{namespace}/{objects.name(alert)}' can't process event from '{event.subject}'"
            raise _NotSent(
                "discarding event, access denied to cross-namespace sources: "
                f"{who}, cross-namespace references have been blocked"
            )
        provider = self._providers.get(namespace, name)
        if provider is None:
            raise _NotSent(f'failed to read provider: {PROVIDERS} "{name}" not found')
        if spec(provider).get("suspend") or not alerts.is_for(provider, event):
            return
        address = yield from self._address(provider)
        metadata = {**event.metadata, **(spec(alert).get("eventMetadata") or {})}
        if spec(alert).get("summary"):
            metadata["summary"] = spec(alert)["summary"]
        yield self._post(provider, address)
        component = self.component
        message = Notification(
            component.engine.now,
            component.endpoint.server.cluster,
            f"{namespace}/{name}",
            spec(provider)["type"],
            address,
            spec(provider).get("channel", ""),
            event,
            metadata,
        )
        self._inbox.arrive(component.engine, message)
        self._show_commit(provider, address, event)

    def _address(self, provider: Object) -> Steps:
        """Where a provider sends to: its Secret's address, or its own."""
        for field in _ABSENT:
            if spec(provider).get(field):
                raise _NotSent(f"provider {objects.name(provider)}: kcsim does not model spec.{field} yet")
        address, ref = spec(provider).get("address", ""), spec(provider).get("secretRef")
        if ref is not None:
            try:
                secret = yield self.client.get("secrets", objects.namespace(provider), ref["name"])
            except StatusError as error:
                raise _NotSent(
                    self._no_notifier(provider, f"failed to read secret: {error.message}")
                ) from error
            address = _decoded(secret, "address") or address
        if not address:
            raise _NotSent(self._no_notifier(provider, "provider has no address"))
        return address

    @staticmethod
    def _no_notifier(provider: Object, why: str) -> str:
        return f"failed to initialize notifier for provider '{objects.name(provider)}': {why}"

    def _post(self, provider: Object, address: str) -> Exchange | Sleep:
        component, host = self.component, urlsplit(address).hostname or ""
        stream = f"notifications {component.host}"
        dice, network = component.engine.dice(stream), component.endpoint.network
        if not network.has_host(host):
            return Sleep(component.engine, dice.draw(_SERVICE))
        timeout = toolkit.duration(provider, "timeout", _TIMEOUT)
        path = Path(component.engine, network, component.host, host, stream, timeout)
        return Exchange(path, lambda: (None, dice.draw(_SERVICE)))

    def _show_commit(self, provider: Object, address: str, event: Posted) -> None:
        """The state of a commit, where its host is the one of this world."""
        sha = alerts.commit_of(event)
        if spec(provider)["type"] not in alerts.GIT_PROVIDERS or urlsplit(address).hostname != self._git.name:
            return
        involved = event.involved
        uid = objects.uid(provider).partition("-")[0]
        check = f"{involved['kind'].lower()}/{involved['name']}/{uid}"
        repository = self._git.repository(address).name
        self._git.report_check(self.component.host, repository, sha, check, passed=event.severity != ERROR)


def _decoded(secret: Mapping[str, Any], key: str) -> str:
    text = (secret.get("data") or {}).get(key, "")
    return base64.b64decode(text).decode(errors="replace").strip()
