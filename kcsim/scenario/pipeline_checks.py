"""Checks of pipelines that are given as jobs, and of what protects branches."""

from collections.abc import Iterator, Mapping
from itertools import product

from kcsim.delivery.ci.conditions import GITHUB, ConditionError, Context, filled_in, parse
from kcsim.delivery.ci.plan import circle
from kcsim.delivery.git import codeowners
from kcsim.scenario.contents import Contents, at, home_of, key_at
from kcsim.scenario.diagnostics import Position, Report, did_you_mean
from kcsim.scenario.model import (
    CiCache,
    CiEnvironment,
    CiJob,
    Delivery,
    FurtherPipeline,
    MergeQueue,
    Part,
    Pipeline,
    Protection,
    Push,
    Repository,
    Scenario,
    Spread,
    Stage,
    Step,
    all_pipelines,
)
from kcsim.scenario.yamltree import Scalar

EVIDENCE = ("schema", "policy", "secrets", "vulnerabilities", "dependencies", "licences", "gate")
"""What a gate can ask for."""
COPIES_MAX = 256
"""Copies of one job that a matrix may make: GitHub's limit."""
_NOTHING = Context(dict.fromkeys(GITHUB, ""), {}, {})
"""A run of which nothing is known."""


def check_jobs(pipeline: Pipeline, report: Report) -> None:
    """Add every fault of a pipeline's jobs to the report."""
    if pipeline.jobs and pipeline.stages:
        report.add("KC105", key_at(pipeline, "jobs"), "both 'stages' and 'jobs'", "Keep one of the two.")
    labels = (
        [] if isinstance(pipeline.runners, int) else [frozenset(group.labels) for group in pipeline.runners]
    )
    for name, job in pipeline.jobs.items():
        for index, need in enumerate(job.needs):
            if need not in pipeline.jobs:
                report.add(
                    "KC215",
                    at(job, "needs", index),
                    f"no job '{need[:60]}'",
                    did_you_mean(need, pipeline.jobs, "jobs"),
                )
        wanted = frozenset([job.runs_on] if isinstance(job.runs_on, str) else job.runs_on)
        if wanted and not any(wanted <= known for known in labels):
            known = sorted({label for group in labels for label in group})
            first = next(iter(sorted(wanted - set(known)) or sorted(wanted)))
            report.add(
                "KC216",
                at(job, "runsOn"),
                f"no runner has the labels {', '.join(sorted(wanted))}: job '{name[:60]}' would wait for ever",
                did_you_mean(first, known, "labels of `runners`"),
            )
        _check_job(pipeline, name, job, report)
    found = circle({name: job.needs for name, job in pipeline.jobs.items()})
    if found:
        beginning = pipeline.jobs[found[0]]
        report.add(
            "KC217",
            key_at(beginning, "needs"),
            f"jobs need each other in a circle: {' -> '.join([*found, found[0]])}",
        )


def _check_job(pipeline: Pipeline, name: str, job: CiJob, report: Report) -> None:
    if not job.steps:
        report.add(
            "KC101", at(job), f"job '{name[:60]}' needs the field 'steps'", "Give it at least one step."
        )
    if len(list(product(*job.matrix.values()))) > COPIES_MAX:
        report.add(
            "KC104",
            key_at(job, "matrix"),
            f"the matrix makes more than {COPIES_MAX} copies",
            "Use fewer values.",
        )
    if job.timeout <= 0:
        report.add("KC104", at(job, "timeout"), "no time at all", 'Write it like "10m".')
    _check_condition(job, job.if_, tuple(job.needs), tuple(job.matrix), report)
    uploaded = {artifact for other in pipeline.jobs.values() for artifact in other.uploads}
    for index, artifact in enumerate(job.downloads):
        if artifact not in uploaded:
            report.add(
                "KC215",
                at(job, "downloads", index),
                f"no job uploads the artifact '{artifact[:60]}'",
                did_you_mean(artifact, uploaded, "artifacts"),
            )
    seen: set[str] = set()
    for step in job.steps:
        if step.name in seen:
            report.add("KC106", at(step, "name"), f"there is another step '{step.name[:60]}' above")
        seen.add(step.name)
        _check_step(job, step, report)


def _check_step(job: CiJob, step: Step, report: Report) -> None:
    does = [
        word
        for word, value in (
            ("builds", step.builds),
            ("validate", step.validate),
            ("policies", step.policies),
            ("scan", step.scan),
            ("gate", step.gate),
            ("commit", step.commit),
            ("mergeRequest", step.merge_request),
            ("deploy", step.deploy),
        )
        if value
    ]
    if len(does) > 1:
        report.add(
            "KC105",
            at(step),
            f"a step does one thing; this one has {' and '.join(does)}",
            "Make it several steps.",
        )
    _check_condition(step, step.if_, (), tuple(job.matrix), report)
    for index, check in enumerate(step.gate):
        if check not in EVIDENCE:
            report.add(
                "KC104",
                at(step, "gate", index),
                f"no check '{check[:60]}'",
                did_you_mean(check, EVIDENCE, "checks"),
            )


