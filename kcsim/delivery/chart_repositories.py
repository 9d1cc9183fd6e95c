"""Chart repositories on the network: an index of charts and their versions, and the charts; over OCI they are artifacts of a registry.

**Imitates:** a chart repository as helm's pkg/repo and source-controller see it: ``index.yaml`` and archives. Differs: all of a world
answer from the host of its registry, and with it. Left out: accounts, provenance files; the index is JSON, which is YAML.

**Walk:** ``publish`` -> the index of an address grows, or a tag in the registry appears -> a client asks for the ``index`` from its
host -> ``download``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.delivery.charts import MEDIA_TYPE, Chart, loaded
from kcsim.delivery.exchange import Exchange, Path
from kcsim.delivery.registry import artifacts
from kcsim.delivery.registry.registry import DEFAULT_TIMEOUT, Registry
from kcsim.engine.clock import MILLISECOND, SECOND, rfc3339
from kcsim.engine.core import Engine
from kcsim.engine.trace import Record
from kcsim.network.topology import Network
from kcsim.profile.distributions import Distribution, Skewed

OCI = "oci://"
_INDEX: Distribution = Skewed(100 * MILLISECOND, 600 * MILLISECOND)
_DOWNLOAD: Distribution = Skewed(200 * MILLISECOND, SECOND)
"""Assumed: no published measurement."""


class ChartsUnavailable(Exception):
    """The repository refuses to work, or has no such thing; the text is what its client says."""


@dataclass(frozen=True, slots=True)
class Index:
    """``index.yaml`` as it is now, and what wrote to it last."""

    text: bytes
    record: Record | None


@dataclass(frozen=True, slots=True)
class Download:
    """The files of one chart, and what published it."""

    files: Mapping[str, bytes]
    record: Record | None


@dataclass(frozen=True, slots=True)
class _Published:
    chart: Chart
    created: str
    record: Record


class ChartRepositories:
    """The chart repositories of one world, by their addresses.

    Attributes:
        engine: of that world.
    """

    def __init__(self, engine: Engine, network: Network, registry: Registry) -> None:
        self.engine = engine
        self._network = network
        self._registry = registry
        self._held: dict[str, dict[tuple[str, str], _Published]] = {}
        self._listeners: list[Callable[[], None]] = []

    # --- what looks at it ---------------------------------------------------------------------------------------

    @property
    def counts_questions(self) -> bool:
        """Whether a question that is asked makes a difference to the answer of the next."""
        return self._registry.counts_questions

    @property
    def look(self) -> int:
        """How long (µs) it typically takes to get an index."""
        return _INDEX.at(0.5) + self._registry.delay

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever clients may get another answer."""
        self._listeners.append(listener)
        self._registry.on_change(listener)

    # --- what it holds ------------------------------------------------------------------------------------------

    def publish(self, address: str, files: Mapping[str, bytes]) -> Chart:
        """Put a chart into the repository of an address now (``helm push``); its version takes the place of one before.

        Raises:
            ChartUnreadable: the files are no chart.
            InvalidReference: an OCI address that is none.
        """
        chart = loaded(files)
        address = address.rstrip("/")
        if address.startswith(OCI):
            reference = f"{address.removeprefix(OCI)}/{chart.name}:{chart.version.replace('+', '_')}"
            packed = {f"{chart.name}/{path}": data for path, data in chart.files.items()}
            artifacts.push(self._registry, reference, packed, media_type=MEDIA_TYPE)
            return chart
        detail = {"version": chart.version}
        record = self.engine.note(
            "chart-repository", "publish", f"chart/{chart.name}", {"repository": address, **detail}
        )
        held = self._held.setdefault(address, {})
        held[chart.name, chart.version] = _Published(chart, rfc3339(self.engine.now), record)
        with self.engine.because(record):
            for listener in self._listeners:
                listener()
        return chart

    # --- over the network ---------------------------------------------------------------------------------------

    def index(self, source: str, address: str, timeout: int = DEFAULT_TIMEOUT) -> Exchange:
        """Ask from host ``source`` for the index of an address; the value is an ``Index``.

        Raises (where it is waited for): Unreachable, ChartsUnavailable.
        """
        address = address.rstrip("/")

        def serve() -> tuple[Index, int]:
            self._answer(f"{address}/index.yaml")
            held = self._of(address)
            newest = max((each.record for each in held.values()), key=lambda record: record.seq)
            return Index(_index(held), newest), self._draw(_INDEX)

        return Exchange(self._path(source, timeout), serve)

    def download(
        self, source: str, address: str, name: str, version: str, timeout: int = DEFAULT_TIMEOUT
    ) -> Exchange:
        """Download, to host ``source``, one version of a chart; the value is a ``Download``. Raises as ``index``."""
        address = address.rstrip("/")

        def serve() -> tuple[Download, int]:
            url = f"{address}/{name}-{version}.tgz"
            self._answer(url)
            found = self._of(address).get((name, version))
            if found is None:
                raise ChartsUnavailable(f"failed to fetch {url} : 404 Not Found")
            return Download(found.chart.files, found.record), self._draw(_DOWNLOAD)

        return Exchange(self._path(source, timeout), serve)

    def _of(self, address: str) -> dict[tuple[str, str], _Published]:
        if address not in self._held:
            host = address.partition("://")[2].partition("/")[0]
            what = f'Get "{address}/index.yaml": dial tcp: lookup {host}: no such host'
            hosts = {known.partition("://")[2].partition("/")[0] for known in self._held}
            raise ChartsUnavailable(
                f"failed to fetch {address}/index.yaml : 404 Not Found" if host in hosts else what
            )
        return self._held[address]

    def _answer(self, url: str) -> None:
        if not self._registry.available:
            raise ChartsUnavailable(f"failed to fetch {url} : 503 Service Unavailable")

    def _draw(self, work: Distribution) -> int:
        return self.engine.dice("chart-repositories").draw(work) + self._registry.delay

    def _path(self, source: str, timeout: int) -> Path:
        return Path(self.engine, self._network, source, self._registry.name, f"charts {source}", timeout)


def _index(held: Mapping[tuple[str, str], _Published]) -> bytes:
    entries: dict[str, list[dict[str, Any]]] = {}
    for (name, version), published in sorted(held.items()):
        chart = published.chart
        whole = hashlib.sha256()
        for path in sorted(chart.files):
            whole.update(f"{path}\0".encode() + chart.files[path])
        entry = {"name": name, "version": version, "created": published.created, "digest": whole.hexdigest()}
        if chart.app_version:
            entry["appVersion"] = chart.app_version
        entries.setdefault(name, []).append({**entry, "urls": [f"{name}-{version}.tgz"]})
    return json.dumps({"apiVersion": "v1", "entries": entries}, sort_keys=True).encode()
