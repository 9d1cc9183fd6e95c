"""Checking out the commit of a run, in git's own words when it fails.

**Imitates:** `git fetch` over HTTPS by a runner (git 2.4x, libcurl). Left out: retries (GitLab's default is none),
what a runner keeps of earlier checkouts.
"""

from __future__ import annotations

from kcsim.delivery.ci.pipelines import StageContext, StageFailed
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import (
    AuthenticationRequired,
    RefNotFound,
    RepositoryNotFound,
    ServiceUnavailable,
)
from kcsim.engine.clock import MILLISECOND
from kcsim.engine.task import Steps


def checkout(context: StageContext) -> Steps:
    """Fetch the run's commit; the value is a `Fetched`.

    Raises: StageFailed.
    """
    site, repository = context.site, context.pipeline.spec.repository
    url, timeout = site.git.url(repository), site.timings.git_timeout
    try:
        fetched = yield site.git.fetch(site.host, url, context.run.sha, timeout)
    except (
        Unreachable,
        ServiceUnavailable,
        AuthenticationRequired,
        RepositoryNotFound,
        RefNotFound,
    ) as error:
        raise StageFailed(git_error(error, url, context.run.sha, timeout)) from None
    finally:
        site.engine.cause = context.record
    return fetched


def git_error(error: Exception, url: str, ref: str, timeout: int) -> str:
    """The line git prints for a fetch that failed."""
    if isinstance(error, Unreachable):
        why = (
            f"Failed to connect to {error.target} port 443 after {timeout // MILLISECOND} ms: "
            "Couldn't connect to server"
        )
        return f"fatal: unable to access '{url}/': {why}"
    if isinstance(error, ServiceUnavailable):
        return f"fatal: unable to access '{url}/': The requested URL returned error: {error.code}"
    if isinstance(error, AuthenticationRequired):
        return f"fatal: Authentication failed for '{url}/'"
    if isinstance(error, RepositoryNotFound):
        return f"fatal: repository '{url}/' not found"
    return f"fatal: couldn't find remote ref {ref}"
