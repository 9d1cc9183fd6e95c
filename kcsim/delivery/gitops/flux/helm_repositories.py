"""HelmRepository: the index of a repository of charts becomes an artifact.

**Imitates:** source-controller 1.9 internal/controller/helmrepository_controller.go. A HelmRepository of type ``oci`` is a name for an
address and nothing more: it has neither finalizer nor status. Left out: providers, certificates (refused by name); the keys in the
Secret are not looked at.

**Walk:** ``index.yaml`` -> its digest -> nothing new: done, or stored -> HelmCharts of the repository look again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import Any

from kcsim.api.kit.queue import Outcome
from kcsim.api.objects import Object
from kcsim.delivery.chart_repositories import OCI, ChartRepositories, ChartsUnavailable, Index
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.gitops.flux import toolkit
from kcsim.delivery.gitops.flux.artifact import Storage
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import Failure, Stalling
from kcsim.delivery.gitops.flux.sources import Sources
from kcsim.delivery.gitops.flux.toolkit import HELM_REPOSITORIES, spec
from kcsim.delivery.registry.registry import DEFAULT_TIMEOUT

INDEX = "index.yaml"
_ABSENT = {"certSecretRef": "certificates of chart repositories"}
_UNITS = ("B", "kB", "MB", "GB")


def human_size(size: float) -> str:
    """A size as docker's units write it: four figures, powers of a thousand."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.4g}{_UNITS[unit]}"


def is_oci(repository: Object) -> bool:
    """Whether a HelmRepository only names an address in a registry."""
    return spec(repository).get("type") == "oci"


def refuse(repository: Object) -> None:
    """What a HelmRepository asks for that is not modelled.

    Raises:
        Stalling: it asks for something.
    """
    for field, what in _ABSENT.items():
        if spec(repository).get(field):
            raise Stalling(f"spec.{field}: kcsim does not model {what} yet", "NotModelled")
    if spec(repository).get("provider", "generic") != "generic":
        raise Stalling(
            "spec.provider: kcsim does not model providers of registry credentials yet", "NotModelled"
        )


class HelmRepositories(Sources):
    """The reconciler of HelmRepository."""

    name = "helmrepository"
    resource = HELM_REPOSITORIES

    def __init__(self, charts: ChartRepositories, storage: Storage, options: Options, phases: Phases) -> None:
        super().__init__(charts, storage, options, phases)
        self._charts = charts

    def _handle(self, cached: Object) -> Outcome:
        if not is_oci(cached):
            return (yield from super()._handle(cached))
        if self.own.has_finalizer(cached):  # it was of the other type before (migrationToStatic)
            self.forget_all(cached)
            draft = Draft(self.component.engine, cached)
            for field in list(draft.status):
                draft.set(field, None)
            yield from self.own.write(cached, draft)
            yield from self.own.remove_finalizer(cached)
        return None

    def look(self, obj: Object, draft: Draft) -> Generator[Any, Any, str | None]:
        """Get the index; store what is new."""
        refuse(obj)
        url = spec(obj)["url"]
        if url.startswith(OCI):
            why = "'oci' URL scheme cannot be used with 'default' HelmRepository type"
            raise Stalling(f"invalid Helm repository URL: {why}", "URLInvalid")
        yield from self.need_secret(obj)
        timeout = toolkit.duration(obj, "timeout", DEFAULT_TIMEOUT)
        what = "failed to fetch Helm repository index: failed to cache index to temporary file"
        try:
            index: Index = yield self._charts.index(self.component.host, url, timeout)
        except ChartsUnavailable as error:
            raise Failure(f"{what}: {error}", "Failed") from error
        except Unreachable as error:
            host = url.partition("://")[2].partition("/")[0]
            why = f'Get "{url.rstrip("/")}/{INDEX}": dial tcp {host}:443: i/o timeout'
            raise Failure(f"{what}: {why}", "Failed") from error
        self.blame(index.record)
        digest = hashlib.sha256(index.text).hexdigest()
        revision, stored = f"sha256:{digest}", draft.get("artifact")
        if stored is not None and stored["revision"] == revision:
            return None
        yield from self.announce(obj, draft, f"new index revision '{revision}'")
        self.keep(obj, draft, f"index-{digest}.yaml", revision, {INDEX: index.text}, index.record)
        draft.set("url", f"{draft.get('artifact')['url'].rpartition('/')[0]}/{INDEX}")
        return f"stored fetched index of size {human_size(len(index.text))} from '{url}'"

    def stored_message(self, revision: str) -> str:
        """What is said of a stored artifact."""
        return f"stored artifact: revision '{revision}'"
