"""The work queue's promises: one worker a key, changes during handling bring it back once, failures back off."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from kcsim.api.kit.queue import Reconciler, Result
from kcsim.engine.clock import MILLISECOND, SECOND, seconds
from kcsim.engine.task import Sleep
from tests.unit.kit.conftest import World


class Robot(Reconciler):
    """Handles config maps: notes when it began and ended, sleeps in between."""

    name = "robot"

    def __init__(self, takes: int = 0, workers: int = 1, outcome: object = None) -> None:
        self.takes = takes
        self.workers = workers
        self.outcome = outcome
        self.log: list[tuple[int, str, str]] = []

    def setup(self, component):
        self.maps = component.informer("configmaps")
        self.maps.on_change(lambda old, new: self.enqueue(_key(new or old)))

    def reconcile(self, key):
        self.log.append((self.component.engine.now, "begin", key[1]))
        if self.takes:
            yield Sleep(self.component.engine, self.takes)
        self.log.append((self.component.engine.now, "end", key[1]))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def begun(self, name: str) -> list[int]:
        return [time for time, what, which in self.log if what == "begin" and which == name]


def _key(obj):
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def test_a_change_during_handling_brings_the_key_back_once(world) -> None:
    robot = Robot(takes=SECOND)
    world.component(robot).start()
    world.create("ConfigMap", "a", body={"n": "0"})
    world.run("500ms")
    for n in range(5):
        world.change("a", n=str(n + 1))
    world.run("10s")
    assert len(robot.begun("a")) == 2


def test_workers_share_the_keys(world) -> None:
    robot = Robot(takes=SECOND, workers=3)
    world.component(robot).start()
    for name in "abcd":
        world.create("ConfigMap", name, body={})
    world.run("10s")
    starts = [robot.begun(name)[0] for name in "abcd"]
    assert max(starts[:3]) < SECOND <= starts[3]


def test_failures_back_off_from_5ms_doubling(world) -> None:
    robot = Robot(outcome=RuntimeError("no"))
    world.component(robot).start()
    world.create("ConfigMap", "a", body={})
    world.run("2s")
    times = robot.begun("a")
    gaps = [round((b - a) / MILLISECOND) for a, b in itertools.pairwise(times)]
    # 5 ms << n, and the millisecond a worker takes to react.
    assert gaps[:7] == [6, 11, 21, 41, 81, 161, 321]


def test_a_result_brings_the_key_back_after_its_time(world) -> None:
    robot = Robot(outcome=Result(requeue_after=seconds("30s")))
    world.component(robot).start()
    world.create("ConfigMap", "a", body={})
    world.run("65s")
    times = robot.begun("a")
    assert [b - a for a, b in itertools.pairwise(times)] == [seconds("30s") + MILLISECOND] * 2


def test_a_controller_waits_for_the_caches_it_reads(world) -> None:
    """A restarted controller must not take "not seen yet" for "not there" (client-go: WaitForCacheSync)."""

    class Reader(Robot):
        def setup(self, component):
            self.others = component.informer("secrets")
            super().setup(component)

        def reconcile(self, key):
            assert self.others.synced
            return super().reconcile(key)

    world.create("ConfigMap", "a", body={})
    reader = Reader()
    component = world.component(reader)
    component.start()
    # The cache of config maps is there, the other one is not: nothing is handled.
    reader.maps._list()
    reader.enqueue(("default", "a"))
    assert reader.log == []
    world.run("1s")
    assert len(reader.begun("a")) == 1


def test_a_cache_that_never_syncs_holds_only_the_controllers_that_read_it(world) -> None:
    class Unserved(Robot):
        def setup(self, component):
            component.informer("widgets.example.com")
            super().setup(component)

    stuck, free = Unserved(), Robot()
    world.component(stuck, free).start()
    world.create("ConfigMap", "a", body={})
    world.run("30s")
    assert stuck.log == []
    assert len(free.begun("a")) == 1


def test_a_crash_forgets_the_queue_and_a_start_lists_anew(world) -> None:
    robot = Robot(takes=SECOND)
    component = world.component(robot)
    component.start()
    world.create("ConfigMap", "a", body={})
    world.run("500ms")
    component.stop()
    world.run("10s")
    assert [what for _, what, _ in robot.log] == ["begin"]
    component.start()
    world.run("10s")
    assert [what for _, what, _ in robot.log] == ["begin", "begin", "end"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400)), max_size=20),
    st.integers(1, 3),
    st.integers(0, 300),
)
def test_no_key_is_ever_handled_by_two_workers_and_no_change_is_lost(changes, workers, takes) -> None:
    world = World()
    robot = Robot(takes=takes * MILLISECOND, workers=workers)
    world.component(robot).start()
    for name in "abcd":
        world.create("ConfigMap", name, body={})
    last: dict[str, int] = {}
    for which, gap in changes:
        world.engine.run_until(world.engine.now + gap * MILLISECOND)
        world.change("abcd"[which], at=str(world.engine.now), gap=str(gap))
        last["abcd"[which]] = world.engine.now
    world.run("20s")
    for name in "abcd":
        events = [what for _, what, which in robot.log if which == name]
        assert events == ["begin", "end"] * (len(events) // 2)
        assert robot.begun(name)[-1] >= last.get(name, 0)
