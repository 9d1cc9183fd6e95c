"""The stand-in kubelet of the recordings: what it does is written in the README beside them.

It knows no images and no containers: pods start after ``fake/start``, are ready ``fake/ready`` later, end by ``fake/exit``,
take ``fake/grace`` to go, and stay as they are while their node carries ``fake/stop``.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.kit.lease import StandingLease
from kcsim.api.request import User
from kcsim.engine.clock import SECOND, rfc3339, seconds
from kcsim.engine.task import Sleep, Steps

Object = dict[str, Any]

ADDRESS = "192.0.2.10"
_IMAGE_ID = "registry.example/id@sha256:" + "0" * 64
_PRESSURES = {
    "MemoryPressure": ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
}


def new_node(place: int, now: str) -> Object:
    """One of the four nodes of the recordings."""
    name = f"node-{place}"
    size = {"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": "zone-a" if place % 2 == 0 else "zone-b",
            },
        },
        "status": {
            "capacity": size,
            "allocatable": size,
            "addresses": [{"type": "InternalIP", "address": ADDRESS}],
            "conditions": _node_conditions(now),
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "fake://1.0",
                "kernelVersion": "6.0",
                "kubeProxyVersion": "",
                "kubeletVersion": "v1.36.2",
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "Fake",
                "systemUUID": "",
            },
        },
    }


def _node_conditions(now: str) -> list[Object]:
    return [
        {
            "type": kind,
            "status": status,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }
        for kind, (status, reason, message) in _PRESSURES.items()
    ]


class StandInKubelet(Component):
    """The kubelet of one node."""

    def __init__(self, endpoint: Endpoint, node: str, host: str, place: int) -> None:
        super().__init__(endpoint, "kubelet", User(f"system:node:{node}", ("system:nodes",)), host)
        self.node = node
        self.stopped = False
        self._place = place
        self._addresses = 0
        self._lease = StandingLease(
            self, "kube-node-lease", node, period=10 * SECOND, duration=40 * SECOND, jitter=0.04
        )
        self.informer("pods", ("spec.nodeName", node)).on_change(self._pod_changed)
        self.informer("nodes", ("metadata.name", node)).on_change(self._node_changed)

    def on_start(self) -> None:
        """Hold the node's lease."""
        self._lease.start()

    def _node_changed(self, _old: Object | None, node: Object | None) -> None:
        stopped = node is not None and "fake/stop" in objects.annotations(node)
        if stopped == self.stopped:
            return
        self.stopped = stopped
        if stopped:
            self._lease.stop()
        else:
            self._lease.start()
            assert node is not None
            status = {**node["status"], "conditions": _node_conditions(rfc3339(self.engine.now))}
            written = {**objects.with_metadata(node, resourceVersion=None), "status": status}
            self.client.start(self.client.update_status("nodes", written))

    # --- pods ---------------------------------------------------------------------------------------------------

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None or self.stopped:
            return
        if objects.is_deleting(new):
            if old is None or not objects.is_deleting(old):
                self.spawn(self._end(new))
        elif old is None:
            self.spawn(self._live(new))

    def _live(self, pod: Object) -> Steps:
        notes = objects.annotations(pod)
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        yield from self._report(pod, "Pending", False, waiting, sandbox=False)
        yield self._sleep(notes.get("fake/start", "500ms"))
        if any("bad" in container["image"] for container in pod["spec"]["containers"]):
            for reason in ("ErrImagePull", "ImagePullBackOff"):
                yield from self._report(pod, "Pending", False, {"waiting": {"reason": reason}})
                yield self._sleep("1s")
            return
        running = {"running": {"startedAt": rfc3339(self.engine.now)}}
        late = seconds(notes.get("fake/ready", "0s"))
        if late:
            yield from self._report(pod, "Running", False, running)
            yield Sleep(self.engine, late)
        yield from self._report(pod, "Running", True, running)
        if "fake/exit" in notes:
            yield self._sleep(notes.get("fake/run", "500ms"))
            code = int(notes["fake/exit"])
            phase = "Failed" if code else "Succeeded"
            yield from self._report(pod, phase, False, self._terminated(code), ended=True, sandbox=False)

    def _sleep(self, text: str) -> Sleep:
        return Sleep(self.engine, seconds(text))

    def _terminated(self, code: int) -> Object:
        now = rfc3339(self.engine.now)
        reason = "Error" if code else "Completed"
        return {"terminated": {"exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now}}

    def _end(self, pod: Object) -> Steps:
        yield self._sleep(objects.annotations(pod).get("fake/grace", "300ms"))
        live = self.informer("pods", ("spec.nodeName", self.node)).get(*objects.key(pod))
        if live is not None and (live.get("status") or {}).get("phase") == "Running":
            yield from self._report(live, "Succeeded", False, self._terminated(0), ended=True, sandbox=False)
        call = self.client.delete("pods", *objects.key(pod), grace=0, uid=objects.uid(pod))
        self.client.start(call)

    def _report(
        self,
        pod: Object,
        phase: str,
        ready: bool,
        state: Object,
        *,
        ended: bool = False,
        sandbox: bool = True,
    ) -> Steps:
        """Patch the status; silent when the pod is gone, another one, or already on its way out."""
        live = self.informer("pods", ("spec.nodeName", self.node)).get(*objects.key(pod))
        if self.stopped or live is None or objects.uid(live) != objects.uid(pod):
            return
        if objects.is_deleting(live) and not ended:
            return
        done = "PodFailed" if phase == "Failed" else "PodCompleted"
        unready = done if ended else "ContainersNotReady"
        conditions = [
            self._condition(live, "PodReadyToStartContainers", sandbox, ""),
            self._condition(live, "Initialized", True, done if ended else ""),
            self._condition(live, "Ready", ready, "" if ready else unready),
            self._condition(live, "ContainersReady", ready, "" if ready else unready),
        ]
        status: Object = {
            "phase": phase,
            "conditions": conditions,
            "hostIP": ADDRESS,
            "hostIPs": [{"ip": ADDRESS}],
            "startTime": (live.get("status") or {}).get("startTime") or rfc3339(self.engine.now),
            "containerStatuses": [
                {
                    "name": container["name"],
                    "state": state,
                    "lastState": {},
                    "ready": ready,
                    "restartCount": 0,
                    "image": container["image"],
                    "imageID": "" if "waiting" in state else _IMAGE_ID,
                    "containerID": "" if "waiting" in state else f"fake://{container['name']}",
                    "started": "running" in state,
                }
                for container in live["spec"]["containers"]
            ],
        }
        if not (live.get("status") or {}).get("podIP") and sandbox and "running" in state:
            self._addresses += 1
            ip = f"10.244.{self._place}.{self._addresses}"
            status.update({"podIP": ip, "podIPs": [{"ip": ip}]})
        before = live.get("status") or {}
        ours = {condition["type"] for condition in conditions}
        status["conditions"] += [c for c in objects.conditions(live) if c["type"] not in ours]
        # Without a version: nobody else writes these fields, and a conflict would only repeat them.
        written = {**objects.with_metadata(live, resourceVersion=None), "status": {**before, **status}}
        yield self.client.update_status("pods", written)

    def _condition(self, pod: Object, kind: str, true: bool, reason: str) -> Object:
        status = "True" if true else "False"
        before = objects.condition(pod, kind)
        kept = before is not None and before["status"] == status
        since = before["lastTransitionTime"] if before is not None and kept else rfc3339(self.engine.now)
        condition = {
            "type": kind,
            "status": status,
            "observedGeneration": pod["metadata"].get("generation"),
            "lastProbeTime": None,
            "lastTransitionTime": since,
        }
        return {**condition, "reason": reason} if reason else condition
