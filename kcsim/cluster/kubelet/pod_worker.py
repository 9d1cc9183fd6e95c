"""One pod on its node: bring what runs in line with the spec, and say so.

**Imitates:** ``pkg/kubelet/pod_workers.go``, ``kubelet.go`` (``SyncPod``) and ``kuberuntime_manager.go`` (``SyncPod``,
``startContainer``), v1.36. Left out: the idle resync every minute (it changes
nothing). Differs: a back-off shows in the status at the next relist, not at the next sync; what is added to debug
lives as its image behaves, and serves nobody.

**Walk:** ``sync`` -> report the status -> ``compute_pod_actions`` -> volumes, sandbox and network -> container after
container: back-off, image, configuration, create, start -> done; whatever happens to a container comes back through
``PLEG`` and ``sync``. Ending is ``pod_termination``'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.cluster.images import ImageBehaviour
from kcsim.cluster.kubelet import messages
from kcsim.cluster.kubelet.actions import Observed, compute_pod_actions
from kcsim.cluster.kubelet.admission import pod_requests
from kcsim.cluster.kubelet.backoff import requeue_delay
from kcsim.cluster.kubelet.image_manager import (
    NEVER,
    PRESENT,
    PullOutcome,
    is_image_name,
    precheck,
    pull_policy,
)
from kcsim.cluster.kubelet.lifecycle_hooks import POST_START_FAILED, run_of_hook
from kcsim.cluster.kubelet.messages import NORMAL, WARNING
from kcsim.cluster.kubelet.pod_status import ContainerView, Status, generate_pod_status
from kcsim.cluster.kubelet.pod_termination import PodTermination
from kcsim.cluster.kubelet.prober import Prober
from kcsim.cluster.kubelet.probes import LIVENESS, READINESS, STARTUP
from kcsim.cluster.kubelet.resize import WHOLE, PodResize, sizes
from kcsim.cluster.kubelet.restart_policy import restarts_after
from kcsim.cluster.kubelet.runtime import Container, Sandbox
from kcsim.cluster.kubelet.shared import Shared
from kcsim.cluster.kubelet.termination import SYNC, pre_stop_duration, termination_plan
from kcsim.cluster.kubelet.volumes import (
    Reference,
    environment_references,
    failed_mount,
    has_claims,
    not_found,
    volume_references,
)
from kcsim.engine.clock import SECOND, parse_rfc3339, rfc3339
from kcsim.engine.core import Timer
from kcsim.engine.dice import Dice

if TYPE_CHECKING:
    from kcsim.cluster.kubelet.kubelet import Kubelet

_NONE: frozenset[str] = frozenset()
_PROBED = ("startupProbe", "livenessProbe", "readinessProbe")


class PodWorker:
    """The worker of one pod.

    Attributes:
        uid: of the pod.
        api_uid: of the object that its status is said of; "" while there is none.
        pod: its newest version that this kubelet knows.
        status: what the kubelet last made of it; None before the first sync.
        reported: the status that the last report leaves in the API, unless somebody else writes.
        state: SyncPod, TerminatingPod, TerminatedPod or Finished.
        gone: the object is no longer in the API.
        deletable: everything is cleaned up: the object may be deleted.
        requests: what it takes of the node.
        disruption: the condition that says why the node gave it up.
        resize: its sizes, once it has been asked for others than it began with.
    """

    def __init__(self, kubelet: Kubelet, pod: dict[str, Any], requests: dict[str, int]) -> None:
        self.kubelet = kubelet
        self.uid = objects.uid(pod)
        self.api_uid = self.uid
        self.pod = pod
        self.status: Status | None = None
        self.reported: Status | None = None
        self.state = SYNC
        self.gone = False
        self.deletable = False
        self.requests = requests
        self.sandbox: Sandbox | None = kubelet.runtime.sandbox(self.uid)
        self.views: dict[str, ContainerView] = {}
        self.probers: dict[str, Prober] = {}
        self.dice = Dice(
            kubelet.engine.seed, f"kubelet/{pod['metadata'].get('namespace')}/{objects.name(pod)}"
        )
        self.ending = PodTermination(self)
        self.epoch = 0
        self.report_only = False
        self._busy = False
        self._pending = False
        self._killed = _NONE
        self._dying = _NONE
        self._todo: list[dict[str, Any]] = []
        self._retry: int | None = None
        self._resync: Timer | None = None
        self._deadline: Timer | None = None
        self._mount_delay = 0
        self._probe_phase: int | None = None
        self.disruption: dict[str, str] | None = None
        self.resize: PodResize | None = None
        self._began_with: dict[str, Any] = pod["spec"]
        self._generation = pod["metadata"].get("generation")
        self._resized = _NONE

    # --- small things -------------------------------------------------------------------------------------------

    def after(self, delay: int, fn: Callable[..., object], *args: Any) -> Timer:
        """A timer that falls silent when the worker turned to something else meanwhile."""
        return self.kubelet.after(delay, self._fire, self.epoch, fn, args)

    def _fire(self, epoch: int, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        if epoch == self.epoch:
            fn(*args)

    def event(self, type: str, reason: str, message: str) -> None:
        """Record an Event about the pod."""
        self.kubelet.events.event(self.pod, type, reason, message)

    def formatted(self) -> str:
        """The pod as the kubelet writes it."""
        namespace, name = objects.key(self.pod)
        return messages.format_pod(name, namespace, self.uid)

    def container(self, name: str) -> Container | None:
        """The newest attempt of that container."""
        return self.sandbox.containers.get(name) if self.sandbox is not None else None

    def container_specs(self) -> list[dict[str, Any]]:
        """Init containers, then main containers, then those added to debug."""
        spec = self.pod["spec"]
        init: list[dict[str, Any]] = spec.get("initContainers") or []
        return [*init, *spec["containers"], *(spec.get("ephemeralContainers") or ())]

    def evict(self, message: str, grace_s: int, reason: str = "Evicted") -> None:
        """The node cannot keep the pod: it fails now, and has so many seconds to end."""
        self.event(WARNING, reason, message)
        self.give_up(reason, message, message, grace_s)

    def give_up(self, reason: str, message: str, why: str, grace_s: int | None) -> None:
        """The pod fails for a reason of the node's; ``why`` goes into its DisruptionTarget condition."""
        self.disruption = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "TerminationByKubelet",
            "message": why,
        }
        self.report(reason=reason, message=message)
        self.ending.requested("evicted", grace_s)

    # --- what happens to it -------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The node took the pod."""
        for spec in self.container_specs():
            container = self.container(spec["name"])
            if container is not None and container.running:
                self._adopt(spec, container)
        self._adopt_sizes()
        if self.sandbox is not None and has_claims(self.pod["spec"]):
            self.kubelet.volumes.adopt(self)
        self.after(self.dice.draw(self.kubelet.timings.notice), self.sync)

    def observe(self, pod: dict[str, Any]) -> None:
        """A version of the object; older ones than the one at hand are ignored."""
        if pod is not self.pod and int(pod["metadata"]["resourceVersion"]) > int(
            self.pod["metadata"]["resourceVersion"]
        ):
            self.pod = pod if self.resize is None else self.resize.seen(pod)

    def update(self, pod: dict[str, Any]) -> None:
        """The watch delivered a version of the object."""
        before = self.pod
        self.observe(pod)
        generation = self.pod["metadata"].get("generation")
        # The answer to a status may have brought it already.
        is_news = generation != self._generation
        if self.pod is before and not is_news:
            return
        self._generation = generation
        if objects.is_deleting(self.pod):
            self.ending.requested("deletion requested")
        elif self.state is SYNC and is_news:
            self._consider_sizes()
            self.sync()
        elif self.status is not None and self.state is SYNC and pod.get("status") is not self.reported:
            # Somebody else may have written into the status: the status manager sends ours again if so.
            self.kubelet.statuses.enqueue(self)

    def _consider_sizes(self) -> None:
        """The spec changed: perhaps how much the pod asks for."""
        if self.resize is None:
            given = sizes(self._began_with)
            if sizes(self.pod["spec"]) == given:
                return
            self.resize = PodResize(self, given)
            self.pod = self.resize.seen(self.pod)
        self.resize.consider()

    @property
    def is_ending(self) -> bool:
        """Whether the pod is on its way out."""
        return self.state is not SYNC

    def exited(self, container: Container) -> None:
        """A container of the pod ended."""
        if self.state is not SYNC:
            self.ending.exited(container)
        elif container.name in self._dying:
            self._dying -= {container.name}
            self._show_failed_hook(container)
            if not self._dying:
                self._start_next()
        else:
            self.kubelet.pleg(self)

    def _show_failed_hook(self, container: Container) -> None:
        view = self.views[container.name]
        if view.post_start_failed:
            self._waits(container.name, POST_START_FAILED, view.post_start_failed)
            view.post_start_failed = ""
            self._pending = True

    # --- the sync -----------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Compare and act. While an earlier sync is under way, once more after it."""
        if self.state is not SYNC:
            return
        if self._busy:
            self._pending = True
            return
        if self._resync is not None:
            self._resync.cancel()
            self._resync = None
        if self._probe_phase is None:
            self._probe_phase = self.kubelet.engine.now
            self._watch_deadline()
        if self.resize is not None:
            self.resize.settle()
        self.report()
        for prober in self.probers.values():
            view = self.views.get(prober.name)
            if view is not None and view.started and not view.ready:
                prober.trigger()
        assert self.status is not None
        if self.status["phase"] in {"Succeeded", "Failed"}:
            self.ending.requested("pod terminal")
            return
        self._act()

    def _act(self) -> None:
        spec = self.pod["spec"]
        if self.resize is not None:
            self._resized = self.resize.actuate()
        self._retry = None
        if self.resize is not None and self.resize.failed:
            self._failed()
        if not self._resized and self._all_is_well(spec):
            self._todo = []
            self._killed = _NONE
            self._look_again()
            return
        ready = self.sandbox is not None and self.sandbox.ready
        actions = compute_pod_actions(
            spec, self._observed(), sandbox_ready=ready, was_created=self.sandbox is not None
        )
        if actions.kill_pod:
            self.ending.requested("pod terminal")
            return
        by_name = {c["name"]: c for c in self.container_specs()}
        self._todo = [
            by_name[name] for name in (*actions.ephemeral_to_start, *actions.init_to_start, *actions.to_start)
        ]
        self._killed = frozenset(actions.kill)
        if actions.create_sandbox:
            self._busy = True
            self._mount()
        elif actions.kill:
            self._busy = True
            self._kill(actions.kill)
        elif self._todo:
            self._busy = True
            self._start_next()
        else:
            self._look_again()

    def _all_is_well(self, spec: dict[str, Any]) -> bool:
        """Whether all containers run and no probe condemns one: what most syncs find, and nothing follows from it."""
        sandbox = self.sandbox
        if sandbox is None or not sandbox.ready:
            return False
        if spec.get("initContainers") or spec.get("ephemeralContainers"):
            return False
        for main in spec["containers"]:
            container, view = sandbox.containers.get(main["name"]), self.views.get(main["name"])
            if container is None or container.finished_at is not None or container.sandbox is not sandbox:
                return False
            if view is None or not view.alive or view.startup_failed:
                return False
        return True

    def _observed(self) -> dict[str, Observed]:
        """The containers of the present sandbox, and those of an earlier one that are done for good."""
        observed: dict[str, Observed] = {}
        if self.sandbox is None:
            return observed
        spec = self.pod["spec"]
        debuggers = spec.get("ephemeralContainers") or ()
        for main in self.container_specs():
            container = self.sandbox.containers.get(main["name"])
            if container is None:
                continue
            if (
                container.sandbox is not self.sandbox
                and main not in debuggers
                and (main not in spec["containers"] or restarts_after(main, spec, container.exit_code))
            ):
                continue
            view = self.views.get(main["name"]) or ContainerView()
            observed[main["name"]] = Observed(
                container.running,
                container.exit_code,
                view.started,
                view.alive,
                view.startup_failed,
                main["name"] in self._resized,
            )
        return observed

    def _done(self) -> None:
        self._busy = False
        self._killed = _NONE
        self._look_again()
        if self._pending:
            # The pending sync waits for the next relist (pod_workers.go: podCache.GetNewerThan).
            self._pending = False
            self.kubelet.pleg(self)

    def _look_again(self) -> None:
        if self._retry is not None:
            self._resync = self.after(self._retry, self.sync)

    def _failed(self, back_off: int | None = None) -> None:
        """Something did not work: look again later. ``back_off``: what is left of a restart back-off."""
        timings = self.kubelet.timings
        if back_off is not None and timings.aims_at_back_off_end:
            delay = requeue_delay(back_off, resync=timings.resync, u=self.dice.uniform())
        else:
            delay = self.dice.jitter(timings.back_off_period, 0.5)
        self._retry = delay if self._retry is None else min(self._retry, delay)

    def _waits(self, name: str, reason: str, message: str) -> None:
        view = self.views.setdefault(name, ContainerView())
        if view.waiting != (reason, message):
            view.waiting = (reason, message)
            self.kubelet.pleg(self, report_only=True)

    # --- volumes, sandbox, network ------------------------------------------------------------------------------

    def _mount(self) -> None:
        spec = self.pod["spec"]
        references = volume_references(spec)
        if references:
            self.kubelet.missing(self, references, self._mounted)
        else:
            self._mounted([])

    def _claims_mounted(self, why_not: str) -> None:
        if why_not:
            self.event(WARNING, "FailedMount", why_not)
            self._failed()
            self._done()
        else:
            self._set_up_sandbox()

    def _mounted(self, missing: list[Reference]) -> None:
        timings = self.kubelet.timings
        if missing:
            for reference in missing:
                self.event(WARNING, "FailedMount", failed_mount(reference))
            self._mount_delay = min(
                max(self._mount_delay * 2, timings.volume_retry), timings.volume_retry_max
            )
            self.after(self._mount_delay, self._mount)
            return
        self._mount_delay = 0
        if has_claims(self.pod["spec"]):
            self.kubelet.volumes.mount(self, self._claims_mounted)
        else:
            self._set_up_sandbox()

    def _set_up_sandbox(self) -> None:
        timings = self.kubelet.timings
        if self.sandbox is not None:
            self.event(NORMAL, "SandboxChanged", messages.SANDBOX_CHANGED)
        delay = self.dice.draw(timings.volumes) + self.dice.draw(timings.sandbox)
        self.after(delay, self._create_sandbox)

    def _create_sandbox(self) -> None:
        kubelet = self.kubelet
        ips = kubelet.allocate(self.pod)
        if not ips:
            text = 'failed to setup network for sandbox: plugin type="host-local" failed (add): no IP addresses available'
            self.event(
                WARNING,
                "FailedCreatePodSandBox",
                f"Failed to create pod sandbox: rpc error: code = Unknown desc = {text}",
            )
            self._failed()
            self._done()
            return
        if self.sandbox is not None:
            # The network plugin is told to take down what was left of the sandbox before.
            kubelet.release(self.pod, self.sandbox.ips)
        self.sandbox = kubelet.runtime.create_sandbox(self.pod, ips)
        self.views.clear()
        kubelet.pleg(self)
        self._start_next()

    # --- containers ---------------------------------------------------------------------------------------------

    def _kill(self, reasons: dict[str, str]) -> None:
        """Stop the containers their probes condemned; the rest of the sync waits for them."""
        pod_grace = int(self.pod["spec"].get("terminationGracePeriodSeconds", 30))
        self._dying = frozenset(reasons)
        for spec in self.container_specs():
            container = self.container(spec["name"])
            if container is None or spec["name"] not in reasons:
                continue
            self.event(NORMAL, "Killing", reasons[spec["name"]])
            failed = "startupProbe" if self.views[spec["name"]].startup_failed else "livenessProbe"
            own = (spec.get(failed) or {}).get("terminationGracePeriodSeconds")
            if spec["name"] in self._resized:
                own = None
            grace = pod_grace if own is None else int(own)
            plan = termination_plan(
                max(grace, 1) * SECOND,
                pre_stop_duration(spec, self.kubelet.timings.exec_hook),
                container.behaviour.stops_after_sigterm,
                ignores_sigterm=container.behaviour.ignores_sigterm,
            )
            self.kubelet.runtime.stop_container(container, plan)

    def _start_next(self) -> None:
        """The next container of this sync, or its end."""
        while self._todo:
            spec = self._todo.pop(0)
            if not self._backs_off(spec):
                self._ensure_image(spec)
                return
        self._done()

    def _backs_off(self, spec: dict[str, Any]) -> bool:
        """kuberuntime_manager.go, doBackOff: whether it is too early to start the container again."""
        name, now = spec["name"], self.kubelet.engine.now
        container = self.container(name)
        if container is not None and name in self._killed:
            # The kill was a moment ago: what the kubelet has seen exit is the attempt before it.
            container = container.previous
        if container is None or container.finished_at is None:
            return False
        if self.sandbox is not None and container.sandbox is not self.sandbox:
            return False
        backoff, key = self.kubelet.restarts, (self.uid, name, spec["image"])
        if not backoff.is_in_back_off_since(key, container.finished_at, now):
            backoff.next(key, container.finished_at, now)
            return False
        wait = backoff.get(key)
        self.event(WARNING, "BackOff", messages.back_off_restarting(name, self.formatted()))
        self._waits(
            name,
            messages.CRASH_LOOP_BACK_OFF,
            messages.restarting_failed_container(wait, name, self.formatted()),
        )
        self._failed(container.finished_at + wait - now)
        return True

    def _ensure_image(self, spec: dict[str, Any]) -> None:
        """image_manager.go, EnsureImageExists."""
        image, kubelet = spec["image"], self.kubelet
        if not is_image_name(image):
            text = messages.invalid_image_name(image)
            self.event(WARNING, "InspectFailed", text)
            self._image_failed(spec, messages.INVALID_IMAGE_NAME, text)
            return
        present = kubelet.images.get(image)
        check = precheck(pull_policy(spec), present=present is not None)
        if check == PRESENT and present is not None:
            text = messages.already_present(image, names_access=kubelet.timings.names_access)
            self.event(NORMAL, "Pulled", text)
            self._configure(spec, present)
        elif check == NEVER:
            text = messages.image_never_present(image)
            self.event(WARNING, messages.ERR_IMAGE_NEVER_PULL, text)
            self._image_failed(spec, messages.ERR_IMAGE_NEVER_PULL, text)
        elif kubelet.pulls.is_in_back_off_since_update((self.uid, image), kubelet.engine.now):
            text = messages.back_off_pulling(image)
            self.event(NORMAL, "BackOff", text)
            why = kubelet.pull_errors.get((self.uid, image))
            self._image_failed(spec, messages.IMAGE_PULL_BACK_OFF, f"{text}: {why}" if why else text)
        else:
            self.event(NORMAL, "Pulling", messages.pulling(image))
            epoch = self.epoch
            kubelet.images.pull(image, lambda outcome: self._fire(epoch, self._pulled, (spec, outcome)))

    def _pulled(self, spec: dict[str, Any], outcome: PullOutcome) -> None:
        image, kubelet = spec["image"], self.kubelet
        key = (self.uid, image)
        if outcome.behaviour is None:
            self.event(WARNING, "Failed", messages.failed_to_pull(image, outcome.error))
            kubelet.pulls.next(key, kubelet.engine.now, kubelet.engine.now)
            kubelet.pull_errors[key] = f"{messages.ERR_IMAGE_PULL}: {outcome.error}"
            self._image_failed(spec, messages.ERR_IMAGE_PULL, outcome.error)
            return
        kubelet.pull_errors.pop(key, None)
        size = outcome.behaviour.size_bytes
        self.event(NORMAL, "Pulled", messages.pulled(image, outcome.pull_us, outcome.waited_us, size))
        self._configure(spec, outcome.behaviour)

    def _image_failed(self, spec: dict[str, Any], reason: str, message: str) -> None:
        self.event(WARNING, "Failed", f"Error: {reason}")
        self._waits(spec["name"], reason, message)
        self._failed()
        self._start_next()

    def _configure(self, spec: dict[str, Any], behaviour: ImageBehaviour) -> None:
        references = environment_references(spec)
        if references:
            self.kubelet.missing(self, references, lambda missing: self._configured(spec, behaviour, missing))
        else:
            self._configured(spec, behaviour, [])

    def _configured(self, spec: dict[str, Any], behaviour: ImageBehaviour, missing: list[Reference]) -> None:
        if missing:
            text = not_found(missing[0])
            self.event(WARNING, "Failed", f"Error: {text}")
            self._waits(spec["name"], messages.CREATE_CONTAINER_CONFIG_ERROR, text)
            self._failed()
            self._start_next()
            return
        delay = self.dice.draw(self.kubelet.timings.create_container) + behaviour.starts_after
        self.after(delay, self._start, spec, behaviour)

    def _start(self, spec: dict[str, Any], behaviour: ImageBehaviour) -> None:
        sandbox, name, kubelet = self.sandbox, spec["name"], self.kubelet
        assert sandbox is not None
        plain = kubelet.timings.plain_container_events
        self.event(NORMAL, "Created", "Container created" if plain else f"Created container: {name}")
        self.event(NORMAL, "Started", "Container started" if plain else f"Started container {name}")
        before = sandbox.containers.get(name)
        attempt = before.attempt + 1 if before is not None else 0
        debuggers = self.pod["spec"].get("ephemeralContainers")
        serves = not debuggers or spec not in debuggers
        container = kubelet.runtime.start_container(sandbox, spec, behaviour, attempt, serves=serves)
        self._probe(spec, container)
        kubelet.pleg(self)
        if behaviour.strains:
            kubelet.evictions.changed()
        if spec.get("lifecycle"):
            self._post_start(spec, container)
        else:
            self._start_next()

    def _post_start(self, spec: dict[str, Any], container: Container) -> None:
        """The sync waits for the hook; the container does not."""
        engine = self.kubelet.engine
        run = run_of_hook(
            spec,
            "postStart",
            self.kubelet.timings.exec_hook,
            listens=lambda port: container.listens(port, engine.now),
        )
        if run is None:
            self._start_next()
        else:
            self.after(run.takes, self._post_started, spec, container, run.error)

    def _post_started(self, spec: dict[str, Any], container: Container, error: str) -> None:
        if not error:
            self._start_next()
            return
        name = spec["name"]
        self.event(WARNING, "FailedPostStartHook", "PostStartHook failed")
        self.event(NORMAL, "Killing", "FailedPostStartHook")
        self.views[name].post_start_failed = error
        self._failed()
        grace = max(int(self.pod["spec"].get("terminationGracePeriodSeconds", 30)), 1) * SECOND
        plan = termination_plan(
            grace,
            pre_stop_duration(spec, self.kubelet.timings.exec_hook),
            container.behaviour.stops_after_sigterm,
            ignores_sigterm=container.behaviour.ignores_sigterm,
        )
        self._dying = frozenset((name,))
        if container.running:
            self.kubelet.runtime.stop_container(container, plan)
        else:
            self._dying = _NONE
            self._start_next()

    # --- probes -------------------------------------------------------------------------------------------------

    def _probe(self, spec: dict[str, Any], container: Container) -> None:
        name = spec["name"]
        self.views[name] = ContainerView(
            ready=not spec.get("readinessProbe") and not spec.get("startupProbe"),
            started=not spec.get("startupProbe"),
        )
        if not any(spec.get(field) for field in _PROBED):
            return
        prober = self.probers.get(name)
        if prober is None:
            phase = self._probe_phase if self._probe_phase is not None else self.kubelet.engine.now
            prober = self.probers[name] = Prober(
                self.kubelet.engine, spec, phase, on_result=self._probed, on_failure=self._unhealthy
            )
        prober.begin(container)

    def _adopt(self, spec: dict[str, Any], container: Container) -> None:
        """The kubelet is new, the container is not: what the API says of it holds until probed."""
        self._probe(spec, container)
        status = self.pod.get("status") or {}
        for known in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
            if known["name"] == spec["name"] and known.get("containerID") == container.id:
                view = self.views[spec["name"]]
                view.ready, view.started = bool(known.get("ready")), bool(known.get("started"))
                if spec["name"] in self.probers:
                    self.probers[spec["name"]].resume(ready=view.ready, started=view.started)

    def _adopt_sizes(self) -> None:
        """The kubelet is new: what the containers run with is what the pod was given."""
        if self.sandbox is None:
            return
        asked = sizes(self.pod["spec"])
        given = {
            name: (container.spec.get("resources") or {})
            if (container := self.container(name)) is not None and container.running
            else asked[name]
            for name in asked
        }
        if WHOLE in asked:
            given[WHOLE] = self.pod["status"].get("resources") or asked[WHOLE]
        if given != asked:
            self.resize = PodResize(self, given)
            self.pod = self.resize.seen(self.pod)
            self.kubelet.charge(self, pod_requests(self.pod["spec"]))
            self.resize.consider()

    def _unhealthy(self, prober: Prober, kind: str, text: str) -> None:
        del prober
        self.event(WARNING, "Unhealthy", messages.unhealthy(kind, text))

    def _probed(self, prober: Prober, kind: str, result: bool) -> None:
        view = self.views[prober.name]
        if kind == READINESS:
            view.ready = result
            self.report()
            return
        if kind == LIVENESS:
            view.alive = result
        elif kind == STARTUP:
            view.started = result
            view.startup_failed = not result
            view.ready = result and not prober.has(READINESS)
        self.sync()

    # --- the status ---------------------------------------------------------------------------------------------

    def relisted(self) -> None:
        """PLEG saw something happen to the pod's containers, or a reason to wait is to be shown."""
        report_only, self.report_only = self.report_only, False
        if self.state is SYNC and report_only and not self._busy:
            self.report()
        else:
            self.sync()

    def report(self, *, terminal: bool = False, **fields: str) -> None:
        """Work the status out and, when it changed, have it sent. ``fields``: reason and message of the pod."""
        kubelet = self.kubelet
        status = generate_pod_status(
            self.pod,
            self._old_status(),
            self.sandbox,
            self.views,
            host_ips=kubelet.host_ips,
            now=kubelet.wall,
            terminal=terminal,
        )
        if self.resize is not None:
            status = self.resize.shown(status)
        if fields:
            status.update(fields, phase="Failed")
        elif self.status is not None and "reason" in self.status:
            status.update(
                phase="Failed", reason=self.status["reason"], message=self.status.get("message", "")
            )
        if self.disruption is not None:
            now = rfc3339(kubelet.wall)
            status["conditions"] = objects.set_condition(status["conditions"], self.disruption, now)
        if status != self.status:
            self.status = status
            if not self.gone:
                kubelet.statuses.enqueue(self)

    def _old_status(self) -> Status:
        """What the kubelet said last, with the conditions others wrote meanwhile."""
        stored: Status = self.pod.get("status") or {}
        if self.status is None:
            return stored
        strangers = _strangers(stored.get("conditions"))
        if not strangers:
            return self.status
        own = self.status["conditions"]
        types = {c["type"] for c in own}
        foreign = [c for c in strangers if c["type"] not in types]
        kept = [c for c in own if c in foreign or c["type"] in _OWNED]
        return {**self.status, "conditions": [*foreign, *kept]} if foreign else self.status

    def _watch_deadline(self) -> None:
        """kubelet/active_deadline.go: a pod may be active for so long and no longer."""
        limit = self.pod["spec"].get("activeDeadlineSeconds")
        if limit is None:
            return
        started = (self.pod.get("status") or {}).get("startTime")
        begun = parse_rfc3339(started) if started else self.kubelet.wall
        delay = max(begun + limit * SECOND - self.kubelet.wall, 0)
        self._deadline = self.kubelet.tick(delay, f"activeDeadlineSeconds {limit}", self._deadline_passed)

    def _deadline_passed(self) -> None:
        if self.state is SYNC:
            text = messages.DEADLINE_EXCEEDED_MESSAGE
            self.event(NORMAL, "DeadlineExceeded", text)
            self.report(reason="DeadlineExceeded", message=text)
            self.ending.requested("pod terminal")


_OWNED = frozenset(("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"))


def _not_owned(conditions: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [condition for condition in conditions or () if condition["type"] not in _OWNED]


_strangers = Shared(_not_owned)
"""Conditions of others among those of a pod."""
