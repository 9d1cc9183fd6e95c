"""One test body, two clusters: a simulation, or the real cluster that a kubeconfig leads to.

```python
def test_a_web_app_comes_up():
    with anywhere() as cluster:             # a simulation; with KCSIM_KUBECONFIG set, that cluster
        cluster.run(WebApps)
        cluster.apply([DEFINITION, WEB_APP])
        cluster.eventually(lambda c: c.get("webapp/web")["status"]["ready"] == 2, within="1m")
```

**Walk:** ``anywhere`` -> ``Simulated`` (virtual time) or ``Live`` (wall time), both with the verbs of ``AnyCluster`` -> what was
applied is deleted again when a real cluster is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Protocol

from kcsim.api import objects
from kcsim.api.kit.queue import Reconciler
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND, format_duration, seconds
from kcsim.manifests import read
from kcsim.simulation.finding import NotFound
from kcsim.simulation.simulation import Simulation
from kcsim.testing.live.client import LiveClient
from kcsim.testing.live.kubeconfig import Kubeconfig, load
from kcsim.testing.live.program import Program, stuck
from kcsim.testing.live.transport import Transport
from kcsim.testing.temporal import text_of

__tracebackhide__ = True
"""A test that waits in vain shows its own line."""
VARIABLE = "KCSIM_KUBECONFIG"
"""The environment variable that sends ``anywhere`` to a real cluster."""
Time = str | float


class AnyCluster(Protocol):
    """What a test may ask of a cluster, whichever it is."""

    def run(self, made: Callable[[], Reconciler], name: str = "") -> None:
        """Start a controller."""
        ...

    def apply(self, manifest: str | Object | Sequence[Object], namespace: str = "default") -> None:
        """Apply YAML text or objects on the server's side."""
        ...

    def get(self, ref: str, namespace: str = "default") -> Object:
        """The object that ``kind/name`` means; ``NotFound`` when there is none."""
        ...

    def list(self, kind: str, namespace: str = "default") -> list[Object]:
        """The objects of a kind in a namespace, in key order."""
        ...

    def patch(self, ref: str, body: Object, namespace: str = "default") -> None:
        """Merge a patch into an object."""
        ...

    def delete(self, ref: str, namespace: str = "default") -> None:
        """Delete an object; it may be gone already."""
        ...

    def eventually(self, condition: Callable[[AnyCluster], Any], within: Time = "1m") -> None:
        """Let time pass until a condition holds; ``TimeoutError`` when it does not. What is not there yet does not hold."""
        ...


