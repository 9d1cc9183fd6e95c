"""The kubelet's pure decisions: back-off, probes, termination, actions, image behaviour as data."""

from __future__ import annotations

import pytest

from kcsim.cluster import images
from kcsim.cluster.images import ImageBehaviour, Window
from kcsim.cluster.kubelet import messages
from kcsim.cluster.kubelet.actions import Observed, PodActions, compute_pod_actions
from kcsim.cluster.kubelet.backoff import Backoff, requeue_delay
from kcsim.cluster.kubelet.conditions import merge_conditions
from kcsim.cluster.kubelet.probes import (
    LIVENESS,
    READINESS,
    ProbeSpec,
    ProbeState,
    count,
    failure_output,
    first_tick,
    next_probe,
    probe_spec,
)
from kcsim.cluster.kubelet.termination import (
    FINISHED,
    SYNC,
    WORKER_STATES,
    advance,
    effective_grace_period,
    pre_stop_duration,
    termination_plan,
)
from kcsim.engine.clock import MILLISECOND, SECOND

S = SECOND


def restart_starts(run_us: int, restarts: int) -> list[int]:
    """When each container starts (whole seconds) if back-off is the only delay."""
    backoff, now, starts = Backoff(), 0, [0]
    for _ in range(restarts):
        finish = now + run_us
        now = finish
        if backoff.is_in_back_off_since("c", finish, now):
            now = finish + backoff.get("c")
        backoff.next("c", finish, now)
        starts.append(now)
    return [start // S for start in starts]


def test_restart_back_off_follows_the_documented_table() -> None:
    assert restart_starts(S, 9) == [0, 1, 12, 33, 74, 155, 316, 617, 918, 1219]


def test_back_off_starts_afresh_after_ten_minutes_of_running() -> None:
    assert restart_starts(601 * S, 3) == [0, 601, 1202, 1803]
    assert restart_starts(600 * S, 2) == [0, 600, 1210]  # Exactly ten minutes: not forgotten yet.


@pytest.mark.parametrize(
    ("remaining", "u", "delay"),
    [
        (10 * S, 0.0, 10 * S),
        (10 * S, 0.5, 12_500_000),
        (160 * S, 0.0, 60 * S),
        (160 * S, 1.0, 90 * S),
        (-1, 0.9, 0),
    ],
)
def test_requeue_aims_at_the_end_of_the_back_off(remaining: int, u: float, delay: int) -> None:
    assert requeue_delay(remaining, resync=60 * S, u=u) == delay


def test_image_pull_back_off_counts_from_the_last_attempt() -> None:
    backoff = Backoff()
    backoff.next("i", 0, 0)
    assert backoff.is_in_back_off_since_update("i", 9 * S)
    assert not backoff.is_in_back_off_since_update("i", 10 * S)
    backoff.next("i", 12 * S, 12 * S)
    assert backoff.is_in_back_off_since_update("i", 31 * S)
    assert not backoff.is_in_back_off_since_update("i", 32 * S)


class TestProbes:
    liveness = ProbeSpec(LIVENESS)
    readiness = ProbeSpec(READINESS, period=5 * S, initial_delay=7 * S)

    def test_ticks_before_the_initial_delay_do_nothing(self) -> None:
        assert first_tick(self.readiness, phase=2 * S, started_at=10 * S, after=10 * S) == 17 * S
        assert first_tick(self.readiness, phase=3 * S, started_at=10 * S, after=10 * S) == 18 * S

    def test_a_healthy_container_is_not_probed_again(self) -> None:
        state = count(self.liveness, ProbeState(True), True)
        assert state.result is True
        found = next_probe(
            self.liveness, state, phase=0, started_at=0, after=0, outcome_at=lambda _: True, edges=()
        )
        assert found is None

    def test_the_next_probe_is_the_first_that_fails(self) -> None:
        found = next_probe(
            self.liveness,
            ProbeState(True),
            phase=3 * S,
            started_at=0,
            after=0,
            outcome_at=lambda t: t < 3600 * S,
            edges=(3600 * S,),
        )
        assert found is not None
        assert found[0] == 3603 * S

    def test_a_window_between_two_probes_goes_unseen(self) -> None:
        found = next_probe(
            self.liveness,
            ProbeState(True),
            phase=0,
            started_at=0,
            after=0,
            outcome_at=lambda t: not 101 * S <= t < 109 * S,
            edges=(101 * S, 109 * S),
        )
        assert found is None

    def test_three_failures_in_a_row_change_the_result(self) -> None:
        state = ProbeState(True)
        results = []
        for outcome in (False, False, True, False, False, False):
            state = count(self.liveness, state, outcome)
            results.append(state.result)
        assert results == [True, True, True, True, True, False]

    def test_named_ports_and_defaults(self) -> None:
        container = {
            "name": "c",
            "ports": [{"name": "http", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "ready", "port": "http"}},
        }
        spec = probe_spec(READINESS, container)
        assert spec == ProbeSpec(READINESS, port=8080, path="/ready")
        assert failure_output(spec, "10.0.0.1", listening=False, slow=False) == (
            'Get "http://10.0.0.1:8080/ready": dial tcp 10.0.0.1:8080: connect: connection refused'
        )


@pytest.mark.parametrize(
    ("grace", "pre_stop", "stops", "ignores", "sigterm", "gone", "code"),
    [
        (30, 0, 1, False, 0, 1, 143),
        (30, 10, 1, False, 10, 11, 143),
        (30, 0, 60, False, 0, 30, 137),
        (30, 40, 5, False, 30, 32, 137),  # S13: the hook is cut, two seconds, SIGKILL.
        (30, 0, 0, True, 0, 30, 137),
        (1, 0, 0, True, 0, 2, 137),
    ],
)
def test_termination_of_a_container(
    grace: int, pre_stop: int, stops: int, ignores: bool, sigterm: int, gone: int, code: int
) -> None:
    plan = termination_plan(grace * S, pre_stop * S, stops * S, ignores_sigterm=ignores)
    assert (plan.sigterm_after, plan.exit_after, plan.exit_code) == (sigterm * S, gone * S, code)


@pytest.mark.parametrize(
    ("deletion", "spec", "current", "override", "want"),
    [
        (None, 30, 0, None, 30),
        (5, 30, 0, None, 5),
        (50, 30, 5, None, 5),
        (0, 30, 0, None, 30),
        (30, 30, 0, 1, 1),
    ],
)
def test_grace_only_shrinks(
    deletion: int | None, spec: int, current: int, override: int | None, want: int
) -> None:
    metadata = {} if deletion is None else {"deletionGracePeriodSeconds": deletion}
    pod = {"metadata": metadata, "spec": {"terminationGracePeriodSeconds": spec}}
    assert effective_grace_period(pod, current, override) == want


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        ({"sleep": {"seconds": 10}}, 10),
        ({"exec": {"command": ["sleep", "5"]}}, 5),
        ({"exec": {"command": ["/bin/sh", "-c", "sleep 15 && nginx -s quit"]}}, 15),
        ({"exec": {"command": ["/bin/drain"]}}, 1),
    ],
)
def test_pre_stop_hooks(hook: dict, seconds: int) -> None:
    assert pre_stop_duration({"name": "c", "lifecycle": {"preStop": hook}}, S) == seconds * S


