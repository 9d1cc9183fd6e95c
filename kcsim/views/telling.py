"""Which records are worth telling, and in what words.

**Walk:** ``take`` looks at who wrote a record and to what -> a method for each kind -> ``add`` -> ``told`` makes one moment
of what happened to many objects at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kcsim.api.log import Version
from kcsim.delivery.git.repository import HEADS, QUEUES
from kcsim.engine.trace import Record
from kcsim.views.moments import Moment, short_actor
from kcsim.views.rollouts import Rollouts

_ACCOUNT = "system:serviceaccount:"
_CLIENT_SIDE = (":argocd-application-controller", ":argocd-manager")
_APPLICATION = "application.argoproj.io"
_FLUX_GROUPS = (".source.toolkit.fluxcd.io", ".kustomize.toolkit.fluxcd.io", ".helm.toolkit.fluxcd.io")
_SHOWN = 110
_BURST = 10_000_000
_GIT_TROUBLE = frozenset(
    {
        "push-refused",
        "commit-failed",
        "merge-request-failed",
        "merge-failed",
        "tag-failed",
        "push-failed",
        "webhook-lost",
        "redeliver",
    }
)
_FEW = 3
"""Up to so many of a kind are told each by itself."""


@dataclass(slots=True)
class Teller:
    """Reads records in their order and keeps what is worth telling.

    Attributes:
        moments: one for each record worth telling, before many are made one.
    """

    moments: list[Moment] = field(default_factory=list)
    rollouts: Rollouts = field(default_factory=Rollouts)
    applied: dict[int, list[str]] = field(default_factory=dict)
    """Objects that an agent wrote, by the index of the moment that tells of them."""
    said: dict[str, str] = field(default_factory=dict)
    """What was told last of an object, so that nothing is told twice."""
    crashed: set[str] = field(default_factory=set)
    joined: dict[str, int] = field(default_factory=dict)
    """Nodes that were Ready once, and how many had been by then in their burst."""
    bursts: list[int] = field(default_factory=list)
    groups: dict[str, list[list[int]]] = field(default_factory=dict)
    """Moments of one kind (their indices), burst by burst: many at once are told as one."""
    words: dict[str, str] = field(default_factory=dict)
    several_pipelines: bool = False
    """Whether a run is told with the name of its pipeline: numbers count the runs of each."""

    def _run(self, name: str) -> str:
        """What a run is called, of which ``name`` is ``PIPELINE/NUMBER`` and what comes after it."""
        pipeline, number = name.split("/")[:2]
        return f"run {number} of {pipeline}" if self.several_pipelines else f"run {number}"

    def _grouped(self, group: str, lane: str, words: str) -> None:
        """The moment told last is one of a kind of which there may be many at once."""
        index = len(self.moments) - 1
        bursts = self.groups.setdefault(f"{lane}/{group}", [])
        self.words[f"{lane}/{group}"] = words
        if bursts and self.moments[index].time - self.moments[bursts[-1][-1]].time <= _BURST:
            bursts[-1].append(index)
        else:
            bursts.append([index])

    def told(self) -> list[Moment]:
        """The moments; what happened to many at once is told as one."""
        moments = list(self.moments)
        for index, objects in self.applied.items():
            moments[index] = replace(moments[index], text=f"{moments[index].text} {_listed(objects)}")
        folded: set[int] = set()
        for group, bursts in self.groups.items():
            for burst in bursts:
                if len(burst) > _FEW:
                    text = f"{len(burst)} {self.words[group]}"
                    moments[burst[-1]] = replace(moments[burst[-1]], text=text)
                    folded.update(burst[:-1])
        return [moment for index, moment in enumerate(moments) if index not in folded]

    def _add(self, lane: str, record: Record, text: str, actor: str = "") -> None:
        line = " ".join(text.split())
        line = line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."
        self.moments.append(Moment(record.time, lane, actor or short_actor(record.actor), line, record))

    def take(self, record: Record) -> None:
        """Take note of a further record."""
        if isinstance(record, Version):
            self._version(record)
            return
        kind = record.subject.partition("/")[0]
        if record.actor == "fault":
            self._fault(record)
        elif record.actor == "intruder":
            self._intruder(record)
        elif record.actor.startswith("traffic/"):
            self._traffic(record)
        elif record.verb == "error" and "exception" in record.facts():
            self._raised(record)
        elif record.verb in {"not-modelled", "invalid-sync-window"}:
            self._left_out(record)
        elif record.verb == "hot-loop":
            self._add("agent", record, f"{record.subject} {record.facts()['error']}")
        elif record.actor == "ci":
            self._ci(record, kind)
        elif record.actor.startswith("registry ") and record.verb == "delete":
            self._add("registry", record, f"{record.subject.removeprefix('image/')} is deleted")
        elif record.actor.startswith("registry ") and record.verb == "push":
            if record.time:  # what is there from the beginning is no news
                self._add("registry", record, f"{record.subject.removeprefix('image/')} is pushed")
        elif record.verb in {"kubectl", "flux", "argocd", "kubectl-failed", "flux-failed", "argocd-failed"}:
            self._typed(record)
        elif kind == "merge-request":
            self._review(record)
        elif kind == "promotion":
            self._promotion(record)
        elif record.verb == "rerun":
            self._add("ci", record, f"{record.actor} runs run {record.subject.rpartition('/')[2]} again")
        elif record.verb == "rerun-failed":
            self._add("ci", record, f"{record.actor} cannot run anything again: {record.facts()['error']}")
        elif kind in {"commit", "branch", "tag"} or record.verb in _GIT_TROUBLE:
            self._git(record)
        elif record.verb == "helm push":
            chart, version = record.subject.partition("/")[2], record.facts()["version"]
            self._add("person", record, f"{record.actor} publishes the chart {chart} in version {version}")
        elif record.verb == "notify":
            facts = record.facts()
            told = f"{record.subject.removeprefix('provider/')} is told: {facts['object']} {facts['message']}"
            self._add("agent", record, told)
        elif record.verb == "exited":
            self._exited(record)
        elif record.verb == "change" and kind == "image":
            self._add(
                "person", record, f"{record.subject.removeprefix('image/')} behaves differently from now on"
            )

    # --- outside the clusters -----------------------------------------------------------------------------------

    def _git(self, record: Record) -> None:
        facts = record.facts()
        match record.verb:
            case "commit" | "push":
                sha, message = record.subject.rpartition("/")[2], facts.get("message", "")
                done = "commits" if record.verb == "commit" else "pushes"
                if str(facts.get("branch", "")).startswith(QUEUES.removeprefix(HEADS)):
                    text = f'the merge queue tries {sha} "{message}"'
                else:
                    text = f'{record.actor} {done} {sha} "{message}"'
                self._add("git", record, text)
            case "push-refused":
                text = (
                    f'{record.actor} cannot push "{facts.get("message", "")}": the git host does not answer'
                )
                self._add("git", record, text)
            case "commit-failed" | "merge-request-failed" | "merge-failed" | "tag-failed" | "push-failed":
                what = {"merge-request": "ask to merge"}.get(
                    record.verb.removesuffix("-failed"), record.verb[:-7]
                )
                self._add("git", record, f"{record.actor} cannot {what}: {facts.get('error', '')}")
            case "webhook-lost":
                self._add("git", record, f"a webhook to {record.subject.partition('/')[2]} is lost")
            case "redeliver":
                many = facts.get("webhooks", 0)
                self._add("git", record, f"{record.actor} has {many} lost webhooks sent again")
            case "tag":
                self._add("git", record, f"tag {record.subject.rpartition('/')[2]}")
            case _:
                pass

    def _review(self, record: Record) -> None:
        facts, number = record.facts(), record.subject.rpartition("/")[2]
        texts = {
            "open": f'{record.actor} opens merge request {number} "{facts.get("title", "")}"',
            "approve": f"{record.actor} approves merge request {number}",
            "request-changes": f"{record.actor} wants changes to merge request {number}",
            "dismiss": f"a further commit takes the approvals of merge request {number} back",
            "blocked": f"merge request {number} is blocked: {_unexpected(facts.get('why', ()))}",
            "enqueue": f"merge request {number} joins the merge queue",
            "dequeue": f"merge request {number} leaves the merge queue: {facts.get('reason', '')}",
            "close": f"{record.actor} closes merge request {number}",
        }
        if record.verb == "blocked" and not _unexpected(facts.get("why", ())):
            return
        if record.verb in texts:
            self._add("git", record, texts[record.verb])
        group = facts.get("group") or ()
        if record.verb == "merge" and group and str(group[-1]) == number:
            together = f"{', '.join(map(str, group[:-1]))} and {number}"
            self._add("git", record, f"merge requests {together} go in together")

    def _promotion(self, record: Record) -> None:
        facts, way = record.facts(), record.subject.partition("/")[2].replace("-to-", " to ")
        texts = {
            "ask": f"{facts.get('approver', '')} is asked to approve the promotion from {way}",
            "approve": f"{record.actor} approves the promotion from {way}",
            "too-late": f"{record.actor} approves a promotion from {way} that is not wanted any more",
            "hold": f"the promotion from {way} waits for the end of a freeze",
        }
        if record.verb in texts:
            self._add("git", record, texts[record.verb])

    def _ci(self, record: Record, kind: str) -> None:
        facts = record.facts()
        name = record.subject.partition("/")[2]
        if kind == "run":
            run = self._run(name)
            sha = str(facts.get("sha", ""))[:7]
            texts = {
                "queue": f"{run} waits for a runner",
                "wait": f"{run} waits for {facts.get('concurrency', '')}",
                "start": f"{run} starts for {sha}",
                "succeed": f"{run} succeeded",
                "cancel": f"{run} was canceled",
                "fail": f"{run} failed: {facts.get('reason', '')}",
            }
            if record.verb in texts:
                self._add("ci", record, texts[record.verb])
        elif kind in {"stage", "job"} and record.verb in {"succeed", "fail"}:
            run, stage = self._run(name), name.split("/", 2)[2]
            if record.verb == "succeed":
                self._add("ci", record, f"{run}: {stage} passed")
            else:
                why = facts.get("error", "") or facts.get("reason", "")
                self._add("ci", record, f"{run}: {stage} failed: {why}")
        elif kind == "job" and record.verb in {"cancel", "wait"}:
            run, job = self._run(name), name.split("/", 2)[2]
            place = facts.get("environment") or facts.get("concurrency") or ""
            end = (
                f"waits for {place}" if record.verb == "wait" else f"was canceled: {facts.get('reason', '')}"
            )
            self._add("ci", record, f"{run}: {job} {end}")
        elif kind == "step" and record.verb == "retry":
            run, step = self._run(name), name.split("/", 2)[2]
            self._add("ci", record, f"{run}: {step} is tried again: {facts.get('error', '')}")
        elif record.verb in {"webhook-lost", "poll-failed"} and self.said.get(record.subject) != record.verb:
            self.said[record.subject] = record.verb
            self._add(
                "ci",
                record,
                "the webhook is lost" if record.verb == "webhook-lost" else "git cannot be polled",
            )

    def _left_out(self, record: Record) -> None:
        """A setting that has no effect here, told once however often its process starts."""
        text = " ".join(str(fact) for fact in record.facts().values())
        if self.said.get(f"{record.actor} {text}") != "left out":
            self.said[f"{record.actor} {text}"] = "left out"
            self._add("agent", record, f"{record.actor}: {text}")

    def _raised(self, record: Record) -> None:
        """A controller's code raised; it tries again and again, and that it does so is told once."""
        if self.said.get(f"{record.actor} {record.subject}") != "raised":
            self.said[f"{record.actor} {record.subject}"] = "raised"
            facts = record.facts()
            place = f" ({facts['at']})" if "at" in facts else ""
            told = f"{record.actor} raises {facts['exception']}: {facts['error']}{place} on {record.subject}"
            self._add("agent", record, told)

    def _typed(self, record: Record) -> None:
        program, _, failed = record.verb.partition("-")
        if failed:
            self._add(
                "person", record, f"{record.actor}: {program} failed: {record.facts().get('error', '')}"
            )
        elif record.cause is None:
            self._add("person", record, f"{record.actor}: {program} {record.subject}")
        elif record.subject.startswith(("apply", "rollout undo")):
            self._add("ci", record, f"{program} {record.subject}")

    def _fault(self, record: Record) -> None:
        kind, _, target = record.subject.partition("/")
        where = f" of {target}" if target else ""
        if record.verb == "inject":
            lasts = record.facts().get("for")
            text = f"{kind}{where} begins" + (f", for {lasts}" if lasts else "")
        elif record.verb == "strike":
            text = f"{kind}{where}"
        elif record.verb == "heal":
            text = f"{kind}{where} is over"
        elif record.verb == "miss":
            text = f"{kind} hits nothing: {record.facts().get('error', '')}"
        elif record.verb == "crash":
            text = f"{kind} dies right {record.facts().get('when', '')}"
        else:
            component = record.facts().get("component", "")
            text = f"{record.verb}: {component} does not see {record.subject} as it comes"
        self._add("fault", record, text)

    def _intruder(self, record: Record) -> None:
        facts = record.facts()
        if record.verb == "steal":
            text = f"a stranger with {record.subject} reads {facts.get('secrets')} Secrets; could change {facts.get('could')}"
        else:
            text = f"a stranger is refused {record.subject}: {facts.get('error', '')}"
        self._add("person", record, text)

    def _traffic(self, record: Record) -> None:
        name = record.actor.partition("/")[2]
        if record.verb == "recovered":
            self._add("traffic", record, f"{name}: requests are answered again", name)
            return
        shares = record.facts().get("share") or {}
        causes = ", ".join(f"{share:.0%} {cause}" for cause, share in shares.items())
        where = next((str(each).partition(" (")[0] for each in record.facts().get("where") or ()), "")
        told = f" ({where})" if where else ""
        self._add("traffic", record, f"{name}: requests fail: {causes}{told}", name)

    # --- inside the clusters ------------------------------------------------------------------------------------

    def _version(self, version: Version) -> None:
        word = version.resource.word
        if word == _APPLICATION:
            self._argocd(version)
        elif word.endswith(_FLUX_GROUPS):
            self._flux(version, word.partition(".")[0])
        elif version.actor.startswith(_ACCOUNT) and version.verb in _agent_verbs(version) and word != "event":
            self._agent_write(version, word)
        elif word == "node":
            self._node(version)
        elif word == "pod":
            self._pod(version)
        for group, text in self.rollouts.take(version):
            self._add("pods", version, text)
            if group:
                self._grouped(
                    group, "pods", {"begins": "deployments begin", "up": "deployments are up"}[group]
                )

    def _flux(self, version: Version, kind: str) -> None:
        status = version.object.get("status") or {}
        before = (version.previous.object.get("status") or {}) if version.previous is not None else {}
        name = version.key[1]
        if kind == "gitrepository":
            revision = _revision((status.get("artifact") or {}).get("revision"))
            if revision and revision != _revision((before.get("artifact") or {}).get("revision")):
                self._add("agent", version, f"source-controller fetched {revision}")
        elif status.get("lastAppliedRevision") != before.get("lastAppliedRevision"):
            self._add(
                "agent", version, f"{name}: applied revision {_revision(status.get('lastAppliedRevision'))}"
            )
        elif kind == "helmrelease":
            self._release(version, status, before, name)
        self._ready(version, status, name)
        self._suspended(version, name)

    def _release(
        self, version: Version, status: Mapping[str, Any], before: Mapping[str, Any], name: str
    ) -> None:
        """A revision of a Helm release that has been deployed."""
        newest, was = _deployed(status), _deployed(before)
        if newest and newest.get("version") != was.get("version"):
            chart = f"{newest.get('chartName')}@{newest.get('chartVersion')}"
            self._add("agent", version, f"{name}: released {chart} as v{newest.get('version')}")

    def _argocd(self, version: Version) -> None:
        """What an Application's status says of its operation, its sync status and its health."""
        status = version.object.get("status") or {}
        before = (version.previous.object.get("status") or {}) if version.previous is not None else {}
        name = version.key[1]
        state, was = status.get("operationState") or {}, before.get("operationState") or {}
        revision = _revision((state.get("syncResult") or {}).get("revision"))
        if state.get("phase") != was.get("phase") and state.get("phase") not in {None, "Running"}:
            asked = (state.get("operation") or {}).get("sync") or {}
            what = "self-heal" if asked.get("autoHealAttemptsCount") else "sync"
            text = f"{name}: {what} to {revision} {state['phase'].lower()}"
            message = "" if state["phase"] == "Succeeded" else f": {state.get('message', '')}"
            self._add("agent", version, text + message)
        sync = (status.get("sync") or {}).get("status")
        if sync != (before.get("sync") or {}).get("status") and sync is not None:
            self._add("agent", version, f"{name}: {sync}")
        health = (status.get("health") or {}).get("status")
        if health != (before.get("health") or {}).get("status") and health in {"Degraded", "Healthy"}:
            self._add("agent", version, f"{name}: {health}")
        for condition in status.get("conditions") or ():
            text = f"{condition['type']}: {condition['message']}"
            if not any(text == f"{c['type']}: {c['message']}" for c in before.get("conditions") or ()):
                self._add("agent", version, f"{name}: {text}")

    def _ready(self, version: Version, status: Mapping[str, Any], name: str) -> None:
        """A Ready condition that turned false, once for each reason and revision, and when it is good again."""
        ready = _condition(status, "Ready")
        key = version.subject
        if (
            ready.get("reason") == "SourceNotReady"
        ):  # what every HelmRelease says first; its source says why it is not
            return
        if ready.get("status") == "False":
            reason = f"{ready.get('reason')}/{status.get('lastAttemptedRevision', '')}"
            if ready.get("reason") == "ArtifactFailed":
                # Of a source that is not there yet, and of a path that it does not hold.
                reason = f"{reason}/{ready.get('message')}"
            if self.said.get(key) != reason:
                self.said[key] = reason
                self._add("agent", version, f"{name}: {ready.get('reason')}: {ready.get('message')}")
        elif ready.get("status") == "True" and self.said.pop(key, None) is not None:
            self._add("agent", version, f"{name}: ready again")

    def _suspended(self, version: Version, name: str) -> None:
        now = bool((version.object.get("spec") or {}).get("suspend"))
        before = version.previous
        was = bool((before.object.get("spec") or {}).get("suspend")) if before is not None else now
        if now != was:
            self._add("agent", version, f"{name} is {'suspended' if now else 'resumed'}")

    def _agent_write(self, version: Version, word: str) -> None:
        """Writes of one reconciliation make one moment; Helm's own book-keeping makes none."""
        if version.key[1].startswith("sh.helm.release.v1."):
            return
        shown = f"{word.partition('.')[0]}/{version.key[1]}"
        verb = "deleted" if version.verb == "delete" else "applied"
        actor = short_actor(version.actor)
        for index, objects in reversed(self.applied.items()):
            last = self.moments[index]
            near = version.time - last.time <= 30_000_000 and last.actor == actor and last.text == verb
            if near:
                if shown not in objects:
                    objects.append(shown)
                return
            break
        self.applied[len(self.moments)] = [shown]
        self.moments.append(Moment(version.time, "agent", actor, verb, version))

    def _node(self, version: Version) -> None:
        now = _condition(version.object.get("status") or {}, "Ready").get("status")
        before = version.previous
        was = (
            _condition(before.object.get("status") or {}, "Ready").get("status")
            if before is not None
            else None
        )
        name = version.key[1]
        if now == "True" and name not in self.joined:
            self._join(version, name)
        elif now != was and was is not None:
            if now == "True":
                self._add("pods", version, f"{name} is Ready")
            elif was == "True":
                why = "the kubelet is silent" if now == "Unknown" else "its kubelet says so"
                self._add("pods", version, f"{name} is NotReady: {why}")

    def _join(self, version: Version, name: str) -> None:
        """New machines that become Ready within seconds of each other make one moment, at the last of them."""
        burst = self.bursts[-1] if self.bursts else None
        if burst is None or version.time - self.moments[burst].time > _BURST:
            self.bursts.append(len(self.moments))
            self.moments.append(
                Moment(version.time, "pods", short_actor(version.actor), f"{name} is Ready", version)
            )
            self.joined[name] = 1
            return
        known = self.moments[burst]
        count = self.joined[known.record.subject.rpartition("/")[2]] + 1
        self.joined[name] = count
        self.moments[burst] = Moment(version.time, "pods", known.actor, f"{count} nodes are Ready", version)

    def _pod(self, version: Version) -> None:
        """Evictions, and containers that wait for something that will not come by itself."""
        name = version.key[1]
        target = _condition(version.object.get("status") or {}, "DisruptionTarget")
        if target.get("status") == "True" and self.said.get(version.subject) != "evicted":
            self.said[version.subject] = "evicted"
            node = version.object["spec"].get("nodeName", "")
            self._add("pods", version, f"pod/{name} is evicted from {node}: {target.get('reason')}")
            self._grouped(f"evicted from {node}", "pods", f"pods are evicted from {node}")
        for status in (version.object.get("status") or {}).get("containerStatuses") or ():
            reason = (status.get("state", {}).get("waiting") or {}).get("reason", "")
            if reason in {"CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff"}:
                key = f"{version.subject}/{reason}"
                if key not in self.crashed:
                    self.crashed.add(key)
                    self._add("pods", version, f"pod/{name}: {reason}")

    def _exited(self, record: Record) -> None:
        facts = record.facts()
        if facts.get("exitCode") in {0, 137, 143} and facts.get("reason") != "OOMKilled":
            return
        if record.subject in self.crashed:
            return
        self.crashed.add(record.subject)
        name = record.subject.rpartition("/")[2]
        text = f"pod/{name}: container {facts.get('container')} exits with code {facts.get('exitCode')}"
        self._add("pods", record, text)


