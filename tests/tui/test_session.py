"""A world being watched: pace, jumps, the past, deeds by hand, and taking them back. No screen is needed for that."""

from __future__ import annotations

import pytest

from kcsim.engine.clock import MILLISECOND, MINUTE, SECOND
from kcsim.scenario.model import TimelineEntry
from kcsim.scenario.play import load
from kcsim.tui.session import SPEEDS, BadTime
from tests.tui.worlds import rest, small


def test_pace_turns_wall_time_into_virtual_time():
    session = small()
    session.toggle()
    session.advance(0.5, quantum=10)
    assert session.speed == 60
    assert session.now == 30 * SECOND


def test_a_world_that_is_busy_returns_to_the_keyboard_in_between():
    session = small()
    session.change_speed(len(SPEEDS))
    session.toggle()
    session.advance(0.1, quantum=0)
    assert session.running
    assert session.now < session.end


def test_jumps_run_forward_and_look_back():
    session = small()
    session.go_to(5 * MINUTE)
    rest(session)
    assert session.now == 5 * MINUTE
    session.go_to(1 * MINUTE)
    assert (session.seen, session.now) == (1 * MINUTE, 5 * MINUTE)
    assert session.look.is_past
    session.look_at(None)
    assert not session.look.is_past


def test_next_change_stops_at_the_next_moment_and_back_looks_at_the_one_before():
    session = small()
    session.go_to(4 * MINUTE)
    rest(session)
    before = len(session.moments)
    session.next_change()
    rest(session)
    assert session.now == 5 * MINUTE
    assert len(session.moments) > before
    session.previous_change()
    assert session.seen < 5 * MINUTE
    session.next_change()
    assert session.cursor is None, "the next change after the last one of the past is the present"


def test_a_step_adds_records_and_one_in_the_past_goes_to_the_next_moment():
    session = small()
    session.step()
    assert len(session.play.trace) > 0
    session.go_to(2 * MINUTE)
    rest(session)
    session.look_at(0)
    session.step()
    assert 0 < session.seen < session.now


def test_the_story_ends():
    session = small()
    session.go_to(session.end)
    rest(session)
    assert session.at_end
    session.toggle()
    assert not session.running
    before = len(session.play.trace)
    session.step()
    assert len(session.play.trace) == before


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("90", 90 * SECOND),
        ("1m30s", 90 * SECOND),
        ("+30s", 150 * SECOND),
        ("-1m", 60 * SECOND),
        ("now", 120 * SECOND),
        ("end", 600 * SECOND),
        ("-10m", 0),
    ],
)
def test_instants_are_written_as_people_write_them(text, when):
    session = small()
    session.go_to(120 * SECOND)
    rest(session)
    assert session.instant(text) == when


@pytest.mark.parametrize("text", ["yesterday", "1x", "11m", "+"])
def test_what_is_no_instant_is_refused_in_words(text):
    with pytest.raises(BadTime) as refusal:
        small().instant(text)
    assert str(refusal.value)


def test_a_word_of_the_timeline_is_an_instant():
    session = small()
    session.go_to(6 * MINUTE)
    rest(session)
    assert session.instant("scale") == 5 * MINUTE


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_what_was_done_by_hand_replays_to_the_same_trace(delivery, tmp_path):
    session = small(delivery)
    session.go_to(3 * MINUTE + 1)
    rest(session)
    session.type("scale deployment/web -n shop --replicas=4")
    session.go_to(session.now + 20 * SECOND)
    rest(session)
    crash = TimelineEntry(at=0, fault="node-crash", node="node-1", for_=2 * MINUTE)
    assert session.do(crash) is None
    session.go_to(session.end)
    rest(session)
    assert session.unsaved == 2
    assert session.save(tmp_path / "by hand.yaml") is None
    assert session.unsaved == 0
    again = load(tmp_path / "by hand.yaml", delivery)
    again.finish()
    assert again.scenario.name == "by-hand"
    assert again.trace.sha256() == session.play.trace.sha256()


def test_a_suspended_agent_repairs_nothing():
    session = small("flux")
    session.go_to(4 * MINUTE)
    rest(session)
    assert "Applied revision" in session.read("get kustomizations", "flux").stdout
    assert session.type("suspend kustomization shop", "flux") is None
    session.go_to(session.end)
    rest(session)
    assert not session.hands.answers()[0].failed
    assert session.look.find("deployment", "shop", "web")["spec"]["replicas"] == 1
    assert str(session.concern()).startswith("◐ deployment/web has drifted")