def test_every_worker_state_leads_to_the_end() -> None:
    for (state, stimulus), target in WORKER_STATES.items():
        assert advance(state, stimulus) == target
    assert advance(SYNC, "cleaned up") == SYNC
    assert FINISHED in WORKER_STATES.values()


UP = Observed(running=True)
DONE = Observed(running=False, exit_code=0)
FAILED = Observed(running=False, exit_code=1)
MAIN = {"containers": [{"name": "a"}, {"name": "b"}], "restartPolicy": "Always"}
INIT = {**MAIN, "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}, {"name": "j"}]}
NEVER = {**MAIN, "restartPolicy": "Never"}


@pytest.mark.parametrize(
    ("spec", "observed", "sandbox", "want"),
    [
        (MAIN, {}, False, PodActions(create_sandbox=True, to_start=("a", "b"))),
        (MAIN, {"a": UP}, True, PodActions(to_start=("b",))),
        (MAIN, {"a": UP, "b": UP}, True, PodActions()),
        (MAIN, {"a": UP, "b": FAILED}, True, PodActions(to_start=("b",))),
        (MAIN, {"a": UP, "b": DONE}, True, PodActions(to_start=("b",))),
        (NEVER, {"a": UP, "b": FAILED}, True, PodActions()),
        (NEVER, {"a": DONE, "b": FAILED}, True, PodActions(kill_pod=True)),
        (NEVER, {"a": UP, "b": UP}, False, PodActions(kill_pod=True)),
        (INIT, {}, False, PodActions(create_sandbox=True, init_to_start=("i",))),
        (INIT, {"i": UP}, True, PodActions()),
        (INIT, {"i": FAILED}, True, PodActions(init_to_start=("i",))),
        (INIT, {"i": DONE}, True, PodActions(init_to_start=("s",))),
        (INIT, {"i": DONE, "s": Observed(running=True, started=False)}, True, PodActions()),
        (INIT, {"i": DONE, "s": UP}, True, PodActions(init_to_start=("j",))),
        (INIT, {"i": DONE, "s": UP, "j": DONE}, True, PodActions(to_start=("a", "b"))),
        (INIT, {"s": FAILED, "a": UP, "b": UP}, True, PodActions(init_to_start=("s",))),
        ({**INIT, "restartPolicy": "Never"}, {"i": FAILED}, True, PodActions(kill_pod=True)),
        (
            MAIN,
            {"a": UP, "b": Observed(running=True, alive=False)},
            True,
            PodActions(kill={"b": "Container b failed liveness probe, will be restarted"}, to_start=("b",)),
        ),
    ],
)
def test_compute_pod_actions(spec: dict, observed: dict, sandbox: bool, want: PodActions) -> None:
    got = compute_pod_actions(spec, observed, sandbox_ready=sandbox, was_created=bool(observed))
    assert got == want


def test_last_transition_time_moves_with_the_status_only() -> None:
    ready = {"type": "Ready", "status": "False"}
    first = merge_conditions([], [ready], "t1")
    assert merge_conditions(first, [ready], "t2") is first
    second = merge_conditions(first, [{**ready, "reason": "X"}], "t2")
    assert second[0]["lastTransitionTime"] == "t1"
    third = merge_conditions(second, [{**ready, "status": "True"}], "t3")
    assert third[0]["lastTransitionTime"] == "t3"


class TestImages:
    def test_round_trip(self) -> None:
        entry = {
            "name": "web:2",
            "readyAfter": "5s",
            "crashAfter": "1m",
            "crashes": 2,
            "exitCode": 3,
            "failsReadiness": {"from": "30s", "until": "1m"},
            "failsLiveness": True,
            "servesErrors": {"fraction": 0.25, "from": "10s"},
            "cpu": "250m",
            "memory": 1024,
            "ports": [8080],
            "pull": {"error": "denied"},
        }
        image, problems = images.from_json(entry)
        assert problems == []
        assert image is not None
        assert image.fails_readiness == Window(30 * S, 60 * S)
        assert image.edges() == (5 * S, 10 * S, 30 * S, 60 * S)
        assert images.from_json(images.to_json(image)) == (image, [])

    def test_defaults_are_left_out(self) -> None:
        assert images.to_json(ImageBehaviour("web:1")) == {"name": "web:1"}

    @pytest.mark.parametrize(
        ("entry", "path", "words"),
        [
            ({"name": "w", "redyAfter": "5s"}, ("redyAfter",), "did you mean 'readyAfter'"),
            ({"name": "w", "readyAfter": "soon"}, ("readyAfter",), "not a duration"),
            ({"name": "w", "servesErrors": 2}, ("servesErrors",), "between 0 and 1"),
            ({"name": "w", "crashAfter": "1s", "exitsAfter": "1s"}, ("exitsAfter",), "exclude"),
            ({"readyAfter": "5s"}, (), "needs a name"),
            ({"name": "w", "failsReadiness": {"form": "1s"}}, ("failsReadiness",), "no field 'form'"),
            ({"name": "w", "pull": "maybe"}, ("pull",), "notFound"),
            ([], (), "mapping"),
        ],
    )
    def test_problems_say_where_and_how_to_mend(self, entry: object, path: tuple, words: str) -> None:
        image, problems = images.from_json(entry)
        assert image is None
        assert [p.path for p in problems] == [path]
        assert words in problems[0].message


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0s"),
        (300 * S, "5m0s"),
        (10 * S, "10s"),
        (3600 * S, "1h0m0s"),
        (1500 * MILLISECOND, "1.5s"),
        (250_000, "250ms"),
    ],
)
def test_go_durations(us: int, text: str) -> None:
    assert messages.go_duration(us) == text


def test_texts() -> None:
    pod = messages.format_pod("p", "ns", "u")
    assert messages.restarting_failed_container(300 * S, "c", pod) == (
        "back-off 5m0s restarting failed container=c pod=p_ns(u)"
    )
    assert messages.pulled("web:1", 1_234_567, 2_000_999, 42) == (
        'Successfully pulled image "web:1" in 1.234s (2s including waiting). Image size: 42 bytes.'
    )
    assert messages.image_not_found("web:bad").endswith("docker.io/library/web:bad: not found")
