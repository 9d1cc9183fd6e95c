"""How a pipeline learns of commits when nobody calls: polling the git host.

**Imitates:** Jenkins' Poll SCM: `git ls-remote` at fixed instants. A poll that would find nothing new is not carried
out: the next instant is armed when a ref moves, which makes no difference to anybody.

**Walk:** a commit reaches the repository -> the next poll is armed -> `ls_remote` travels to the git host -> another
head than the last one seen starts a run; a host that does not answer is asked again at the next instant.
"""

from __future__ import annotations

from collections.abc import Callable

from kcsim.delivery.ci.checkout import git_error
from kcsim.delivery.ci.pipelines import PipelineSpec, Site
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import AuthenticationRequired, RepositoryNotFound, ServiceUnavailable
from kcsim.delivery.git.repository import HEADS, Update
from kcsim.engine.clock import format_duration
from kcsim.engine.core import Timer
from kcsim.engine.task import Steps, Task


class Poller:
    """Looks at one branch every `poll_interval`; the first time `poll_phase` after it was made, or an interval after."""

    def __init__(self, site: Site, spec: PipelineSpec, found: Callable[[str], None]) -> None:
        self._site = site
        self._spec = spec
        self._found = found
        self._ref = HEADS + spec.branch
        self._began = site.engine.now + spec.poll_phase
        self._seen = ""
        self._timer: Timer | None = None
        self._looking = False
        repository = site.git.repository(spec.repository)
        repository.on_update(self._moved)
        if self._ref in repository.refs():
            self._arm()

    def _moved(self, update: Update) -> None:
        if update.ref == self._ref and update.new is not None:
            self._arm()

    def _arm(self) -> None:
        if self._looking or (self._timer is not None and self._timer.active):
            return
        engine, interval = self._site.engine, self._spec.poll_interval
        delay = interval - (engine.now - self._began) % interval
        self._timer = engine.tick(delay, f"poll {format_duration(interval)}", self._poll)

    def _poll(self) -> None:
        self._looking = True
        Task(self._look())

    def _look(self) -> Steps:
        site, spec = self._site, self._spec
        url, timeout = site.git.url(spec.repository), site.timings.git_timeout
        try:
            refs = yield site.git.ls_remote(site.host, url, timeout)
        except (Unreachable, ServiceUnavailable, AuthenticationRequired, RepositoryNotFound) as error:
            text = git_error(error, url, self._ref, timeout)
            site.engine.note("ci", "poll-failed", f"pipeline/{spec.name}", {"error": text})
        else:
            sha = refs.get(self._ref, self._seen)
            if sha != self._seen:
                self._seen = sha
                self._found(sha)
        self._looking = False
        # The branch may have moved while the answer was on its way, or the host did not answer.
        if site.git.repository(spec.repository).refs().get(self._ref, self._seen) != self._seen:
            self._arm()
