"""A CI pipeline as a scenario writes it, as a reader of GitHub Actions or GitLab knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from kcsim.engine.clock import MINUTE
from kcsim.scenario.model.git import Commit, MergeRequest
from kcsim.scenario.model.part import Part, Spread
from kcsim.scenario.values import Count, Duration, Fraction, Name


@dataclass(frozen=True, kw_only=True)
class Stage(Part):
    """One stage of a pipeline; the next begins when it has succeeded."""

    name: Annotated[str, "As the CI system shows it."]
    duration: Annotated[Duration | Spread, "How long it takes."]
    failure_rate: Annotated[Fraction, "Chance that it fails, drawn for each run."] = 0.0
    builds: Annotated[
        tuple[str, ...],
        "Images it builds and pushes: names with a tag (web:${{ github.ref_name }}) as they are, of names without one the "
        "tags that the commit's manifests name. Until it has succeeded the registry does not know them.",
    ] = ()


@dataclass(frozen=True, kw_only=True)
class Finding(Part):
    """Something known of an image or a package."""

    id: Annotated[str, "CVE-2026-1234; of a licence, GPL-3.0-only."]
    severity: Annotated[Literal["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"], "How grave it is."] = "HIGH"


@dataclass(frozen=True, kw_only=True)
class Scan(Part):
    """A scan of a commit; what it finds is kept as evidence."""

    of: Annotated[
        Literal["secrets", "vulnerabilities", "dependencies", "licences"],
        "Secrets in its files (found as a scanner does); what `known` says of its images, or of packages in `files`.",
    ]
    fail_on: Annotated[
        Literal["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"],
        "From which severity on findings fail the step.",
    ] = "HIGH"
    known: Annotated[
        Mapping[str, tuple[Finding, ...]],
        "Image, or package as a line of `files` names it -> what is known of it.",
    ] = field(default_factory=dict)
    files: Annotated[tuple[str, ...], "Files that list packages, one a line."] = ()
    allowed: Annotated[tuple[str, ...], "Licences that are allowed."] = ()


@dataclass(frozen=True, kw_only=True)
class Step(Part):
    """One step of a job: it takes time, may fail, and does at most one thing."""

    name: Annotated[str, "As the CI system shows it."]
    run: Annotated[
        str,
        "The command, for who reads the file; nothing is executed: `duration` and `failureRate` say what it does.",
    ] = ""
    duration: Annotated[Duration | Spread, "How long it takes."] = 0
    failure_rate: Annotated[Fraction, "Chance that it fails, drawn for each try: a flaky test."] = 0.0
    retries: Annotated[Count, "How often it is tried again when it fails."] = 0
    fails_on: Annotated[tuple[str, ...], "It fails for commits whose message holds one of these texts."] = ()
    if_: Annotated[str | None, "Condition, as GitHub Actions writes them; left out: success()."] = None
    continue_on_error: Annotated[bool, "Its failure does not fail the job."] = False
    builds: Annotated[
        tuple[str, ...],
        "Images it builds and pushes: web:${{ github.ref_name }} as it is, web without a tag as a stage does.",
    ] = ()
    validate: Annotated[bool, "Check the manifests against their schemas (kubeconform)."] = False
    policies: Annotated[
        tuple[str, ...], "Folders whose ValidatingAdmissionPolicies the manifests are checked against."
    ] = ()
    scan: Annotated[Scan | None, "Scan the commit."] = None
    gate: Annotated[
        tuple[str, ...],
        "Compliance gate: checks that must have passed in this run (schema, policy, secrets ...).",
    ] = ()
    commit: Annotated[
        Commit | None, "Commit to a repository and push; `${{ github.sha }}` and the like are filled in."
    ] = None
    merge_request: Annotated[
        MergeRequest | None, "Open a merge request; `${{ github.sha }}` and the like are filled in."
    ] = None
    deploy: Annotated[
        bool | tuple[Name, ...],
        "Deploy as the delivery's `deploy` says, to all its clusters or these; push only.",
    ] = False


@dataclass(frozen=True, kw_only=True)
class CiConcurrency(Part):
    """A concurrency group: one goes on, one waits, who waited longer is canceled."""

    group: Annotated[str, "Its name; ${{ github.ref }} and the like are filled in."]
    cancel_in_progress: Annotated[bool, "The one that goes on is canceled, too."] = False


@dataclass(frozen=True, kw_only=True)
class CiEnvironment(Part):
    """The environment that a job deploys to, and what protects it."""

    name: Annotated[str, "production, staging ..."]
    wait: Annotated[Duration, "Wait timer before the job begins."] = 0
    reviewer: Annotated[str | None, "Who has to approve the job."] = None
    approval: Annotated[Duration | Spread, "How long the reviewer takes."] = 30 * MINUTE
    branches: Annotated[
        tuple[str, ...], "Branches and tags (with *) that may deploy; all when left out."
    ] = ()
    only_newer: Annotated[
        bool, "A run older than the last that deployed here fails: GitLab's prevent outdated."
    ] = False


@dataclass(frozen=True, kw_only=True)
class CiCache(Part):
    """What a job keeps between runs."""

    key: Annotated[str, "Its name."]
    files: Annotated[tuple[str, ...], "Files of the repository whose content belongs to the key."] = ()
    miss: Annotated[
        Duration | Spread, "How much longer the job takes when nothing is kept under the key."
    ] = MINUTE


@dataclass(frozen=True, kw_only=True)
class CiJob(Part):
    """One job: steps on one runner."""

    needs: Annotated[tuple[str, ...], "Jobs that have to end before it begins."] = ()
    runs_on: Annotated[tuple[str, ...] | str, "Labels its runner must have."] = ()
    if_: Annotated[str | None, "Condition, as GitHub Actions writes them; left out: success()."] = None
    matrix: Annotated[Mapping[str, tuple[str, ...]], "One copy for each combination of values."] = field(
        default_factory=dict
    )
    fail_fast: Annotated[bool, "A copy that fails cancels the others."] = True
    environment: Annotated[CiEnvironment | str | None, "Where it deploys to."] = None
    concurrency: Annotated[CiConcurrency | str | None, "Its concurrency group."] = None
    timeout: Annotated[Duration, "How long it may run."] = 360 * MINUTE
    continue_on_error: Annotated[bool, "Its failure does not fail the run."] = False
    uploads: Annotated[tuple[str, ...], "Artifacts it leaves behind."] = ()
    downloads: Annotated[tuple[str, ...], "Artifacts it needs: without them it fails."] = ()
    cache: Annotated[CiCache | None, "What it keeps between runs."] = None
    steps: Annotated[tuple[Step, ...], "Steps in order."] = ()


@dataclass(frozen=True, kw_only=True)
class Runners(Part):
    """Like runners."""

    name: Annotated[Name, "They are called NAME-1, NAME-2, ..."]
    count: Annotated[Count, "How many."] = 1
    labels: Annotated[tuple[str, ...], "What jobs ask for with `runsOn`."] = ()


@dataclass(frozen=True, kw_only=True)
class On(Part):
    """What starts a run. Names are patterns: `*` stands for all but a slash, `**` for all."""

    branches: Annotated[tuple[str, ...] | None, "Pushes to these; the delivered branch when left out."] = None
    tags: Annotated[tuple[str, ...], "Pushes of these tags."] = ()
    paths: Annotated[tuple[str, ...], "Only pushes that change one of these files."] = ()
    merge_requests: Annotated[
        bool, "Every merge request, and what a merge queue tries; nothing is deployed then."
    ] = True


@dataclass(frozen=True, kw_only=True)
class Pipeline(Part):
    """A CI pipeline: what starts it, who runs it, and its stages in order, or its jobs."""

    trigger: Annotated[Literal["webhook", "poll"], "How it learns of a commit."] = "webhook"
    poll_interval: Annotated[Duration, "With `trigger: poll`: time between two looks."] = MINUTE
    on: Annotated[On, "What starts a run."] = field(default_factory=On)
    workflow: Annotated[
        str | None,
        "Its workflow file in the repository, .github/workflows/deploy.yaml: `on.schedule` in it starts runs of the default "
        "branch's head, as it stands there. Everything else of the pipeline is written here.",
    ] = None
    runners: Annotated[
        Count | tuple[Runners, ...],
        "Jobs that can go on at the same time, further ones wait; or runners by labels.",
    ] = 1
    concurrency: Annotated[CiConcurrency | str | None, "The concurrency group of whole runs."] = None
    stages: Annotated[
        tuple[Stage, ...], "Stages in order: the steps of one job. A push adds its deployment."
    ] = ()
    jobs: Annotated[
        Mapping[str, CiJob],
        "Jobs, in place of `stages`. Where none of them deploys, a push adds a job `deploy` that needs all others.",
    ] = field(default_factory=dict)

    @property
    def runner_count(self) -> int:
        """How many runners there are."""
        return self.runners if isinstance(self.runners, int) else sum(group.count for group in self.runners)

    @property
    def all_steps(self) -> tuple[Stage | Step, ...]:
        """Every stage, or step of a job."""
        return (*self.stages, *(step for job in self.jobs.values() for step in job.steps))

    @property
    def runner_names(self) -> tuple[str, ...]:
        """The names of its runners when they come in groups; () for a plain count, whose names follow the pipeline's."""
        groups = () if isinstance(self.runners, int) else self.runners
        return tuple(f"{group.name}-{number}" for group in groups for number in range(1, group.count + 1))
