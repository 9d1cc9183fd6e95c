"""The scheduling queue, in virtual time given by hand."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.scheduler.pod_info import Shapes
from kcsim.cluster.scheduler.queue import QueuedPod, SchedulingQueue, backoff, backoff_expiry
from kcsim.engine.clock import MINUTE, SECOND

FIT = frozenset(("NodeResourcesFit",))


def pod(name: str, priority: int = 0, **spec: Any) -> Any:
    return Shapes().info(
        {"metadata": {"name": name, "namespace": "d", "uid": name}, "spec": {"priority": priority, **spec}}
    )


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 0), (1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (6, 10), (40, 10)]
)
def test_backoff_doubles_to_ten_seconds(attempts: int, seconds: int) -> None:
    assert backoff(attempts) == seconds * SECOND


def test_expiry_is_cut_to_whole_seconds() -> None:
    queued = QueuedPod(pod("p"), timestamp=int(3.7 * SECOND), unschedulable_count=2)
    assert backoff_expiry(queued) == 5 * SECOND


def test_priority_then_age() -> None:
    queue = SchedulingQueue()
    for at, name, priority in [(0, "old", 0), (1, "young", 0), (2, "vip", 10)]:
        queue.add(pod(name, priority), at)
    assert [queue.pop(9).pod.name for _ in range(3)] == ["vip", "old", "young"]  # type: ignore[union-attr]
    assert queue.pop(9) is None


def refuse(queue: SchedulingQueue, now: int) -> QueuedPod:
    queued = queue.pop(now)
    assert queued is not None
    queue.add_unschedulable(queued, FIT, now)
    return queued


def test_event_moves_through_back_off_and_a_lone_pod_hardly_waits() -> None:
    queue = SchedulingQueue()
    queue.add(pod("p"), 0)
    refuse(queue, 5 * SECOND)
    assert not queue.is_ready
    assert queue.move(lambda _: True, int(5.1 * SECOND)) == 1
    assert queue.sizes() == {"active": 0, "backoff": 1, "unschedulable": 0}
    # activeQ is empty: backoffQ is popped before its time.
    assert queue.pop(int(5.1 * SECOND)) is not None


def test_back_off_is_felt_behind_others() -> None:
    queue = SchedulingQueue()
    queue.add(pod("p"), 0)
    refuse(queue, 5 * SECOND)
    queue.move(lambda _: True, int(5.1 * SECOND))
    queue.add(pod("other"), int(5.2 * SECOND))
    assert queue.pop(int(5.3 * SECOND)).pod.name == "other"  # type: ignore[union-attr]


def test_event_after_back_off_goes_straight_to_active() -> None:
    queue = SchedulingQueue()
    queue.add(pod("p"), 0)
    refuse(queue, 0)
    queue.move(lambda _: True, 3 * SECOND)
    assert queue.sizes()["active"] == 1


def test_event_nobody_cares_for_moves_nothing() -> None:
    queue = SchedulingQueue()
    queue.add(pod("p"), 0)
    refuse(queue, 0)
    assert queue.move(lambda _: False, SECOND) == 0


def test_error_back_off_is_waited_out() -> None:
    queue = SchedulingQueue()
    queue.add(pod("p"), 0)
    queued = queue.pop(0)
    assert queued is not None
    queue.add_after_error(queued, int(0.5 * SECOND))
    assert queue.pop(int(0.6 * SECOND)) is None
    assert queue.next_flush(int(0.6 * SECOND)) == SECOND
    queue.flush(SECOND)
    assert queue.pop(SECOND) is queued


def test_pool_is_flushed_after_five_minutes_on_the_grid_of_thirty_seconds() -> None:
    queue = SchedulingQueue()
    assert queue.next_flush(0) is None
    queue.add(pod("p"), 0)
    refuse(queue, 40 * SECOND)
    when = 6 * MINUTE
    assert queue.next_flush(41 * SECOND) == when
    queue.flush(when)
    assert queue.sizes()["active"] == 1
    assert queue.next_flush(when) is None


def test_deleted_pod_is_gone_wherever_it_waits() -> None:
    queue = SchedulingQueue()
    queue.add(pod("a"), 0)
    queue.add(pod("b"), 1)
    queue.delete("a")
    assert queue.pop(2).pod.name == "b"  # type: ignore[union-attr]
    assert queue.pop(2) is None
