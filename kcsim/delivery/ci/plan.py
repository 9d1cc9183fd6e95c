"""Which jobs of a run begin, which are skipped, and how the run ends.  Decides; never acts.

**Imitates:** GitHub Actions: a job waits for all it `needs`; without a condition of its own it runs when all of them succeeded, and is
skipped otherwise, and so are those that need it; `fail-fast` of a matrix.

**Walk:** `decide(run, jobs)` -> `Verdict`s for jobs that wait and whose needs have ended -> a run whose jobs all ended has a
`conclusion`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kcsim.delivery.ci.conditions import Context
from kcsim.delivery.ci.pipelines import JobSpec
from kcsim.delivery.ci.runs import JobRun, Run

RESULTS: Final = {"succeeded": "success", "failed": "failure", "canceled": "cancelled", "skipped": "skipped"}
"""A job's state here -> its `result` as conditions name it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a job that waits."""

    index: int
    what: Literal["begin", "skip", "fail"]
    reason: str = ""


def decide(run: Run, jobs: Sequence[JobSpec]) -> list[Verdict]:
    """What becomes of the jobs that wait, in their order.

    To be asked again after each verdict that ended a job.
    """
    found: list[Verdict] = []
    for index, (job, spec) in enumerate(zip(run.jobs, jobs, strict=True)):
        if job.status != "waiting":
            continue
        needed = [each for each, other in zip(run.jobs, jobs, strict=True) if other.base in spec.needs]
        if not all(each.ended for each in needed):
            continue
        context = context_of(run, spec, jobs)
        wanted = spec.condition.holds(context) if spec.condition is not None else context.success
        if not wanted:
            found.append(Verdict(index, "skip"))
        elif spec.environment is not None and not spec.environment.takes(run.ref):
            short = run.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
            reason = (
                f'Branch "{short}" is not allowed to deploy to {spec.environment.name} due to environment '
                "protection rules."
            )
            found.append(Verdict(index, "fail", reason))
        else:
            found.append(Verdict(index, "begin"))
    return found


def context_of(run: Run, spec: JobSpec, jobs: Sequence[JobSpec]) -> Context:
    """What a job's condition looks at."""
    pairs = list(zip(run.jobs, jobs, strict=True))
    needs = {name: _together(job for job, other in pairs if other.base == name) for name in spec.needs}
    before = _ancestors(spec, jobs)
    return Context(
        github=run.github,
        needs=needs,
        matrix=dict(spec.matrix),
        success=not run.canceling and all(result == "success" for result in needs.values()),
        failure=any(
            job.status == "failed" and not other.may_fail for job, other in pairs if other.base in before
        ),
        cancelled=run.canceling,
    )


def _together(copies: Iterable[JobRun]) -> str:
    """The result of a job that may have several copies; one that may fail counts as succeeded."""
    results = ["success" if job.forgiven else RESULTS[job.status] for job in copies]
    for worst in ("failure", "cancelled"):
        if worst in results:
            return worst
    return "skipped" if results and set(results) == {"skipped"} else "success"


def _ancestors(spec: JobSpec, jobs: Sequence[JobSpec]) -> set[str]:
    found: set[str] = set()
    queue = list(spec.needs)
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue.extend(need for job in jobs if job.base == name for need in job.needs)
    return found


def siblings(run: Run, jobs: Sequence[JobSpec], failed: int) -> list[int]:
    """The copies that a failed copy of a matrix takes with it: those that have not ended (`fail-fast`)."""
    spec = jobs[failed]
    if not spec.matrix or not spec.fail_fast or spec.may_fail:
        return []
    return [
        index
        for index, (job, other) in enumerate(zip(run.jobs, jobs, strict=True))
        if other.base == spec.base and not job.ended
    ]


def conclusion(run: Run) -> tuple[str, str] | None:
    """(what happens to the run, why) once all its jobs have ended; None before."""
    if not all(job.ended for job in run.jobs):
        return None
    failed = next((job for job in run.jobs if job.status == "failed" and not job.forgiven), None)
    if failed is not None:
        return "fail", f"{f'job {failed.name}: ' if failed.name else ''}{failed.reason}"
    if run.canceling or any(job.status == "canceled" for job in run.jobs):
        return "cancel", run.reason or "canceled"
    return "succeed", ""


def circle(needs: dict[str, tuple[str, ...]]) -> list[str]:
    """Jobs that need each other in a circle, in its order; [] when there is none."""
    done: set[str] = set()
    for start in needs:
        found = _walk(start, needs, done, [])
        if found:
            return found
    return []


def _walk(name: str, needs: dict[str, tuple[str, ...]], done: set[str], path: list[str]) -> list[str]:
    if name in path:
        return path[path.index(name) :]
    if name in done or name not in needs:
        return []
    for need in needs[name]:
        found = _walk(need, needs, done, [*path, name])
        if found:
            return found
    done.add(name)
    return []
