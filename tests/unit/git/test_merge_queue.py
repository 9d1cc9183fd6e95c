"""The merge queue: what is tried on top of what, which groups go in, and who is removed."""

from __future__ import annotations

import itertools

import pytest

from kcsim.delivery.git.merge_queue import mergeable, removable
from kcsim.delivery.git.protection import Protection, QueueRule
from kcsim.engine.clock import HOUR, MINUTE

ONE_BY_ONE = QueueRule(max_group=1, build_concurrency=1)


def queued(world, *names, rule=ONE_BY_ONE, **options):
    world.reviews.protect("shop", Protection(checks=("test",), queue=rule, allow_direct=True))
    requests = [world.ask(name, **options) for name in names]
    for request in requests:
        world.check(request)
    return requests


def tried(world):
    """Number of the merge request -> the commit as which the queue tries it."""
    return {
        int(name.split("/pr-")[1].partition("-")[0]): sha
        for name, sha in world.repository.branches().items()
        if name.startswith("gh-readonly-queue/main/")
    }


def out(world, request, *, passed=True):
    """The check of what is tried for a merge request comes out."""
    world.check(request, sha=tried(world)[request.number], passed=passed)


def reasons(world):
    return [
        (record.subject[-1], record.facts()["reason"])
        for record in world.engine.trace.records
        if record.verb == "dequeue"
    ]


def queue_branch(world):
    return next(name for name in world.repository.branches() if name.startswith("gh-readonly-queue/"))


def moves_of_main(world):
    return [update.new for update in world.heard if update.ref == "refs/heads/main"]


# --- one after the other -------------------------------------------------------------------------------------------


def test_the_queue_merges_what_was_checked_on_top_of_the_target(world):
    first, second = queued(world, "one", "two")
    assert [first.state, second.state] == ["queued", "queued"]
    sha = tried(world)[1]
    out(world, first)
    assert (first.state, world.repository.head().sha) == ("merged", sha)
    again = tried(world)[2]
    assert world.repository.get(again).parents[0] == sha
    out(world, second)
    assert (second.state, tried(world)) == ("merged", {})


def test_the_queue_drops_what_fails_on_top_of_the_target(world):
    first, second = queued(world, "one", "two")
    out(world, first, passed=False)
    assert (first.state, first.automatic) == ("open", False)
    assert reasons(world) == [("1", 'Required status check "test" failed')]
    out(world, second)
    assert second.state == "merged"


def test_the_queue_does_not_wait_for_ever(world):
    first, second = queued(world, "one", "two")
    world.run(HOUR + MINUTE)
    assert (first.state, second.state) == ("open", "queued")
    assert reasons(world) == [("1", "Timed out waiting for required status checks")]


def test_a_further_commit_leaves_the_queue(world):
    first, second = queued(world, "one", "two")
    world.branch("one", {"one.yaml": "y\n"})
    assert first.state == "open"
    out(world, second)
    assert second.state == "merged"


# --- in groups -----------------------------------------------------------------------------------------------------


def test_each_entry_is_tried_on_top_of_those_ahead_of_it(world):
    queued(world, "one", "two", "three", rule=QueueRule(build_concurrency=2))
    shas = tried(world)
    assert sorted(shas) == [1, 2]  # the third waits for a place
    assert world.repository.get(shas[2]).parents[0] == shas[1]
    assert {"one.yaml", "two.yaml"} <= set(world.repository.files(shas[2]))


def test_a_group_goes_in_by_one_move_of_the_target(world):
    one, two, three = queued(world, "one", "two", "three", rule=QueueRule(min_group=3))
    world.run(MINUTE)
    before = moves_of_main(world)
    for request in (three, one, two):  # in whatever order the checks come out
        assert {each.state for each in (one, two, three)} == {"queued"}
        out(world, request)
    assert [each.state for each in (one, two, three)] == ["merged"] * 3
    assert world.repository.head().sha == three.merged_as
    assert world.repository.get(three.merged_as).parents[0] == two.merged_as
    world.run(MINUTE)
    assert moves_of_main(world) == [*before, three.merged_as]
    merged = [record.facts() for record in world.engine.trace.records if record.verb == "merge"]
    assert [facts["group"] for facts in merged] == [[1, 2, 3]] * 3


def test_no_group_is_larger_than_the_largest(world):
    one, two, three = queued(world, "one", "two", "three", rule=QueueRule(max_group=2))
    out(world, two)
    out(world, three)
    assert one.state == "queued"
    out(world, one)
    assert [each.state for each in (one, two, three)] == ["merged"] * 3
    merged = [record.facts().get("group") for record in world.engine.trace.records if record.verb == "merge"]
    assert merged == [[1, 2], [1, 2], None]


