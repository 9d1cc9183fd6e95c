"""The webhook server of the ApplicationSet controller: a push or a merge request makes it look at sets that ask for them.

**Imitates:** argo-cd 3.x applicationset/webhook/webhook.go (HandleEvent, shouldRefreshGitGenerator, shouldRefreshPRGenerator, matrix and
merge generators by what is in them). Left out: the secret of the webhook, generators of plugins.

**Walk:** an event -> the ApplicationSets whose generators name the repository -> the annotation that asks for a look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.git.host import GitHost
from kcsim.delivery.git.repository import HEADS, PULLS, TAGS, GitError, Update
from kcsim.delivery.gitops.argocd import projects, terms
from kcsim.delivery.gitops.argocd.applicationset_controller.pull_requests import Question, names_of
from kcsim.delivery.gitops.argocd.appset import policy
from kcsim.delivery.gitops.argocd.appset.asks import PullRequests
from kcsim.delivery.gitops.argocd.appset.generators import PROVIDERS
from kcsim.engine.task import Steps


class SetWebhook:
    """What listens on port 7000 of one process."""

    def __init__(self, component: Component, namespace: str, git: GitHost) -> None:
        self._component = component
        self._namespace = namespace
        self._git = git
        self._sets = component.informer(terms.APPLICATION_SETS)

    def webhook(self, update: Update) -> Steps:
        """A task's steps: take an event."""
        for appset in self._sets.list(self._namespace):
            if any(self._concerns(generator, update) for generator in _leaves(terms.spec(appset))):
                yield from self._refresh(appset)

    def _concerns(self, generator: Mapping[str, Any], update: Update) -> bool:
        if update.ref.startswith(PULLS):
            spec = generator.get("pullRequest")
            return isinstance(spec, Mapping) and self._lists(spec, update.repository)
        spec = generator.get("git")
        return isinstance(spec, Mapping) and self._reads(spec, update)

    @staticmethod
    def _lists(spec: Mapping[str, Any], repository: str) -> bool:
        return any(
            repository in names_of(Question.of(PullRequests(name, json.dumps(spec[name]))))
            for name in PROVIDERS
            if isinstance(spec.get(name), Mapping)
        )

    def _reads(self, spec: Mapping[str, Any], update: Update) -> bool:
        urls = {projects.normal_url(url) for url in self._git.urls(update.repository)}
        if projects.normal_url(spec.get("repoURL", "")) not in urls:
            return False
        ref = update.ref.removeprefix(HEADS).removeprefix(TAGS)
        wanted = str(spec.get("revision") or "HEAD").removeprefix(HEADS).removeprefix(TAGS)
        try:
            default = self._git.repository(update.repository).default_branch
        except GitError:
            return False
        return wanted == ref or (wanted == "HEAD" and ref == default)

    def _refresh(self, appset: Object) -> Steps:
        body = {"metadata": {"annotations": {policy.REFRESH: "true"}}}
        try:
            yield self._component.client.patch(terms.APPLICATION_SETS, *objects.key(appset), body)
        except StatusError as error:
            # As upstream: the failure is logged, the other sets are looked at all the same.
            self._component.failed(f"refresh {terms.qualified_name(appset)}", error)


def _leaves(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every generator, and those inside matrix and merge generators."""
    for generator in spec.get("generators") or ():
        if isinstance(generator, Mapping):
            yield generator
            for name in ("matrix", "merge"):
                if isinstance(generator.get(name), Mapping):
                    yield from _leaves(generator[name])
