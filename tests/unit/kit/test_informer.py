"""An informer is the store seen at its own position: list and watch give the same state, late while it is cut off."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kcsim.engine.clock import MILLISECOND, SECOND
from kcsim.profile.distributions import Fixed
from tests.unit.kit.conftest import World


def informed(world: World):
    component = world.component()
    informer = component.informer("configmaps")
    component.start()
    world.run("1s")
    return informer


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["create", "change", "delete"])), max_size=25)
)
def test_list_and_watch_give_the_state(operations) -> None:
    world = World()
    informer = informed(world)
    for number, (name, what) in enumerate(operations):
        exists = world.server.log.get(world.admin.resource("configmaps"), "default", name) is not None
        if what == "create" and not exists:
            world.create("ConfigMap", name, body={"n": str(number)})
        elif what == "change" and exists:
            world.change(name, n=str(number))
        elif what == "delete" and exists:
            world.admin.now(world.admin.delete("configmaps", "default", name))
        world.run("10ms" if number % 3 else "0s")
    world.run("1s")
    stored = [version.object for version in world.server.log.list(world.admin.resource("configmaps"))]
    assert informer.list() == stored
    world.server.log.verify()


def test_handlers_are_told_of_each_change_in_order(world) -> None:
    told = []
    informer = informed(world)
    informer.on_change(lambda old, new: told.append((old and old["data"]["n"], new and new["data"]["n"])))
    world.create("ConfigMap", "a", body={"n": "1"})
    world.change("a", n="2")
    world.admin.now(world.admin.delete("configmaps", "default", "a"))
    world.run("1s")
    assert told == [(None, "1"), ("1", "2"), ("2", None)]


def test_a_cut_leaves_the_cache_stale_until_it_heals(world) -> None:
    informer = informed(world)
    cut = world.network.cut(["here"], ["api"])
    world.create("ConfigMap", "a", body={"n": "1"})
    world.run("1m")
    assert informer.list() == []
    world.network.heal(cut)
    world.run("5s")
    assert [obj["metadata"]["name"] for obj in informer.list()] == ["a"]


def test_a_watch_takes_as_long_as_the_server_s_profile_says_now(world) -> None:
    informer = informed(world)
    seen = []
    informer.on_change(lambda _old, _new: seen.append(world.engine.now))
    for delay in (5 * MILLISECOND, SECOND):
        world.endpoint.profile = replace(world.endpoint.profile, watch=Fixed(delay))
        world.create("ConfigMap", f"c{delay}")
        made = world.server.log.versions[-1].time
        world.run("2s")
        assert seen.pop() - made == delay


def test_an_index_files_objects_and_forgets_them(world) -> None:
    informer = informed(world)
    informer.add_index("n", lambda obj: [obj["data"]["n"]])
    world.create("ConfigMap", "a", body={"n": "1"})
    world.create("ConfigMap", "b", body={"n": "1"})
    world.run("1s")
    assert informer.count("n", "1") == 2
    world.change("b", n="2")
    world.run("1s")
    assert [obj["metadata"]["name"] for obj in informer.by_index("n", "1")] == ["a"]
    assert [obj["metadata"]["name"] for obj in informer.by_index("n", "2")] == ["b"]


def test_handlers_may_want_only_some_sorts_of_changes(world) -> None:
    told = []
    informer = informed(world)
    informer.sort_by(lambda old, new: "gone" if new is None else "there")
    informer.on_change(lambda old, new: told.append("all"))
    informer.on_change(lambda old, new: told.append("gone"), lambda sort: sort == "gone")
    world.create("ConfigMap", "a", body={"n": "1"})
    world.admin.now(world.admin.delete("configmaps", "default", "a"))
    world.run("1s")
    assert told == ["all", "all", "gone"]
