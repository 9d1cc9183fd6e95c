"""argocd-server as a process: a push makes it ask for a refresh of every Application that it may concern.

**Imitates:** argo-cd 3.x util/webhook/webhook.go (HandleEvent, sourceRevisionHasChanged, storePreviouslyCachedManifests).
Left out: the secret of the webhook, jitter (off by default), copying cached manifests where no file of an Application
changed: its next poll finds that out by itself.

**Walk:** a push -> Applications of that repository and revision -> files under manifest-generate-paths -> the annotation
of a normal refresh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.git.host import GitHost
from kcsim.delivery.git.repository import HEADS, TAGS, GitError, Update
from kcsim.delivery.gitops.argocd import projects, terms
from kcsim.delivery.gitops.argocd.repo_server.server import is_affected
from kcsim.engine.task import Steps


class ApiServer:
    """One process."""

    def __init__(self, component: Component, namespace: str, git: GitHost) -> None:
        self._component = component
        self._namespace = namespace
        self._git = git
        self._applications = component.informer(terms.APPLICATIONS)

    def webhook(self, update: Update) -> Steps:
        """A task's steps: take a push event."""
        try:
            repository = self._git.repository(update.repository)
        except GitError:
            return
        ref = update.ref.removeprefix(HEADS).removeprefix(TAGS)
        touched_head = ref == repository.default_branch
        changed: Sequence[str] = list(repository.diff(update.old, update.new)) if update.new else []
        urls = frozenset(projects.normal_url(url) for url in self._git.urls(update.repository))
        for app in self._applications.list(self._namespace):
            if any(
                _concerns(app, source, urls, ref, changed, touched_head=touched_head)
                for source in terms.sources(app)
            ):
                yield from self._refresh(app)

    def _refresh(self, app: Object) -> Steps:
        body = {"metadata": {"annotations": {terms.REFRESH: "normal"}}}
        try:
            yield self._component.client.patch(terms.APPLICATIONS, *objects.key(app), body)
        except StatusError as error:
            # As upstream: the failure is logged, the other Applications are refreshed all the same.
            self._component.failed(f"refresh {terms.qualified_name(app)}", error)


def _concerns(
    app: Object,
    source: Mapping[str, Any],
    urls: frozenset[str],
    ref: str,
    changed: Sequence[str],
    *,
    touched_head: bool,
) -> bool:
    if projects.normal_url(source.get("repoURL", "")) not in urls:
        return False
    wanted = source.get("targetRevision") or "HEAD"
    wanted = wanted.removeprefix(HEADS).removeprefix(TAGS)
    if wanted != ref and not (wanted == "HEAD" and touched_head):
        return False
    paths = [
        part.strip()
        for part in objects.annotations(app).get(terms.GENERATE_PATHS, "").split(";")
        if part.strip()
    ]
    return not paths or is_affected(changed, source.get("path") or ".", paths)
