"""One-line promises, and what a broken one says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import rule, run_state_machine_as_test

import kcsim
from kcsim.scenario.load import loads
from kcsim.testing.machines import ClusterMachine, DeliveryMachine
from kcsim.testing.promises import check_deterministic, check_equivalent, check_esr
from kcsim.testing.shop import shop
from kcsim.testing.temporal import Broken

FEW = settings(max_examples=4, stateful_step_count=6, deadline=None, derandomize=True, database=None)


def bare(replicas=2):
    sim = kcsim.Simulation(nodes=2, seed=1)
    sim.run("5s")
    sim.kubectl(f"create deployment web --image=web:1 --replicas={replicas}")
    return sim


class TestEventuallyStable:
    def test_a_deployment_after_faults(self):
        sim = bare()
        sim.inject("node-crash", "node-1")
        sim.inject("component-crash", "kube-controller-manager")
        check_esr(sim)

    def test_what_never_comes_about(self):
        sim = bare()
        with pytest.raises(Broken, match="eventually is broken"):
            check_esr(sim, 'ready("deployment/web", "default") == 9', within="1m", stays="30s")

    def test_what_is_not_as_asked_is_told_with_what_it_waits_for(self):
        sim = bare()
        for node in sim.list("nodes"):
            sim.kubectl(f"cordon {node['metadata']['name']}")
        sim.kubectl("scale deployment/web --replicas=3")
        told = (
            r"not as asked at t=\S+: deployment/default/web has 0 of 3 ready: "
            r"pod/default/web-\S+ is Pending: 0/\d nodes are available: \d node\(s\) were unschedulable"
        )
        with pytest.raises(Broken, match=told):
            check_esr(sim, within="1m", stays="30s")

    def test_somebody_who_never_rests(self):
        sim = bare()
        check_esr(sim)

        def nag(count=[0]):  # noqa: B006 - counts on purpose
            count[0] += 1
            sim.kubectl(f"annotate deployment/web n={count[0]} --overwrite")
            sim.engine.after(10_000_000, nag)

        sim.engine.after(10_000_000, nag)
        with pytest.raises(Broken, match="writes after it should be at rest, by kubernetes-admin"):
            check_esr(sim, lambda at: True, within="1m", stays="1m")


class TestSame:
    def test_a_story_twice_and_elsewhere(self):
        story = replace(shop(), until=120_000_000)
        assert len(check_deterministic(story, "flux")) == 64

    def test_two_worlds_that_hold_the_same(self):
        twins = kcsim.compare("plain-release", ["push", "flux"])
        push, flux = twins.worlds.values()
        check_equivalent(push, flux, namespace="shop")

    def test_two_worlds_that_differ(self):
        with pytest.raises(AssertionError, match=r"replicas of deployment/default/web: 2 and 3"):
            check_equivalent(bare(2), bare(3))

    def test_an_aspect_that_there_is_not(self):
        with pytest.raises(ValueError, match="there is no aspect 'colour'; there are images, replicas"):
            check_equivalent(bare(), bare(), on=["colour"])


class TestMachines:
    def test_a_cluster_does_what_was_asked(self):
        run_state_machine_as_test(ClusterMachine, settings=FEW)

    def test_a_pulled_shop_follows_git(self):
        run_state_machine_as_test(DeliveryMachine, settings=FEW)

    def test_a_defect_is_found_and_saved_as_a_story(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

        class Suspended(DeliveryMachine):
            kinds = ("commit-version",)

            @rule()
            def suspend(self):
                self.world.kubectl(
                    [
                        "patch",
                        "kustomization",
                        "shop",
                        "-n",
                        "flux-system",
                        "--type=merge",
                        "-p",
                        '{"spec":{"suspend":true}}',
                    ]
                )

        with pytest.raises(
            (Broken, FlakyFailure), match=r"replay: kcsim run \.kcsim/counterexamples/suspended\.yaml"
        ):
            run_state_machine_as_test(
                Suspended, settings=settings(FEW, max_examples=12, phases=[Phase.generate], print_blob=False)
            )
        saved = (tmp_path / ".kcsim/counterexamples/suspended.yaml").read_text()
        assert loads(saved, "suspended.yaml").name == "suspended"
