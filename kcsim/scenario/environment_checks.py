"""Checks of environments and promotions: each leads somewhere, and carries what is there."""

from kcsim.scenario.contents import Contents, at, is_below, key_at
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.model import ArgoCD, Environment, Flux, Promotion, Push, Scenario


def check_environments(scenario: Scenario, report: Report) -> None:
    """Clusters and freezes of environments, ends of promotions, and that deliveries leave them room."""
    for environment in scenario.environments:
        _check_environment(scenario, environment, report)
    known = [each.name for each in scenario.environments]
    for promotion in scenario.promotion:
        for field, name in (("from", promotion.from_), ("to", promotion.to)):
            if name not in known:
                message = f"no environment '{name}': the promotion {_leads(field)} nowhere"
                remedy = (
                    did_you_mean(name, known, "environments") if known else "List it under `environments`."
                )
                report.add("KC223", at(promotion, field), message, remedy)
        if not promotion.files:
            report.add(
                "KC105", at(promotion, "files"), "nothing is carried over", "Name files: [version.yaml]."
            )
        if promotion.reviewers and promotion.via == "commit":
            remedy = "Write via: mergeRequest, or leave the reviewers out."
            report.add("KC105", key_at(promotion, "reviewers"), "a commit has no reviewers", remedy)
    _check_circles(scenario, report)
    if scenario.environments:
        _check_deliveries(scenario, report)
        if len(scenario.repositories) != 1:
            message = (
                f"environments are folders of one repository, and there are {len(scenario.repositories)}"
            )
            report.add(
                "KC105", key_at(scenario, "environments"), message, "Keep one repository in the story."
            )


def _leads(field: str) -> str:
    return "leads" if field == "to" else "comes from"


def _check_environment(scenario: Scenario, environment: Environment, report: Report) -> None:
    if scenario.cluster_named(environment.cluster) is None:
        known = [each.name for each in scenario.all_clusters()]
        remedy = did_you_mean(environment.cluster or "", known, "clusters")
        report.add("KC208", at(environment, "cluster"), f"no cluster '{environment.cluster}'", remedy)
    for freeze in environment.freezes:
        if freeze.until is not None and freeze.until <= freeze.from_:
            remedy = "Write until later than from, or leave it out."
            report.add("KC104", at(freeze, "until"), "the freeze ends before it begins", remedy)


def _check_circles(scenario: Scenario, report: Report) -> None:
    """A version that comes back to where it was would be promoted for ever."""
    after: dict[str, list[str]] = {}
    for promotion in scenario.promotion:
        after.setdefault(promotion.from_, []).append(promotion.to)
    for promotion in scenario.promotion:
        reached: set[str] = set()
        waiting = [promotion.to]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting.extend(after.get(name, ()))
        if promotion.from_ in reached:
            message = f"what is promoted from '{promotion.from_}' comes back to it"
            report.add("KC224", at(promotion, "to"), message, "Let promotions lead one way.")
            return


def _check_deliveries(scenario: Scenario, report: Report) -> None:
    """The environments say what each delivery brings where; a second word on it would have to differ."""
    for way in scenario.deliveries.values():
        fields: tuple[str, ...] = ()
        if isinstance(way, Push):
            fields = ("path", "clusters")
        elif isinstance(way, Flux):
            fields = ("kustomizations", "objects", "clusters")
        elif isinstance(way, ArgoCD):
            fields = ("applications", "objects", "clusters")
        for field in fields:
            if getattr(way, field):
                message = f"both `environments` and `{field}`"
                remedy = f"Leave `{field}` out: there is one for each environment."
                report.add("KC105", key_at(way, field), message, remedy)


def check_files(scenario: Scenario, contents: dict[str, Contents], report: Report) -> None:
    """The folders of environments and the files that are carried, as far as the first commit is known."""
    repositories = [each for each in contents.values() if each.states]
    if len(scenario.repositories) != 1 or not repositories:
        return
    files = repositories[0].states[0]
    folders = {each.name: each for each in scenario.environments}
    for environment in scenario.environments:
        if not any(is_below(path, environment.path) for path in files):
            others = sorted({path.rpartition("/")[0] or "." for path in files})
            message = f"the repository has no folder '{environment.path}'"
            report.add(
                "KC210", at(environment, "path"), message, did_you_mean(environment.path, others, "folders")
            )
    for promotion in scenario.promotion:
        source = folders.get(promotion.from_)
        if source is not None:
            _check_carried(promotion, source, set(files), report)


def _check_carried(promotion: Promotion, source: Environment, files: set[str], report: Report) -> None:
    for number, name in enumerate(promotion.files):
        path = name if source.path == "." else f"{source.path.strip('/')}/{name}"
        if path not in files:
            near = [
                each.removeprefix(f"{source.path}/") for each in sorted(files) if is_below(each, source.path)
            ]
            message = f"there is no file '{path}' to promote"
            report.add("KC210", at(promotion, "files", number), message, did_you_mean(name, near, "files"))
