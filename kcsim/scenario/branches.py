"""The story of each repository followed through the timeline for the checks: commits, branches, merges, reverts.

What happens in life at an unknown instant, a merge request that is merged once its reviewers have answered, is taken to
happen at once; commits after it are found fault with only where they cannot be made either way.

**Walk:** `follow` carries each entry's act out on `Contents` -> what cannot be done goes into the report.
"""

from kcsim.delivery.git import diff3
from kcsim.scenario.contents import (
    Branch,
    Change,
    Contents,
    Place,
    Text,
    at,
    fixed_place,
    key_at,
    written_place,
)
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.edits import EditFault, committed
from kcsim.scenario.model import Commit, ForcePush, Merge, MergeRequest, Revert, Scenario, Tag, TimelineEntry
from kcsim.scenario.staging import DEFAULT_BRANCH

Files = dict[str, Text]


def follow(contents: dict[str, Contents], scenario: Scenario, report: Report) -> None:
    """Carry every act in a repository out on the contents; impossible ones go into the report."""
    for entry in scenario.timeline:
        action = entry.git_action
        if action is None:
            continue
        repo = scenario.repository_named(action.repository)
        if repo is None or repo.name not in contents:
            continue  # the reference is reported where references are checked
        if contents[repo.name].written_by_pipelines:
            continue  # what it holds by then only the run knows
        found = contents[repo.name]
        match action:
            case MergeRequest():
                _open(found, entry, action, report)
            case Commit():
                _commit(found, entry, action, report)
            case Revert():
                _revert(found, entry, action, report)
            case Merge():
                _merge(found, entry, action, report)
            case Tag():
                if action.of != "HEAD" and action.of not in _known(found):
                    _unknown(found, action, "of", action.of, report)
            case ForcePush():
                _force_push(found, action, report)


def _delivered(contents: Contents) -> str:
    return contents.repository.branch or DEFAULT_BRANCH


def _names(contents: Contents) -> dict[str, Change]:
    return {change.entry.name: change for change in contents.changes if change.entry.name is not None}


def _known(contents: Contents) -> set[str]:
    """Everything that names a commit: entries, branches, the delivered branch."""
    entries = {branch.entry.name for branch in contents.branches.values() if branch.entry is not None}
    return {*_names(contents), *contents.branches, _delivered(contents)} | {name for name in entries if name}


# Commits, to the delivered branch and to others.


def _commit(contents: Contents, entry: TimelineEntry, commit: Commit, report: Report) -> None:
    name = commit.branch
    if name is not None and name != _delivered(contents):
        _on_branch(contents, entry, commit, name, report)
        return
    if contents.files is None:
        return
    before = dict(contents.files)
    after, faults = _made(before, commit)
    if faults and contents.otherwise is not None:
        other, none = _made(contents.otherwise, commit)
        if not none:
            after, faults, before = other, [], dict(contents.otherwise)
    _tell(commit, faults, report)
    contents.files = after
    if contents.otherwise is not None:
        other, none = _made(contents.otherwise, commit)
        contents.otherwise = None if none else other
    _record(contents, entry, before)


def _on_branch(contents: Contents, entry: TimelineEntry, commit: Commit, name: str, report: Report) -> None:
    if contents.files is None:
        contents.branches.setdefault(name, Branch({}, {}))
        return
    branch = contents.branches.get(name)
    if branch is None:
        branch = contents.branches[name] = Branch(dict(contents.files), dict(contents.files))
        if contents.otherwise is not None and _made(contents.files, commit)[1]:
            # It may be meant for what is there while a merge request of before is still open.
            if not _made(contents.otherwise, commit)[1]:
                branch.files, branch.base = dict(contents.otherwise), dict(contents.otherwise)
    after, faults = _made(branch.files, commit)
    _tell(commit, faults, report)
    before, branch.files = branch.files, after
    contents.changes.append(Change(entry, before, dict(after)))
    contents.states.append(dict(after))


def _made(files: Files, commit: Commit) -> tuple[Files, list[EditFault]]:
    """The files after a commit, with their places."""
    texts, faults = committed({path: file.text for path, file in files.items()}, commit)
    after = {path: file for path, file in files.items() if path in texts}
    for path, text in texts.items():
        old = files.get(path)
        if old is None or old.text != text:
            after[path] = Text(text, _commit_place(commit, path), not commit.broken_on_purpose)
    return after, faults


def _tell(commit: Commit, faults: list[EditFault], report: Report) -> None:
    for fault in faults:
        report.add(fault.code, key_at(commit, *fault.path), fault.message, fault.remedy)


def _record(contents: Contents, entry: TimelineEntry, before: Files) -> None:
    assert contents.files is not None, "asked before"
    contents.changes.append(Change(entry, before, dict(contents.files)))
    contents.states.append(dict(contents.files))


