"""The merge requests of the git host, as a pull request generator asks its provider for them.

**Imitates:** argo-cd 3.x applicationset/services/pull_request (github.go, gitlab.go, gitea.go, bitbucket_*.go, azure_devops.go), each by
its fields and its errors; the git host of the story stands for every provider. Left out: tokens and certificates, pages.

**Walk:** the provider's fields -> the repository -> a question over the network -> what the host lists, the newest first.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import AuthenticationRequired, GitHost, RepositoryNotFound, ServiceUnavailable
from kcsim.delivery.git.requests import MergeRequest
from kcsim.delivery.gitops.argocd.appset.asks import PullRequest, PullRequests

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "github": ("owner", "repo"),
    "gitea": ("owner", "repo"),
    "gitlab": ("project",),
    "bitbucketServer": ("project", "repo"),
    "bitbucket": ("owner", "repo"),
    "azuredevops": ("organization", "project", "repo"),
}
"""What names a repository at each provider."""
_APIS = {"github": "https://api.github.com", "gitlab": "https://gitlab.com"}
_GITLAB_STATES = {"open": "opened", "queued": "opened", "merged": "merged", "closed": "closed"}


class ProviderError(Exception):
    """Why merge requests could not be listed, in the words of the provider's client."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a provider: the path of the repository there, and which of its merge requests are meant."""

    provider: str
    path: str
    api: str
    labels: tuple[str, ...]
    state: str

    @classmethod
    def of(cls, ask: PullRequests) -> Question:
        """Read the provider's part of a generator."""
        spec = json.loads(ask.spec)
        path = "/".join(str(spec.get(field, "")) for field in _FIELDS[ask.provider])
        state = str(spec.get("pullRequestState") or "") if ask.provider == "gitlab" else "open"
        return cls(ask.provider, path, str(spec.get("api") or ""), tuple(spec.get("labels") or ()), state)

    def takes(self, request: MergeRequest) -> bool:
        """Whether a merge request is one of those meant; GitLab lists all states where none is asked for."""
        if self.provider == "gitlab":
            fits = self.state in {"", _GITLAB_STATES[request.state]}
        else:
            fits = request.is_open
        return fits and set(self.labels) <= set(request.labels)

    def failed(self, why: str) -> ProviderError:
        """What the provider's client says; ``why`` is how the request ended."""
        base = (self.api or _APIS.get(self.provider, "")).rstrip("/")
        match self.provider:
            case "github":
                return ProviderError(
                    f"error listing pull requests for {self.path}: GET {base}/repos/{self.path}/pulls?per_page=100: {why} []"
                )
            case "gitlab":
                project = self.path.replace("/", "%2F")
                return ProviderError(
                    f"error listing merge requests for project '{self.path}': "
                    f"GET {base}/api/v4/projects/{project}/merge_requests: {why}"
                )
        return ProviderError(f"error listing pull requests for {self.path}: {why}")


def names_of(question: Question) -> Sequence[str]:
    """What the repository may be called on the story's host: by its whole path, or by its last part."""
    return tuple(dict.fromkeys((question.path, question.path.rpartition("/")[2])))


def listed(git: GitHost, host: str, ask: PullRequests) -> Generator[Any, Any, list[PullRequest]]:
    """A task's steps: ask from ``host``; gives the merge requests, the newest first.

    Raises:
        ProviderError: with the text of the provider's client.
    """
    question = Question.of(ask)
    place = urlsplit(question.api).hostname
    if place and place != git.name:
        raise question.failed(f"dial tcp: lookup {place}: no such host")
    known = {each.name for each in git.repositories}
    name = next((name for name in names_of(question) if name in known), question.path)
    try:
        found: list[MergeRequest] = yield git.list_requests(host, name)
    except RepositoryNotFound:
        raise question.failed("404 Not Found") from None
    except AuthenticationRequired:
        raise question.failed("401 Bad credentials") from None
    except ServiceUnavailable as error:
        raise question.failed(str(error.code)) from None
    except Unreachable:
        raise question.failed(f"dial tcp {git.name}:443: i/o timeout") from None
    return [
        PullRequest(
            each.number, each.title, each.source, each.target, each.head, each.author, tuple(each.labels)
        )
        for each in reversed(found)
        if question.takes(each)
    ]
