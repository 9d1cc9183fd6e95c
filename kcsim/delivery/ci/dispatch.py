"""Jobs on their way to runners: what a run needs next, who waits for what, and how jobs and runs end.

**Imitates:** GitHub Actions: jobs wait for the jobs they need, for their environment's wait timer and reviewers, for their
concurrency group, and for a runner with their labels, in this order. A job whose labels no free runner has does not hold up
those behind it.

**Walk:** `begin` a run -> `plan.decide` -> a job passes its environment, its group, the queue -> a runner takes it -> it ends ->
what that makes possible begins -> with the last job the run ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kcsim.delivery.ci.concurrency import Groups
from kcsim.delivery.ci.conditions import filled_in
from kcsim.delivery.ci.execution import Work, carry_out, interrupt
from kcsim.delivery.ci.pipelines import Concurrency, JobSpec, Pipeline, Site
from kcsim.delivery.ci.plan import conclusion, context_of, decide, siblings
from kcsim.delivery.ci.runners import Runner, RunnerPool
from kcsim.delivery.ci.runs import JobRun, Run
from kcsim.engine.task import Steps, Task
from kcsim.engine.trace import Record


@dataclass(frozen=True, slots=True)
class _Member:
    """Who is in a concurrency group: a run, or one job of it."""

    group: str
    pipeline: Pipeline
    run: Run
    job: JobRun | None


class Dispatcher:
    """Brings the jobs of all pipelines to runners.

    Attributes:
        available: whether it hands out jobs; jobs under way go on either way.
        pools: the runners of each pipeline, by name.
    """

    def __init__(self, site: Site, ended: Callable[[Pipeline, Run, JobRun | None], None]) -> None:
        """`ended` is called with each job that ended, and with None for the job when the run did."""
        self._site = site
        self._ended = ended
        self.available = True
        self.pools: dict[str, RunnerPool] = {}
        self._queue: list[tuple[Pipeline, Run, JobRun]] = []
        self._groups = Groups()
        self._members: dict[Run | JobRun, _Member] = {}

    # ---------------------------------------------------------------- runs and their jobs

    def begin(self, pipeline: Pipeline, run: Run) -> None:
        """A run was asked for: it begins, or waits for its concurrency group."""
        limit = pipeline.spec.concurrency
        if limit is not None:
            job = pipeline.spec.all_jobs[0]
            group = filled_in(limit.group, context_of(run, job, pipeline.spec.all_jobs))
            if not self._enter(limit, _Member(group, pipeline, run, None)):
                # Whoever was canceled for it may have left at once: then it has begun.
                if self._groups.waits(group, run):
                    self._note(run, "wait", run.subject, {"sha": run.sha, "concurrency": group})
                return
        self._advance(pipeline, run)

    def _advance(self, pipeline: Pipeline, run: Run) -> None:
        """Begin what can begin; end the run when nothing is left."""
        jobs, engine = pipeline.spec.all_jobs, self._site.engine
        while verdicts := decide(run, jobs):
            for verdict in verdicts:
                job = run.jobs[verdict.index]
                if job.status != "waiting":
                    continue  # what a verdict before led to has decided on it
                if verdict.what == "begin":
                    self._gate(pipeline, run, job)
                else:
                    job.reason = verdict.reason
                    job.change(verdict.what, engine.now)
                    detail = {"reason": verdict.reason} if verdict.reason else {}
                    engine.note("ci", verdict.what, self._subject(run, job), detail)
        self.dispatch()
        self._conclude(pipeline, run)

    def _conclude(self, pipeline: Pipeline, run: Run) -> None:
        found = conclusion(run)
        if found is None or run.ended:
            return
        engine = self._site.engine
        stimulus, run.reason = found
        run.change(stimulus, engine.now)
        detail = {"sha": run.sha} | ({"reason": run.reason} if run.reason else {})
        engine.note("ci", stimulus, run.subject, detail)
        self._leave(run)
        self._ended(pipeline, run, None)

    def _gate(self, pipeline: Pipeline, run: Run, job: JobRun) -> None:
        """The environment's wait timer and reviewers; whichever takes longer."""
        engine, environment = self._site.engine, self._spec(pipeline, run, job).environment
        if environment is None or not (environment.wait or environment.approval is not None):
            self._group(pipeline, run, job)
            return
        job.change("gate", engine.now)
        waits = {"environment": environment.name}
        if environment.approval is not None:
            waits["reviewer"] = environment.reviewer
        job.record = self._note(run, "wait", self._subject(run, job), waits)
        dice = engine.dice(
            Work(self._site, pipeline, run, job, self._spec(pipeline, run, job)).stream("approval")
        )
        approval = 0 if environment.approval is None else dice.draw(environment.approval)
        engine.after(max(environment.wait, approval), self._passed, pipeline, run, job)

    def _passed(self, pipeline: Pipeline, run: Run, job: JobRun) -> None:
        if job.status != "pending":
            return
        engine, environment = self._site.engine, self._spec(pipeline, run, job).environment
        assert environment is not None, "only environments make jobs wait here"
        who = environment.reviewer if environment.approval is not None else "ci"
        with engine.because(job.record):
            detail = {"environment": environment.name}
            job.record = engine.note(who, "approve", self._subject(run, job), detail)
            engine.cause = job.record
            self._group(pipeline, run, job)
            self.dispatch()

    def _group(self, pipeline: Pipeline, run: Run, job: JobRun) -> None:
        spec = self._spec(pipeline, run, job)
        limit = spec.concurrency
        if limit is not None:
            group = filled_in(limit.group, context_of(run, spec, pipeline.spec.all_jobs))
            if job.status == "waiting":
                job.change("gate", self._site.engine.now)
            if not self._enter(limit, _Member(group, pipeline, run, job)):
                if self._groups.waits(group, job):
                    job.record = self._note(run, "wait", self._subject(run, job), {"concurrency": group})
                return
        self._enqueue(pipeline, run, job)

    def _enqueue(self, pipeline: Pipeline, run: Run, job: JobRun) -> None:
        job.change("queue", self._site.engine.now)
        self._queue.append((pipeline, run, job))

    # ---------------------------------------------------------------- concurrency groups

    def _enter(self, limit: Concurrency, member: _Member) -> bool:
        who = member.job or member.run
        self._members[who] = member
        entered = self._groups.enter(member.group, who, cancel_in_progress=limit.cancel_in_progress)
        reason = f"Canceling since a higher priority waiting request for '{member.group}' exists"
        for other in entered.canceled:
            assert isinstance(other, Run | JobRun), "nobody else enters"
            found = self._members.get(other)
            if found is None:
                continue  # it left when the one before it was canceled
            if found.job is None:
                self.cancel(found.pipeline, found.run, reason)
            else:
                self._interrupt(found.pipeline, found.run, found.job, "cancel", reason)
                self._advance(found.pipeline, found.run)
        return entered.at_once

    def _leave(self, who: Run | JobRun) -> None:
        """Whoever waited for the group goes on, on behalf of its own commit."""
        member = self._members.pop(who, None)
        if member is None:
            return
        after = self._groups.leave(member.group, who)
        if after is None:
            return
        assert isinstance(after, Run | JobRun), "nobody else enters"
        found = self._members[after]
        with self._site.engine.because(found.job.record if found.job is not None else found.run.record):
            if found.job is None:
                self._advance(found.pipeline, found.run)
            else:
                self._enqueue(found.pipeline, found.run, found.job)
                self.dispatch()

    # ---------------------------------------------------------------- runners

    def dispatch(self) -> None:
        """Hand the jobs that wait to runners that are free, in the order in which they came."""
        if not self.available:
            return
        waiting, self._queue = self._queue, []
        for pipeline, run, job in waiting:
            spec = self._spec(pipeline, run, job)
            runner = self.pools[pipeline.spec.name].take(spec.runs_on)
            if runner is None:
                self._queue.append((pipeline, run, job))
            else:
                self._start(pipeline, run, job, runner)
        for pipeline, run, job in self._queue:
            if not pipeline.spec.is_plain and job.record is run.origin:
                job.record = self._note(run, "queue", self._subject(run, job), {"sha": run.sha})

    def _start(self, pipeline: Pipeline, run: Run, job: JobRun, runner: Runner) -> None:
        engine, is_plain = self._site.engine, pipeline.spec.is_plain
        with engine.because(run.record):
            if run.status == "queued":
                with_runner = {"runner": runner.name} if is_plain else {}
                run.record = engine.note("ci", "start", run.subject, {**with_runner, "sha": run.sha})
                run.change("start", engine.now)
                engine.cause = run.record
            if is_plain:
                job.record = run.record
            else:
                # An approval, or the wait for a group or a runner, is a cause of its own.
                engine.cause = run.record if job.record is run.origin else job.record
                detail = {"runner": runner.name, "sha": run.sha}
                job.record = engine.note("ci", "start", self._subject(run, job), detail)
            job.runner, runner.run, runner.job = runner.name, run, job
            job.change("start", engine.now)
            engine.cause = job.record
            spec = self._spec(pipeline, run, job)
            work = Work(self._site, pipeline, run, job, spec)
            runner.task = Task(self._steps(work))
            if spec.timeout is not None:
                engine.after(spec.timeout, self._time_out, work, runner)

    def _steps(self, work: Work) -> Steps:
        stimulus, reason = yield from carry_out(work)
        self._finish(work.pipeline, work.run, work.job, stimulus, reason)

    def _time_out(self, work: Work, runner: Runner) -> None:
        if runner.job is not work.job or work.job.ended or not runner.up:
            return
        assert work.spec.timeout is not None, "armed by it"
        minutes = work.spec.timeout // 60_000_000
        reason = f"The job running on runner {runner.name} has exceeded the maximum execution time of {minutes} minutes."
        self._interrupt(work.pipeline, work.run, work.job, "fail", reason)
        self._advance(work.pipeline, work.run)

    # ---------------------------------------------------------------- ends

    def _finish(self, pipeline: Pipeline, run: Run, job: JobRun, stimulus: str, reason: str) -> None:
        """A job is over; goes on with what that makes possible."""
        self._end_job(pipeline, run, job, stimulus, reason)
        if stimulus == "fail":
            jobs = pipeline.spec.all_jobs
            for index in siblings(run, jobs, run.jobs.index(job)):
                why = f'The strategy configuration was canceled because "{job.name}" failed'
                self._interrupt(pipeline, run, run.jobs[index], "cancel", why)
        self._advance(pipeline, run)

    def _end_job(self, pipeline: Pipeline, run: Run, job: JobRun, stimulus: str, reason: str) -> None:
        engine = self._site.engine
        job.change(stimulus, engine.now)
        job.reason = reason
        job.forgiven = stimulus == "fail" and self._spec(pipeline, run, job).may_fail
        if job.name:
            detail = {"sha": run.sha} | ({"reason": reason} if reason else {})
            engine.cause = engine.note("ci", stimulus, self._subject(run, job), detail)
        pool = self.pools[pipeline.spec.name]
        runner = pool.of(job)
        if runner is not None:
            pool.release(runner)
        self._ended(pipeline, run, job)
        self._leave(job)

    def _interrupt(self, pipeline: Pipeline, run: Run, job: JobRun, stimulus: str, reason: str) -> None:
        """End a job that waits or is under way."""
        if job.ended:
            return
        runner = self.pools[pipeline.spec.name].of(job)
        if runner is not None and runner.task is not None:
            runner.task.kill()
        self._queue = [entry for entry in self._queue if entry[2] is not job]
        engine = self._site.engine
        with engine.because(engine.cause):
            shown = reason if job.step is not None else ""
            engine.cause = interrupt(
                Work(self._site, pipeline, run, job, self._spec(pipeline, run, job)), stimulus, shown
            )
            self._end_job(pipeline, run, job, stimulus, reason)

    def lose(self, pipeline: Pipeline, run: Run, job: JobRun, reason: str) -> None:
        """A job whose runner is gone is given up."""
        self._interrupt(pipeline, run, job, "fail", reason)
        self._advance(pipeline, run)

    def cancel(self, pipeline: Pipeline, run: Run, reason: str = "canceled") -> None:
        """End a run that has not ended; what it did so far stays. Jobs that always run still do."""
        if run.ended:
            return
        run.canceling, run.reason = True, reason
        begun = any(job.status != "waiting" for job in run.jobs)
        for job in run.jobs:
            if job.status != "waiting" or not begun:
                self._interrupt(pipeline, run, job, "cancel", reason)
        self._advance(pipeline, run)

    # ---------------------------------------------------------------- names

    @staticmethod
    def _subject(run: Run, job: JobRun) -> str:
        return f"job/{run.pipeline}/{run.number}/{job.name}" if job.name else run.subject

    @staticmethod
    def _spec(pipeline: Pipeline, run: Run, job: JobRun) -> JobSpec:
        return pipeline.spec.all_jobs[run.jobs.index(job)]

    def _note(self, run: Run, verb: str, subject: str, detail: dict[str, str]) -> Record:
        with self._site.engine.because(run.origin):
            return self._site.engine.note("ci", verb, subject, detail)