def _check_condition(
    part: CiJob | Step, text: str | None, needs: tuple[str, ...], matrix: tuple[str, ...], report: Report
) -> None:
    if text is None:
        return
    try:
        condition = parse(text)
    except ConditionError as error:
        remedy = did_you_mean(error.word, error.known, "there are") if error.known else ""
        report.add("KC218", _inside(part, error.at), f"in the condition: {error}", remedy)
        return
    for name in condition.names:
        context, _, rest = name.partition(".")
        known = {"needs": needs, "matrix": matrix}.get(context)
        word = rest.removesuffix(".result")
        if known is not None and word not in known:
            message = f"the condition asks for {name[:60]}, which is not one of its {context}"
            report.add("KC218", _inside(part, text.find(name)), message, did_you_mean(word, known, context))


def _inside(part: Part, offset: int) -> Position:
    """The place of a character of a condition."""
    node = part.source.child("if") if part.source is not None else None
    if isinstance(node, Scalar):
        return node.in_line(offset)
    return at(part, "if")


def check_deploys(scenario: Scenario, way: Delivery, pipeline: Pipeline, report: Report) -> None:
    """Steps that deploy belong to pushes, and go to clusters of theirs."""
    for job in pipeline.jobs.values():
        for step in job.steps:
            if step.deploy and not isinstance(way, Push):
                report.add(
                    "KC105",
                    key_at(step, "deploy"),
                    f"an agent delivers here, type {way.type}",
                    "Remove `deploy`.",
                )
            for index, name in enumerate(step.deploy if isinstance(step.deploy, tuple) else ()):
                known = [cluster.name for cluster in scenario.all_clusters()]
                if name not in known:
                    report.add(
                        "KC208",
                        at(step, "deploy", index),
                        f"no cluster '{name}'",
                        did_you_mean(name, known, "clusters"),
                    )


def check_further(scenario: Scenario, way: Delivery, report: Report) -> None:
    """Further pipelines: their names, their repositories, and whether they may deploy."""
    own = scenario.repository_named(way.repository)
    taken = {own.name} if own is not None and way.pipeline is not None else set()
    if own is not None:
        taken |= {f"{own.name}-{each.name}" for each in scenario.environments}
    for each in way.pipelines:
        if each.name in taken:
            report.add("KC106", at(each, "name"), f"there is another pipeline '{each.name}' in this delivery")
        taken.add(each.name)
        known = [repo.name for repo in scenario.repositories]
        if each.repository is not None and each.repository not in known:
            remedy = did_you_mean(each.repository, known, "repositories")
            report.add("KC201", at(each, "repository"), f"no repository '{each.repository[:60]}'", remedy)
        for field in ("deploy", "deployer"):
            if getattr(each, field) is not None and not isinstance(way, Push):
                message = f"an agent delivers here, type {way.type}"
                report.add("KC105", key_at(each, field), message, f"Remove `{field}`.")
        if each.deployer is not None and each.deploy is None and isinstance(way, Push):
            message = "`deployer` without `deploy`: this pipeline does not deploy"
            report.add("KC105", key_at(each, "deployer"), message, "Add `deploy`, or remove it.")
        for step in (step for job in each.jobs.values() for step in job.steps):
            if step.deploy and each.deploy is None and isinstance(way, Push):
                message = f"step '{step.name[:60]}' deploys, and pipeline '{each.name}' says not how"
                report.add("KC105", key_at(step, "deploy"), message, "Give the pipeline a `deploy`.")


def check_changes(scenario: Scenario, pipeline: Pipeline, report: Report) -> None:
    """Steps that commit go to a repository there is; images with tags have them at their end."""
    for step in pipeline.all_steps:
        for index, image in enumerate(step.builds):
            name = image.partition("${{")[0]
            if name != image and ":" not in name.rpartition("/")[2]:
                message = f"'{image[:80]}': only the tag may be filled in"
                report.add(
                    "KC104", at(step, "builds", index), message, "Write it like web:${{ github.sha }}."
                )
        change = (step.commit or step.merge_request) if isinstance(step, Step) else None
        known = [repo.name for repo in scenario.repositories]
        if change is not None and change.repository is not None and change.repository not in known:
            remedy = did_you_mean(change.repository, known, "repositories")
            report.add("KC201", at(change, "repository"), f"no repository '{change.repository[:60]}'", remedy)
        for text, place in _templates(step):
            try:
                filled_in(text, _NOTHING)
            except ConditionError as error:
                remedy = did_you_mean(error.word, error.known, "there are") if error.known else ""
                report.add("KC218", place, f"in '{text[:60]}': {error}", remedy)


