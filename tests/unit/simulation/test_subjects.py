"""Objects one can speak of and wait for, changes, differences, and what is said of questions nobody can answer."""

from __future__ import annotations

import pytest

import kcsim
from kcsim.simulation.finding import NotFound

WEB = "create deployment web --image=web:1 --replicas=2"


def world() -> kcsim.Simulation:
    sim = kcsim.Simulation(nodes=2, seed=1)
    sim.run_until("10s")
    return sim


class TestConditions:
    def test_a_run_waits_for_a_condition_and_says_which(self) -> None:
        sim = world()
        sim.kubectl(WEB)
        web = sim.deploy("web")
        assert not web.available
        run = sim.run_until(web.available)
        assert run.reason == "deployment/web is available"
        assert web.available
        assert str(web).startswith("deployment/web: 2 of 2 ready, Available=True")

    def test_available_means_what_kubectl_wait_means(self) -> None:
        sim = world()
        sim.kubectl(WEB)
        sim.run_until(sim.deploy("web").available)
        assert sim.kubectl("wait deployment/web --for=condition=Available --timeout=1s").exit_code == 0

    def test_ready_waits_for_the_newest_generation(self) -> None:
        sim = world()
        sim.kubectl(WEB)
        sim.run_until(sim.deploy("web").ready)
        sim.kubectl("scale deployment/web --replicas=3")
        assert not sim.deploy("web").ready  # two are ready, but three are asked for
        sim.run_until(sim.deploy("web").ready)
        assert sim.get("deployment/web")["status"]["readyReplicas"] == 3

    def test_complete_means_rolled_out_of_a_workload_and_succeeded_of_a_job(self) -> None:
        sim = world()
        sim.kubectl(WEB)
        assert not sim.deploy("web").rolled_out
        sim.run_until(sim.deploy("web").rolled_out)
        job = sim.subject("job/once")
        assert not job.complete

    def test_conditions_join(self) -> None:
        sim = world()
        sim.kubectl(WEB)
        both = sim.deploy("web").available & sim.node("node-1").ready
        assert both.text == "deployment/web is available and node/node-1 is ready"
        assert not both
        assert sim.deploy("web").available | sim.node("node-1").ready
        assert ~sim.deploy("web").available
        assert sim.deploy("web").exists
        assert sim.deploy("wob").gone

    def test_a_condition_of_one_world_can_be_asked_of_another(self) -> None:
        one, other = world(), world()
        one.kubectl(WEB)
        ready = one.deploy("web").ready
        one.run_until(ready)
        assert not ready(other)
        other.kubectl(WEB)
        other.run_until(ready)
        assert other.get("deployment/web")["status"]["readyReplicas"] == 2

    def test_a_wait_in_vain_says_how_things_stand(self) -> None:
        sim = world()
        sim.kubectl("create deployment web --image=web:1 --replicas=2")
        sim.kubectl("cordon node-1")
        sim.kubectl("cordon node-2")
        with pytest.raises(TimeoutError, match=r"'deployment/web is available', within 1m: 0 of 2 ready"):
            sim.run_until(sim.deploy("web").available, "1m")

    def test_a_wait_for_what_never_was_names_the_nearest(self) -> None:
        sim = world()
        sim.kubectl(WEB)
        with pytest.raises(TimeoutError, match=r"no deployment/wep; did you mean web\?"):
            sim.run_until(sim.deploy("wep").available, "1m")

    def test_a_kind_that_nobody_serves_is_refused_at_once(self) -> None:
        with pytest.raises(NotFound, match="did you mean deployment"):
            world().subject("deploymnt/web")

    @pytest.mark.parametrize(
        "ref", ["deployment/web", "deploy/web", "node/node-1", "deployment/apps/other", "deployment/other"]
    )
    def test_what_is_found_is_what_get_gives(self, ref: str) -> None:
        sim = world()
        sim.kubectl(WEB)
        sim.kubectl("create namespace apps")
        sim.kubectl("create deployment other --image=web:1 -n apps")
        assert sim.subject(ref).found is sim.get(ref)

    def test_of_several_of_one_name_none_is_meant(self) -> None:
        sim = world()
        for space in ("a", "b"):
            sim.kubectl(f"create namespace {space}")
            sim.kubectl(f"create deployment twin --image=web:1 -n {space}")
        assert sim.deploy("twin").found is None
        assert sim.deploy("twin", "b").found is sim.get("deployment/twin", "b")
        assert "several namespaces" in sim.deploy("twin").seen()

    def test_why_and_object_of_a_subject(self) -> None:
        sim = world()
        sim.kubectl(WEB, as_="nico")
        assert sim.deploy("web").object["metadata"]["name"] == "web"
        assert sim.deploy("web").why().origin.actor == "nico"
        with pytest.raises(NotFound, match="did you mean web"):
            _ = sim.deploy("wob").object