class Simulated:
    """``AnyCluster`` in a simulation."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim

    def run(self, made: Callable[[], Reconciler], name: str = "") -> None:
        """Start a controller as a program of its own."""
        self.sim.add_controller(made, name=name)

    def apply(self, manifest: str | Object | Sequence[Object], namespace: str = "default") -> None:
        """``kubectl apply --server-side``."""
        client = self.sim.cluster().direct()
        for obj in _objects(manifest):
            resource = client.resource(_word(obj))
            where = objects.namespace(obj) or namespace if resource.namespaced else ""
            client.now(client.patch(resource, where, objects.name(obj), obj, type="apply", force=True))

    def get(self, ref: str, namespace: str = "default") -> Object:
        """The object."""
        return self.sim.get(ref, namespace)

    def list(self, kind: str, namespace: str = "default") -> list[Object]:
        """The objects."""
        return self.sim.list(kind, namespace)

    def patch(self, ref: str, body: Object, namespace: str = "default") -> None:
        """PATCH as the administrator, at once."""
        client = self.sim.cluster().direct()
        kind, _, name = ref.partition("/")
        client.now(client.patch(kind, namespace, name, body))

    def delete(self, ref: str, namespace: str = "default") -> None:
        """DELETE as the administrator, at once."""
        client = self.sim.cluster().direct()
        kind, _, name = ref.partition("/")
        _gone_is_fine(lambda: client.now(client.delete(kind, namespace, name)))

    def eventually(self, condition: Callable[[AnyCluster], Any], within: Time = "1m") -> None:
        """Run in virtual time."""
        try:
            self.sim.run_until(lambda _: condition(self), timeout=within)
        except TimeoutError:
            failed = [r for r in self.sim.trace.records if r.verb == "error" and "exception" in r.facts()]
            last = {**failed[-1].facts(), "key": failed[-1].subject.rpartition(" ")[2]} if failed else {}
            trouble = f"; {last['key']} failed last with {last['exception']}({last['error']})" if last else ""
            raise TimeoutError(_in_vain(condition, self, within, trouble)) from None


class Live:
    """``AnyCluster`` on a real API server.

    Attributes:
        programs: the controllers that were started.
    """

    def __init__(self, config: Kubeconfig) -> None:
        self._transport = Transport(config, "kcsim-test")
        self._config = config
        self._client = LiveClient(self._transport, "kcsim-test")
        self._applied: list[tuple[str, str, str]] = []
        self._transports = [self._transport]
        self.programs: list[Program] = []

    def run(self, made: Callable[[], Reconciler], name: str = "") -> None:
        """Start a controller in this process, with the kubeconfig's identity."""
        reconciler = made()
        transport = Transport(self._config, name or reconciler.name)
        self._transports.append(transport)
        self.programs.append(Program(LiveClient(transport, name or reconciler.name), reconciler, name))

    def apply(self, manifest: str | Object | Sequence[Object], namespace: str = "default") -> None:
        """Server-side apply; a definition is waited for until it is served."""
        for obj in _objects(manifest):
            resource = self._client.resource(_word(obj))
            where = objects.namespace(obj) or namespace if resource.namespaced else ""
            name = objects.name(obj)
            self._client.patch(resource, where, name, obj, type="apply", force=True).now()
            self._applied.append((_word(obj), where, name))
            if obj["kind"] == "CustomResourceDefinition":
                self._wait_for(f"crd/{name}")

    def _wait_for(self, definition: str) -> None:
        self.eventually(lambda c: objects.condition_is(c.get(definition, ""), "Established"))

    def get(self, ref: str, namespace: str = "default") -> Object:
        """The object."""
        kind, _, name = ref.partition("/")
        try:
            found: Object = self._client.get(kind, namespace, name).now()
        except StatusError as error:
            if error.is_not_found:
                raise NotFound(f"no {ref}: {error}") from error
            raise
        return found

    def list(self, kind: str, namespace: str = "default") -> list[Object]:
        """The objects."""
        found = self._client.list(kind, namespace).now().get("items") or []
        return sorted(found, key=objects.key)

    def patch(self, ref: str, body: Object, namespace: str = "default") -> None:
        """PATCH."""
        kind, _, name = ref.partition("/")
        self._client.patch(kind, namespace, name, body).now()

    def delete(self, ref: str, namespace: str = "default") -> None:
        """DELETE."""
        kind, _, name = ref.partition("/")
        _gone_is_fine(self._client.delete(kind, namespace, name).now)

    def eventually(self, condition: Callable[[AnyCluster], Any], within: Time = "1m") -> None:
        """Let the controllers work until it holds, in wall time."""
        end = monotonic() + seconds(within) / SECOND
        while not _holds(condition, self):
            if monotonic() > end:
                trouble = stuck(self.programs)
                told = f"; {'/'.join(trouble[0])} failed last with {trouble[1]!r}" if trouble else ""
                raise TimeoutError(_in_vain(condition, self, within, told))
            for program in self.programs:
                program.turn()
            sleep(0.02)

    def leave(self) -> None:
        """Delete what was applied, the last first, and hang up."""
        for word, namespace, name in reversed(self._applied):
            _gone_is_fine(self._client.delete(word, namespace, name).now)
        for transport in self._transports:
            transport.close()


@contextmanager
def anywhere(
    kubeconfig: str | Path | None = None, context: str = "", *, nodes: int = 1, seed: int = 0
) -> Iterator[Simulated | Live]:
    """A cluster for a test: that of a kubeconfig, or of the variable ``KCSIM_KUBECONFIG``; a simulation without either.

    Args:
        kubeconfig: its file.
        context: which of its contexts; the current one when empty.
        nodes: of a simulation.
        seed: of a simulation.

    Raises:
        KubeconfigError: it cannot be used.
    """
    path = kubeconfig or os.environ.get(VARIABLE)
    if not path:
        yield Simulated(Simulation(nodes, seed))
        return
    cluster = Live(load(path, context))
    try:
        yield cluster
    finally:
        cluster.leave()


def _objects(manifest: str | Object | Sequence[Object]) -> Sequence[Object]:
    if isinstance(manifest, str):
        return [each.object for each in read(manifest, "manifest")]
    return [manifest] if isinstance(manifest, dict) else list(manifest)


def _word(obj: Object) -> str:
    """The kind with its group, as ``resource`` takes it."""
    group = obj["apiVersion"].rpartition("/")[0]
    return f"{obj['kind'].lower()}.{group}" if group else obj["kind"].lower()


def _gone_is_fine(act: Callable[[], Any]) -> None:
    try:
        act()
    except StatusError as error:
        if not error.is_not_found:
            raise


def _in_vain(condition: Callable[[AnyCluster], Any], cluster: AnyCluster, within: Time, trouble: str) -> str:
    """What was waited for, how long, which controller is in trouble, and what the condition raised at the end."""
    raised = ""
    try:
        condition(cluster)
    except (LookupError, TypeError) as error:
        raised = f"; it raised {type(error).__name__}: {error}"
    return f"{text_of(condition)} did not hold within {format_duration(seconds(within))}{trouble}{raised}"


def _holds(condition: Callable[[AnyCluster], Any], cluster: AnyCluster) -> bool:
    try:
        return bool(condition(cluster))
    except (LookupError, TypeError):
        return False