def _templates(step: Stage | Step) -> Iterator[tuple[str, Position]]:
    """The texts of a step in which `${{ }}` is filled in, and where they stand."""
    for index, image in enumerate(step.builds):
        yield image, at(step, "builds", index)
    change = (step.commit or step.merge_request) if isinstance(step, Step) else None
    if change is None:
        return
    yield change.message, at(change, "message")
    for path, text in change.files.items():
        yield text, at(change, "files", path)
    for path, fields in change.set.items():
        for field, value in fields.items():
            if isinstance(value, str):
                yield value, at(change, "set", path, field)
    for path, edit in change.edit.items():
        for old, new in edit.replace.items():
            yield new, at(change, "edit", path, "replace", old)


def check_protection(scenario: Scenario, repository: Repository, report: Report) -> None:
    """Required checks have to be run under every delivery; otherwise nothing would ever be merged there."""
    ways: dict[str, set[str]] = {}
    for name, way in scenario.deliveries.items():
        mine = [each for each in all_pipelines(way) if home_of(scenario, way, each) is repository]
        if mine or scenario.repository_named(way.repository) is repository:
            ways[name] = {check for each in mine for check in _checks_of(each, repository)}
    for rule in repository.protection:
        _check_queue(rule, report)
        for index, check in enumerate(rule.checks):
            lacking = [name for name, known in ways.items() if check not in known]
            if lacking or not ways:
                known = {check for checks in ways.values() for check in checks}
                where = f"under {', '.join(lacking)} " if lacking else ""
                report.add(
                    "KC220",
                    at(rule, "checks", index),
                    f"{where}no merge request is checked by a job '{check[:60]}': none would ever be merged",
                    did_you_mean(check, known, "jobs of pipelines"),
                )


def _check_queue(rule: Protection, report: Report) -> None:
    """A merge queue with settings that GitHub would not take."""
    if not rule.queue:
        return
    for index, pattern in enumerate(rule.branches):
        if "*" in pattern:
            message = f"a merge queue is for one branch: it cannot be required of '{pattern[:60]}'"
            report.add("KC104", at(rule, "branches", index), message, "Name the branch.")
    if not isinstance(rule.queue, MergeQueue):
        return
    queue = rule.queue
    for field, value in (
        ("minGroup", queue.min_group),
        ("maxGroup", queue.max_group),
        ("buildConcurrency", queue.build_concurrency),
    ):
        if not 1 <= value <= 100:
            report.add("KC104", at(queue, field), f"'{field}' is from 1 to 100, not {value}")
    if queue.min_group > queue.max_group:
        message = f"'minGroup' {queue.min_group} is more than 'maxGroup' {queue.max_group}"
        report.add("KC105", at(queue, "minGroup"), message, "Lower `minGroup`, or raise `maxGroup`.")
    if not queue.check_timeout:
        report.add("KC104", at(queue, "checkTimeout"), "no check takes no time: everything would be removed")


def _checks_of(pipeline: Pipeline, repository: Repository) -> set[str]:
    """What a pipeline reports of merge requests; one that polls branches never sees them."""
    if pipeline.trigger == "poll" or not pipeline.on.merge_requests:
        return set()
    if not pipeline.jobs:
        return {pipeline.name if isinstance(pipeline, FurtherPipeline) else repository.name}
    return {copy for name, job in pipeline.jobs.items() for copy in copies_of(name, job)}


def check_code_owners(contents: Mapping[str, Contents], report: Report) -> None:
    """Tell of lines of CODEOWNERS that mean nothing, and of rules that ask for owners where no file names any."""
    for found in contents.values():
        files = found.states[0] if found.states else {}
        place = next((path for path in codeowners.PLACES if path in files), None)
        if place is not None:
            for line, why in codeowners.read(files[place].text).wrong:
                report.add("KC229", files[place].place(line, 1), f"{place}: {why}")
        elif found.files is not None:
            for rule in found.repository.protection:
                if rule.code_owners:
                    message = f"repository '{found.repository.name}' has no CODEOWNERS: nobody has to approve"
                    report.add(
                        "KC229",
                        key_at(rule, "codeOwners"),
                        message,
                        "Write .github/CODEOWNERS, or remove it.",
                    )


def copies_of(name: str, job: CiJob) -> list[str]:
    """What the copies of a job are called: `test (1.36, linux)`."""
    if not job.matrix:
        return [name]
    return [f"{name} ({', '.join(values)})" for values in product(*job.matrix.values())]


def spreads_of(pipeline: Pipeline) -> Iterator[Spread]:
    """Every varying duration of a pipeline."""
    parts: list[object] = [step.duration for step in pipeline.all_steps]
    for job in pipeline.jobs.values():
        if isinstance(job.environment, CiEnvironment):
            parts.append(job.environment.approval)
        if isinstance(job.cache, CiCache):
            parts.append(job.cache.miss)
    return (part for part in parts if isinstance(part, Spread))