class TestNextChange:
    def test_it_stops_at_each_instant_at_which_something_is_seen(self) -> None:
        sim = world()
        sim.kubectl(WEB)
        told = [sim.next_change("deployment/web") for _ in range(2)]
        assert all(change.found for change in told)
        assert [r.subject for change in told for r in change.records] == ["deployment.apps/default/web"] * 2
        assert told[0].time <= told[1].time == sim.now

    def test_it_tells_the_fields_that_changed(self) -> None:
        sim = world()
        sim.kubectl(WEB)
        sim.run_until(sim.deploy("web").available)
        sim.run("1m")
        sim.kubectl("scale deployment/web --replicas=5")
        change = sim.next_change(sim.deploy("web"))
        paths = {leaf.path for each in change.objects for leaf in each.fields}
        assert "status.conditions[Available].status" in paths or "status.observedGeneration" in paths
        assert "deployment.apps/default/web" in str(change)

    def test_a_world_at_rest_says_that_nothing_changed(self) -> None:
        sim = world()
        sim.run("10m")
        change = sim.next_change(limit="5m")
        assert not change.found
        assert "nothing changed" in str(change)

    def test_stepping_by_changes_is_the_same_run(self) -> None:
        stepwise, at_once = (kcsim.load("plain-release", delivery="push", until="12m") for _ in range(2))
        while stepwise.now < 11 * 60:
            stepwise.next_change(limit="1m")
        at_once.run_until(stepwise.now)
        assert stepwise.trace.sha256() == at_once.trace.sha256()


class TestDiff:
    def test_what_came_went_and_changed(self) -> None:
        sim = world()
        sim.kubectl(WEB)
        sim.run_until(sim.deploy("web").ready)
        before = sim.now
        sim.run("10s")
        sim.kubectl("scale deployment/web --replicas=1")
        sim.kubectl("create configmap more --from-literal=a=b")
        sim.run("40s")
        told = sim.diff(before)
        kinds = {each.object: each.kind for each in told.objects}
        assert kinds["configmap/default/more"] == "added"
        assert kinds["deployment.apps/default/web"] == "changed"
        assert "removed" in kinds.values()
        rows = {(row["object"], row["path"]): row for row in told.to_records()}
        assert rows["deployment.apps/default/web", "spec.replicas"]["after"] == 1
        assert "spec.replicas: 2 -> 1" in str(told)

    def test_equal_instants_differ_in_nothing(self) -> None:
        sim = world()
        assert sim.diff("5s", "5s").objects == ()
        assert "nothing differs" in str(sim.diff("5s", "5s"))

    def test_instants_in_the_wrong_order_are_refused(self) -> None:
        with pytest.raises(ValueError, match="name the earlier instant first"):
            world().diff("5s", "2s")


class TestQuestionsNobodyCanAnswer:
    def test_a_time_that_has_not_come(self) -> None:
        with pytest.raises(ValueError, match=r'it is t=10s; run_until\("20s"\) goes there'):
            world().at("20s")

    def test_a_time_before_the_beginning(self) -> None:
        with pytest.raises(ValueError, match="a world begins at 0"):
            world().at(-1)

    def test_a_time_in_the_past(self) -> None:
        with pytest.raises(ValueError, match=r"in the past: it is t=10s already; at\('1s'\) looks back"):
            world().run_until("1s")

    @pytest.mark.parametrize("verb", ["at", "run_until", "diff", "fork"])
    def test_a_time_beyond_the_end_of_a_story(self, verb: str) -> None:
        play = kcsim.load("plain-release", delivery="push")
        with pytest.raises(ValueError, match=r'beyond the end of the story at 30m; load\(..., until="2h"\)'):
            getattr(play, verb)("2h")

    def test_a_step_in_a_world_without_news_says_so(self) -> None:
        sim = kcsim.Simulation(nodes=0, seed=1)
        sim.run("1h")
        assert "nothing left a trace" in str(sim.step("1s"))

    def test_an_object_that_never_existed(self) -> None:
        sim = world()
        sim.kubectl(WEB)
        for ask in (sim.get, sim.why, sim.versions):
            with pytest.raises(NotFound, match="did you mean web"):
                ask("deployment/we")
        with pytest.raises(NotFound, match="at t=5s"):
            sim.at("5s").get("deployment/web")
