"""The action that deploys: kubectl apply and kubectl rollout status, from the CI system's host, as the deployer.

**Imitates:** the script of a deployment stage:

    kubectl apply -k DIR && kubectl rollout status deployment/NAME --timeout=5m    (for each workload applied)

with, if wanted, `|| kubectl rollout undo deployment/NAME`; or, in place of the apply, `kubectl set image` for each workload.
Nothing is pruned unless `prune` says so, and what an apply wrote before it failed stays. `--prune` looks at the files of its
own call only: with several paths each call deletes what the calls before it made, as in life.

**Walk:** for each target: the commit is fetched -> rendered -> `kubectl apply` for each path -> `kubectl rollout
status` for each workload, one after the other -> the commit counts as deployed to that cluster.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kcsim.api.client import ClientFault
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.ci.checkout import checkout
from kcsim.delivery.ci.pipelines import ClusterTarget, StageContext, StageFailed
from kcsim.delivery.ci.render import RenderError, Workload, read_objects, render, workloads
from kcsim.delivery.ci.runs import Deployment
from kcsim.engine.clock import MINUTE, format_duration
from kcsim.engine.task import Steps
from kcsim.kubectl.command import kubectl
from kcsim.kubectl.session import Outcome

_RESULT: Final = re.compile(r" (created|configured|unchanged|serverside-applied)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Deploy:
    """How to deploy.

    Attributes:
        paths: files and folders of the repository, applied in this order.
        targets: names of the pipeline's targets, one after the other; empty: all.
        namespace: `kubectl -n`, "" to leave it out.
        server_side: `kubectl apply --server-side`.
        rollout_timeout: `kubectl rollout status --timeout` in µs; 0 does not wait.
        on_failure: a rollout that failed is left as it is (stop), or undone (undo).
        force_conflicts: `--force-conflicts`, with `server_side`.
        prune: `--prune` with this selector; `*` for `--all`; "" prunes nothing.
        prune_allowlist: `--prune-allowlist`, each `group/version/kind`.
        set_image: `kubectl set image` instead of apply: nothing but images changes.
    """

    paths: tuple[str, ...] = (".",)
    targets: tuple[str, ...] = ()
    namespace: str = ""
    server_side: bool = False
    rollout_timeout: int = 5 * MINUTE
    on_failure: Literal["stop", "undo"] = "stop"
    force_conflicts: bool = False
    prune: str = ""
    prune_allowlist: tuple[str, ...] = ()
    set_image: bool = False

    @property
    def _flags(self) -> tuple[str, ...]:
        """What `kubectl apply` gets beside its files."""
        flags = ["--server-side"] if self.server_side else []
        if self.force_conflicts:
            flags.append("--force-conflicts")
        if self.prune:
            flags += ["--prune", *(("--all",) if self.prune == "*" else ("-l", self.prune))]
            flags += [f"--prune-allowlist={kind}" for kind in self.prune_allowlist]
        return tuple(flags)

    def steps(self, context: StageContext) -> Steps:
        """Deploy to each target.

        Raises: StageFailed.
        """
        fetched = yield from checkout(context)
        for target in context.pipeline.targets:
            if not self.targets or target.name in self.targets:
                yield from self._to(target, context, fetched.files)
        return None

    def _to(self, target: ClusterTarget, context: StageContext, files: Mapping[str, bytes]) -> Steps:
        typist = _Typist(context, target, self.namespace)
        results: Counter[str] = Counter()
        found: list[Workload] = []
        for path in self.paths:
            try:
                source = render(files, path)
            except RenderError as error:
                context.log(str(error))
                raise StageFailed(str(error)) from None
            if self.set_image:
                found.extend((yield from self._set_images(read_objects(source), typist)))
                continue
            outcome = yield from typist.run(
                ["apply", *self._flags, *source.flags], ["apply", *self._flags, *source.given], source.files
            )
            _check(outcome)
            results.update(_RESULT.findall(outcome.stdout))
            found.extend(workloads(read_objects(source)))
        if self.rollout_timeout:
            for workload in dict.fromkeys(found):
                yield from self._wait_for(workload, typist)
        self._deployed(target, context, results)

    @staticmethod
    def _set_images(objects: Sequence[Object], typist: _Typist) -> Steps:
        """`kubectl set image` for each workload; gives the workloads."""
        found = workloads(objects)
        by_name = {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects}
        for workload in found:
            containers = by_name[workload.kind, workload.name]["spec"]["template"]["spec"]["containers"]
            images = [f"{each['name']}={each['image']}" for each in containers]
            where = ("-n", workload.namespace) if workload.namespace else ()
            _check((yield from typist.run(["set", "image", workload.word, *images, *where])))
        return found

    def _wait_for(self, workload: Workload, typist: _Typist) -> Steps:
        where = ("-n", workload.namespace) if workload.namespace else ()
        timeout = f"--timeout={format_duration(self.rollout_timeout)}"
        outcome = yield from typist.run(["rollout", "status", workload.word, *where, timeout])
        if outcome.exit_code and self.on_failure == "undo":
            # The run has failed either way; whether the undo itself works shows in the log.
            yield from typist.run(["rollout", "undo", workload.word, *where])
        _check(outcome)

    @staticmethod
    def _deployed(target: ClusterTarget, context: StageContext, results: Mapping[str, int]) -> None:
        run, engine = context.run, context.site.engine
        context.pipeline.deployments.append(Deployment(run.sha, target.name, run.number, engine.now))
        commit = f"commit/{context.pipeline.spec.repository}/{run.sha[:7]}"
        cluster = {"cluster": target.name} if target.name else {}
        engine.note("ci", "deploy", commit, {**cluster, **dict(sorted(results.items()))})


class _Typist:
    """Types kubectl command lines in one stage, as one user."""

    def __init__(self, context: StageContext, target: ClusterTarget, namespace: str) -> None:
        self._context = context
        self._target = target
        self._client = target.connect()
        self._namespace = namespace

    def run(
        self, shown: Sequence[str], given: Sequence[str] = (), files: Mapping[str, str | bytes] | None = None
    ) -> Steps:
        """Run a command line; `given` is what kubectl gets where that differs from what is typed."""
        engine, record = self._context.site.engine, self._context.record
        # A -n of the command's own (a workload's namespace) goes before the script's.
        where = ("-n", self._namespace) if self._namespace and "-n" not in shown else ()
        line = " ".join([*shown, *where])
        self._context.log(f"$ kubectl {line}")
        engine.cause = record
        engine.cause = engine.note(self._client.user.name, "kubectl", line)
        if not self._target.deployer.token_is_valid(engine.now):
            self._client.set_fault(ClientFault(error=StatusError(401, "Unauthorized", "Unauthorized")))
        outcome: Outcome = yield from kubectl(self._client, [*(given or shown), *where], files=files)
        # What a watch brings has causes of its own; what the script does next follows from the stage again.
        engine.cause = record
        self._context.log(outcome.text)
        return outcome


def _check(outcome: Outcome) -> None:
    """Raises: StageFailed, with the first line kubectl complained in."""
    if outcome.exit_code:
        lines = [line for line in outcome.stderr.splitlines() if not line.startswith("Warning:")]
        raise StageFailed(lines[0] if lines else f"kubectl exited with {outcome.exit_code}")
