"""Faults on the way to the API server: what happens to whose requests."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND
from kcsim.engine.task import Task
from kcsim.simulation.faults import FaultError, heal
from tests.unit.faults.conftest import ready

MANAGER = "kube-controller-manager"


def asked(sim, verb="create"):
    """One request of a person called dana, from the laptop: (seconds it took, what came back)."""
    from kcsim.api.request import person

    client = sim.world.cluster.client(person("dana"), "laptop")
    began, answers = sim.engine.now, []
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"generateName": "a-", "namespace": "default"},
    }
    call = client.create("configmaps", body) if verb == "create" else client.list("configmaps")

    def steps():
        yield call

    Task(steps(), lambda value, error: answers.append((sim.engine.now - began, error)))
    while not answers:
        sim.engine.step()
    took, error = answers[0]
    return took / SECOND, error


def maps(sim):
    return len(sim.list("configmaps", "default"))


def test_latency_delays_one_clients_requests_and_no_others(sim):
    before, _ = asked(sim)
    sim.inject("api-latency", "dana", delay="3s")
    took, error = asked(sim)
    assert error is None
    assert 3 < took < 3.2 > before
    sim.inject("api-latency", "somebody-else", delay="9s")
    assert asked(sim)[0] < 3.2


def test_a_slip_of_the_pen_is_no_client_that_may_still_come(sim):
    with pytest.raises(
        FaultError, match="no client 'kube-contoller-manager' has connected; did you mean 'kube-con"
    ):
        sim.inject("api-error", "kube-contoller-manager")
    for name in ("somebody", "node-99"):
        sim.inject("api-error", name)
        assert "note" in sim.trace.records[-1].facts()


def test_a_throttled_client_waits_and_tries_ten_times_more(sim):
    fault = sim.inject("api-throttle", "dana")
    took, error = asked(sim)
    assert isinstance(error, StatusError)
    assert (error.code, error.retry_after) == (429, 1)
    assert 10 < took < 10.2
    heal(sim.world, fault)
    sim.inject("api-throttle", "dana", duration="3500ms")
    took, error = asked(sim)
    assert error is None
    assert 4 < took < 4.2, "the fourth try comes after the fault"


@pytest.mark.parametrize(
    ("code", "reason"),
    [(500, "InternalError"), (503, "ServiceUnavailable"), (504, "Timeout"), (502, "InternalError")],
)
def test_an_error_of_the_server_answers_instead_of_the_effect(sim, code, reason):
    before = maps(sim)
    sim.inject("api-error", "dana", code=code, duration="1m")
    _, error = asked(sim)
    assert error.reason == reason
    assert maps(sim) == before
    sim.run("1m")
    assert asked(sim)[1] is None


def test_an_error_can_hit_only_some_requests(sim):
    sim.inject("api-error", "dana", verb="create", resource="configmaps")
    assert asked(sim, "list")[1] is None
    assert asked(sim)[1].code == 500


def test_a_share_of_the_requests_fails(sim):
    sim.inject("api-error", "dana", share=0.5)
    failed = sum(asked(sim)[1] is not None for _ in range(100))
    assert 30 < failed < 70


def test_a_write_that_timed_out_took_effect(sim):
    before = maps(sim)
    sim.inject("api-timeout", "dana")
    took, error = asked(sim)
    assert maps(sim) == before + 1
    assert "Client.Timeout" in str(error)
    assert took > 1
    assert asked(sim, "list")[1] is None, "reads are answered"


def test_a_reset_connection_fails_at_once_and_without_effect(sim):
    before = maps(sim)
    sim.inject("api-reset", "dana")
    took, error = asked(sim)
    assert "connection reset by peer" in str(error)
    assert took < 0.5
    assert maps(sim) == before


def test_a_controller_whose_answers_are_lost_still_makes_three_pods_of_a_replica_set(sim):
    sim.inject("api-timeout", MANAGER, verb="create", resource="pods", share=0.5, duration="2m")
    sim.kubectl("scale deployment web --replicas=6")
    sim.run("10m")
    assert ready(sim) == 6
    assert len(sim.list("pods")) == 6


def test_controllers_get_over_errors_on_half_of_their_requests(sim):
    sim.inject("api-error", MANAGER, share=0.5, code=503, duration="5m")
    sim.kubectl("scale deployment web --replicas=5")
    sim.run("10m")
    assert ready(sim) == 5


def test_through_errors_a_watch_that_is_open_goes_on(sim):
    sim.inject("api-error", MANAGER)
    sim.kubectl("create configmap seen --from-literal=a=b")
    sim.run("5s")
    informers = {i.resource: i for i in sim.world.cluster.controller_manager.informers}
    assert sim.list("pods")
    name = sim.list("pods")[0]["metadata"]["name"]
    sim.kubectl(f"label pod {name} seen=yes")
    sim.run("5s")
    assert objects.labels(informers["pods"].get("default", name))["seen"] == "yes"


def test_a_leader_that_cannot_write_its_lease_steps_down(sim):
    sim.inject("api-error", MANAGER, duration="1m")
    sim.run("30s")
    assert not any(instance.leads for instance in sim.world.cluster.instances[MANAGER])
    sim.run("2m")
    assert any(instance.leads for instance in sim.world.cluster.instances[MANAGER])


def test_two_faults_on_one_client_add_up_and_end_one_by_one(sim):
    sim.inject("api-latency", "dana", delay="2s", duration="20s")
    sim.inject("api-latency", "dana", delay="3s", duration="40s")
    sim.inject("api-error", "dana", duration="10s")
    assert asked(sim)[1].code == 500
    sim.run("5s")
    assert 5 < asked(sim)[0] < 5.2
    sim.run("10s")
    assert 3 < asked(sim)[0] < 3.2
    sim.run("30s")
    assert asked(sim)[0] < 1


def test_expired_credentials_are_unauthorized(sim):
    sim.inject("credential-expired", "dana", duration="1m")
    _, error = asked(sim)
    assert (error.code, error.reason, error.message) == (401, "Unauthorized", "Unauthorized")
    sim.run("1m")
    assert asked(sim)[1] is None
