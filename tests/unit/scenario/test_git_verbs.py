"""Git by hand, from Python: commits that are delivered like any other, and changes nobody can make."""

from __future__ import annotations

import pytest

import kcsim
from kcsim.simulation.finding import NotFound

FILE = "deploy/web.yaml"


def begun(delivery: str = "flux") -> kcsim.Simulation:
    play = kcsim.load("plain-release", delivery=delivery)
    play.run_until(play.deploy("web", "shop").available)
    return play


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_a_commit_is_delivered_like_any_other(delivery: str) -> None:
    play = begun(delivery)
    step = play.git.commit("web: two replicas", set={FILE: {"spec.replicas": 2}}, author="mia")
    assert (step.records[0].actor, step.records[0].verb) == ("mia", "commit")
    play.run_until(lambda sim: sim.get("deployment/web", "shop")["spec"]["replicas"] == 2, timeout="9m")
    assert play.why("deployment/web", "shop").origin.actor == "mia"


def test_replace_files_delete_and_revert() -> None:
    play = begun()
    before = play.git.files()
    play.git.commit("more", replace={FILE: {"web:1.0.0": "web:1.1.0"}}, files={"deploy/a.txt": "x"})
    assert "web:1.1.0" in play.git.files()[FILE]
    play.git.revert()
    assert play.git.files() == before
    play.git.commit("less", delete=["deploy/service.yaml"])
    assert "deploy/service.yaml" not in play.git.files()


def test_a_fork_does_it_again() -> None:
    play = begun()
    play.git.commit("web: two", set={FILE: {"spec.replicas": 2}})
    play.run("2m")
    assert play.fork().trace.sha256() == play.trace.sha256()


def test_changes_nobody_can_make() -> None:
    play = begun()
    with pytest.raises(ValueError, match="nothing to commit"):
        play.git.commit("empty")
    with pytest.raises(ValueError, match=r"nothing was committed: .*nowhere"):
        play.git.commit("x", replace={FILE: {"nowhere": "somewhere"}})
    with pytest.raises(NotFound, match="did you mean 'shop'"):
        play.git.commit("x", files={"a": "b"}, repository="shpo")


def test_what_is_asked_may_be_labelled_and_what_is_committed_signed():
    play = kcsim.load("plain-release", "push")
    play.run_until("1m")
    play.git.merge_request(
        "Two", "two", set={"deploy/web.yaml": {"spec.replicas": 2}}, labels=["preview"], auto=False
    )
    assert play.git.requests()[0].labels == ("preview",)
    play.git.commit("Signed", files={"NOTE.md": "x"}, signed_by="ssh-ed25519 AAAA ana")
    head = play.world.git.repository("shop").head().sha
    assert [each.key for each in play.signed.of(f"shop@{head}")] == ["ssh-ed25519 AAAA ana"]