def test_deeds_stand_alone_in_their_instant():
    session = small()
    session.go_to(3 * MINUTE)
    rest(session)
    session.type("scale deployment/web -n shop --replicas=3")
    when = session.hands.deeds[0].entry.at
    assert when % MILLISECOND == 0
    records = [record for record in session.play.trace.records if record.time == when]
    assert records[0].verb == "kubectl"


def test_looking_leaves_no_trace_and_is_not_counted():
    session = small()
    session.go_to(2 * MINUTE)
    rest(session)
    before = session.play.trace.sha256()
    measures = session.play.measures()
    assert "web" in session.read("get deployments -n shop").stdout
    assert "Name:" in session.read("describe deployment/web -n shop").stdout
    session.look_at(MINUTE)
    assert session.look.objects("nodes")
    assert session.play.trace.sha256() == before
    assert session.play.measures() == measures


def test_kubectl_looks_into_the_past():
    session = small()
    session.go_to(6 * MINUTE)
    rest(session)
    assert session.read("get deploy web -n shop").stdout.split()[-5:-1] == ["web", "1/1", "1", "1"]
    session.look_at(4 * MINUTE)
    assert session.read("get deploy web -n shop").stdout.split()[-5:-1] == ["web", "2/2", "2", "2"]
    told = session.read("describe deploy web -n shop").stdout
    assert "2 desired" in told
    assert "Scaled down" not in told, "that has not happened yet"
    assert "NotFound" in session.read("get pod nosuch -n shop").stderr
    assert "stands still" in session.read("get pods -n shop -w").stderr
    assert session.read("get pods -n shop -l app=nosuch").stderr == "No resources found in shop namespace.\n"


def test_undo_goes_back_to_before_the_deed_and_redo_does_it_again():
    session = small()
    session.go_to(3 * MINUTE)
    rest(session)
    session.type("scale deployment/web -n shop --replicas=5")
    session.go_to(4 * MINUTE)
    rest(session)
    assert session.look.find("deployment", "shop", "web")["spec"]["replicas"] == 5
    with_it = session.play.trace.sha256()
    assert session.undo() is not None
    assert session.look.find("deployment", "shop", "web")["spec"]["replicas"] == 2
    assert not session.hands.deeds
    assert session.redo() is not None
    session.go_to(4 * MINUTE)
    rest(session)
    assert session.play.trace.sha256() == with_it
    assert session.redo() is None


def test_a_fault_that_hits_nothing_is_refused_and_the_world_goes_on():
    session = small()
    session.go_to(MINUTE)
    rest(session)
    refusal = session.do(TimelineEntry(at=0, fault="node-crash", node="node-9", for_=None))
    assert "node-9" in refusal
    assert not session.hands.deeds
    session.go_to(2 * MINUTE)
    assert rest(session).now == 2 * MINUTE


def test_a_command_answers_when_the_world_has_let_it_happen():
    session = small()
    session.go_to(3 * MINUTE)
    rest(session)
    session.type("scale deployment/nosuch -n shop --replicas=5")
    assert session.hands.answers() == []
    session.go_to(session.now + SECOND)
    rest(session)
    (answer,) = session.hands.answers()
    assert answer.failed
    assert '"nosuch" not found' in answer.text
    assert session.hands.answers() == []


def test_a_defect_stops_the_world_and_keeps_what_there_was():
    session = small()
    session.go_to(MINUTE)
    rest(session)
    records = len(session.play.trace)

    def break_it():
        raise RuntimeError("a defect")

    session.play.engine.after(1, break_it)
    session.toggle()
    session.advance(1.0)
    assert "a defect" in session.failure
    assert not session.running
    assert len(session.play.trace) >= records
    session.toggle()
    assert not session.running


def test_the_first_unmet_expectation_is_known_when_it_is_decided():
    session = small("push")
    session.go_to(session.end)
    rest(session)
    assert session.unmet().name == "stays"
    repaired = small("flux")
    repaired.go_to(repaired.end)
    rest(repaired)
    assert repaired.unmet() is None