def _listed(objects: Sequence[str], most: int = 4) -> str:
    more = f" and {len(objects) - most} more" if len(objects) > most else ""
    return f"{', '.join(objects[:most])}{more}"


def _deployed(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The newest snapshot of a HelmRelease that is deployed."""
    history = [each for each in status.get("history") or () if each.get("status") == "deployed"]
    return max(history, key=lambda each: int(each["version"]), default={})


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions") or () if each.get("type") == kind), {})


def _agent_verbs(version: Version) -> frozenset[str]:
    """With what an agent writes: Argo CD applies as kubectl does on the client's side."""
    if version.actor.endswith(_CLIENT_SIDE) and version.manager == "argocd-controller":
        return frozenset({"apply", "create", "patch", "delete"})
    return frozenset({"apply", "delete"})


def _revision(revision: str | None) -> str:
    """A revision as people say it: the SHA's first seven digits."""
    return revision.rpartition(":")[2][:7] if revision else ""


def _unexpected(why: Sequence[str]) -> str:
    """What blocks a merge request beside what any of them waits for: reviews, and checks under way."""
    usual = ("required by reviewers", "Waiting on", "is expected.")
    reasons = [reason for reason in why if not any(words in reason for words in usual)]
    return "; ".join(reasons).replace(".; ", "; ")