def test_the_queue_waits_for_a_group_to_fill_but_not_for_ever(world):
    one, two = queued(world, "one", "two", rule=QueueRule(min_group=3, wait=10 * MINUTE))
    out(world, one)
    out(world, two)
    world.run(9 * MINUTE)
    assert (one.state, two.state) == ("queued", "queued")
    world.run(2 * MINUTE)
    assert (one.state, two.state) == ("merged", "merged")


def test_one_that_fails_is_removed_and_those_behind_it_are_tried_again_without_it(world):
    one, two, three = queued(world, "one", "two", "three", rule=QueueRule(min_group=3, wait=MINUTE))
    spoiled = tried(world)[3]
    out(world, two, passed=False)
    assert two.state == "queued"  # the one ahead of it may be to blame
    out(world, one)
    assert two.state == "open"
    assert tried(world)[3] != spoiled
    assert "two.yaml" not in world.repository.files(tried(world)[3])
    out(world, three)
    world.run(2 * MINUTE)
    assert (one.state, three.state) == ("merged", "merged")
    assert "two.yaml" not in world.repository.files("main")


def test_what_failed_may_go_in_before_what_passed_where_the_queue_allows_it(world):
    one, two = queued(world, "one", "two", rule=QueueRule(all_green=False))
    out(world, one, passed=False)
    assert one.state == "queued"
    out(world, two)
    assert (one.state, two.state) == ("merged", "merged")


def test_what_fails_with_nothing_to_save_it_is_removed(world):
    one, two = queued(world, "one", "two", rule=QueueRule(all_green=False))
    out(world, one, passed=False)
    out(world, two, passed=False)
    assert (one.state, two.state) == ("open", "queued")
    out(world, two)
    assert two.state == "merged"


def test_a_conflict_with_what_is_ahead_removes_the_one_behind(world):
    (one,) = queued(world, "one", files={"web.yaml": "one\n"}, rule=QueueRule())
    two = world.ask("two", files={"web.yaml": "two\n"})
    world.check(two)
    assert (one.state, two.state) == ("queued", "open")
    assert reasons(world) == [("2", f"merge two into {queue_branch(world)}: conflict in web.yaml")]


def test_a_push_past_the_queue_has_everything_tried_again(world):
    (one,) = queued(world, "one")
    world.git.push("shop", "main", {"hotfix.yaml": "x\n"}, "Hotfix", "ana")
    hotfix = world.repository.head().sha
    assert world.repository.get(tried(world)[1]).parents[0] == hotfix
    out(world, one)
    assert {"hotfix.yaml", "one.yaml"} <= set(world.repository.files("main"))


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_the_queue_has_a_method_of_its_own(world, method):
    rule = QueueRule(min_group=2, method=method)
    one, two = queued(world, "one", "two", rule=rule)
    out(world, one)
    out(world, two)
    assert (one.state, two.state) == ("merged", "merged")
    assert [len(world.repository.get(each.merged_as).parents) for each in (one, two)] == (
        [2, 2] if method == "merge" else [1, 1]
    )


def test_without_required_checks_it_goes_in_at_once(world):
    world.reviews.protect("shop", Protection(queue=QueueRule()))
    assert world.ask("one").state == "merged"


def test_closing_leaves_the_queue(world):
    one, two = queued(world, "one", "two", rule=QueueRule())
    world.reviews.close(one, "ana")
    assert list(tried(world)) == [2]
    assert "one.yaml" not in world.repository.files(tried(world)[2])
    out(world, two)
    assert two.state == "merged"


# --- deciding ------------------------------------------------------------------------------------------------------

STATES = ("waiting", "pending", "passed", "failed")


@pytest.mark.parametrize("all_green", [True, False])
def test_decisions_about_every_short_queue(all_green):
    """What goes in is no more than a group, ends with a pass, and is never what is to be removed."""
    for length in range(5):
        for states in itertools.product(STATES, repeat=length):
            rule = QueueRule(min_group=2, max_group=3, all_green=all_green)
            soon, late = mergeable(states, rule, 0), mergeable(states, rule, rule.wait)
            assert soon in {0, late}
            assert soon == 0 or soon >= rule.min_group
            assert late <= rule.max_group
            assert late == 0 or states[late - 1] == "passed"
            guilty = removable(states, rule)
            if guilty is not None:
                assert states[guilty] == "failed"
                assert guilty >= late
            if all_green:
                assert all(state == "passed" for state in states[:late])