def _commit_place(commit: Commit, path: str) -> Place:
    for section in ("files", "edit", "set"):
        if path in getattr(commit, section):
            if section == "files" and path not in commit.edit and path not in commit.set:
                return written_place(commit, "files", path)
            return fixed_place(key_at(commit, section, path))
    return fixed_place(at(commit))


# Merge requests and merges.


def changes_files(commit: Commit) -> bool:
    """Whether a merge request brings a commit along, or asks to merge a branch as it is."""
    return bool(commit.files or commit.edit or commit.set or commit.delete)


def _open(contents: Contents, entry: TimelineEntry, request: MergeRequest, report: Report) -> None:
    name = request.branch
    if not changes_files(request) and name not in contents.branches and contents.files is not None:
        message = f"there is no branch '{name[:60]}', and the merge request changes no file"
        remedy = did_you_mean(name, contents.branches, "branches")
        report.add("KC219", at(request, "branch"), message, f"Give it files, edit, set or delete. {remedy}")
        return
    if name == _delivered(contents):
        report.add(
            "KC219", at(request, "branch"), f"'{name}' is the branch it would go into", "Name another branch."
        )
        return
    if request.into is not None and request.into not in _known(contents) and contents.files is not None:
        _unknown(contents, request, "into", request.into, report)
    if changes_files(request):
        _on_branch(contents, entry, request, name, report)
    contents.branches.setdefault(name, Branch({}, {})).entry = entry
    if request.auto and request.into in {None, _delivered(contents)}:
        if contents.files is not None and contents.otherwise is None:
            contents.otherwise = dict(contents.files)
        _bring(contents, entry, contents.branches[name])


def _merge(contents: Contents, entry: TimelineEntry, merge: Merge, report: Report) -> None:
    found = contents.branches.get(merge.branch) or next(
        (
            each
            for each in contents.branches.values()
            if each.entry is not None and each.entry.name == merge.branch
        ),
        None,
    )
    if found is None:
        if contents.files is not None:
            _unknown(contents, merge, "branch", merge.branch, report)
        return
    _bring(contents, entry, found)


def _bring(contents: Contents, entry: TimelineEntry, branch: Branch) -> None:
    """Merge a branch into the delivered one; what conflicts stays as it was there."""
    if contents.files is None:
        return
    before = dict(contents.files)
    for path in sorted(branch.files.keys() | branch.base.keys()):
        old, theirs, ours = branch.base.get(path), branch.files.get(path), contents.files.get(path)
        if theirs == old:
            continue
        if theirs is None:
            contents.files.pop(path, None)
        elif ours == old or ours is None or old is None:
            contents.files[path] = theirs
        else:
            merged = diff3.merge(*(text.text.encode() for text in (old, ours, theirs)))
            if merged is not None:
                contents.files[path] = Text(merged.decode(), theirs.place, theirs.checked)
    _record(contents, entry, before)


# Reverts and force pushes.


def _revert(contents: Contents, entry: TimelineEntry, revert: Revert, report: Report) -> None:
    if contents.files is None:
        return
    names = _names(contents)
    if revert.commit == "HEAD":
        undone = contents.changes[-1] if contents.changes else None
    else:
        undone = names.get(revert.commit)
    if undone is None:
        message = f"'{revert.commit[:80]}' is no earlier commit of repository '{contents.repository.name}'"
        report.add(
            "KC207", at(revert, "commit"), message, did_you_mean(revert.commit, [*names, "HEAD"], "commits")
        )
        return
    before = dict(contents.files)
    for path in sorted(undone.before.keys() | undone.after.keys()):
        old, new = undone.before.get(path), undone.after.get(path)
        if old == new:
            continue
        if old is None:
            contents.files.pop(path, None)
        else:
            contents.files[path] = old
    _record(contents, entry, before)


def _force_push(contents: Contents, push: ForcePush, report: Report) -> None:
    base, tilde, count = push.to.partition("~")
    is_relative = base == "HEAD" and (not tilde or count.isdecimal())
    if contents.files is None or is_relative or push.to == "FIRST":
        if contents.files is not None and push.branch in {None, _delivered(contents)}:
            back = len(contents.changes) if push.to == "FIRST" else int(count or 0)
            states = [contents.states[0], *(change.after for change in contents.changes)]
            contents.files = dict(states[max(0, len(states) - 1 - back)])
        return
    named = _names(contents).get(push.to)
    if named is None:
        _unknown(contents, push, "to", push.to, report)
    elif push.branch in {None, _delivered(contents)}:
        contents.files = dict(named.after)


def _unknown(
    contents: Contents, part: Merge | MergeRequest | Tag | ForcePush, field: str, name: str, report: Report
) -> None:
    message = f"repository '{contents.repository.name}' has no '{name[:60]}' then"
    report.add(
        "KC219", at(part, field), message, did_you_mean(name, _known(contents), "branches and entries")
    )
