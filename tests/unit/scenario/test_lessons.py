"""Lessons as data and as a state machine: what can be wrong with one, and how an attempt goes on."""

import pytest

from kcsim.scenario import lessons
from kcsim.scenario.lesson_parts import refusal
from kcsim.scenario.lesson_run import LessonRun, lesson, solution_named
from kcsim.scenario.lessons import Attempt, BadAnswer, Outcome, Truth
from kcsim.scenario.load import examine_text, load, loads
from kcsim.scenario.model import TimelineEntry
from kcsim.scenario.play import Play
from kcsim.scenario.shipped import lesson_named, of_code
from kcsim.scenario.shipped import lessons as shipped

TEXT = """
apiVersion: kcsim/v1
kind: Scenario
name: small
until: 2m
cluster: {nodes: 1}
images: [{name: "web:1"}]
timeline:
  - at: 1s
    name: made
    kubectl: create deployment web --image=web:1 --replicas=2
lesson:
  number: 1
  domain: core
  goal: See it.
  predict:
    - name: many
      ask: How many?
      number: {most: pods("default").count, unit: pods}
    - name: soon
      ask: When?
      number: {when: 'ready("deployment/web") == 2', after: made, tolerance: 3}
    - name: who
      ask: Who?
      choices:
        - {name: two, says: two, eventually: ready("deployment/web") == 2}
        - {name: none, says: none, never: ready("deployment/web") == 2}
  task: Scale it.
  allow: [kubectl]
  hints: [look, think, kubectl scale]
  checks:
    - {name: three, note: Not three., eventually: ready("deployment/web") == 3}
  explain: So it is.
  why: [{object: deployment/web}]
  reference: {actions: [{at: 1m, kubectl: scale deployment/web --replicas=3}]}
  wrong: {actions: [{at: 1m, kubectl: scale deployment/web --replicas=4}], fails: [three]}
"""


def faults(old: str, new: str) -> list[str]:
    assert old in TEXT
    found = examine_text(TEXT.replace(old, new), "lesson.yaml").diagnostics
    return [f"{fault.position.line}:{fault.position.column} {fault.code} {fault.message}" for fault in found]


def test_it_is_sound():
    assert examine_text(TEXT, "lesson.yaml").diagnostics == ()


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("most: pods", "mots: pods", "19:16 KC102", "no field 'mots'"),
        ("most: pods", 'least: pods("default").count, most: pods', "19:15 KC105", "least and most"),
        ('pods("default").count,', 'pods("default").count + 1,', "19:22 KC402", "one look-up"),
        ("after: made, tolerance: 3", "after: made", "22:15 KC105", "microsecond"),
        ("after: made, tolerance", "after: mad, tolerance", "22:61 KC207", "no timeline entry is named 'mad'"),
        ('never: ready("deployment/web")', 'never: ready("deployment/wbe")', "27:43 KC407", "deployment/wbe"),
        ("object: deployment/web}", "object: deployment/wob}", "34:18 KC407", "deployment/wob"),
        ("fails: [three]", "fails: [four]", "36:84 KC104", "no check 'four'"),
        ("fails: [three]", "fails: []", "36:10 KC105", "says what it fails"),
        ("kubectl: scale deployment/web --replicas=3", "flux: get all", "35:25 KC104", "solved with kubectl"),
        ("kubectl: scale deployment/web --replicas=3", "kubectl: scale deployment/wxb --replicas=3", "35:43", "wxb"),
        ("  task: Scale it.", "  stops: [{at: 3m, say: late}]\n  task: x", "28:16 KC302", "later than `until`"),
        ("{name: none, says", "{name: two, says", "27:18 KC106", "another choice 'two'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_where_it_stands(old, new, place, says):
    found = faults(old, new)
    assert any(line.startswith(place) and says in line for line in found), found


def test_answers_are_computed_from_the_trace():
    scenario = loads(TEXT)
    many, soon, who = lessons.untouched(scenario)
    assert many.right == ("2.0..2.0",)
    assert many.said == "2 pods"
    low, high = map(float, soon.right[0].split(".."))
    assert high - low == pytest.approx(6)
    assert who.right == ("two",)
    later = loads(TEXT.replace("--replicas=2", "--replicas=1"))
    many, soon, who = lessons.untouched(later)
    assert (many.said, soon.right, who.right) == ("1 pods", ("never",), ("none",))


@pytest.mark.parametrize(
    ("question", "text", "kept"),
    [(0, " 3 pods", "3"), (0, "2.50", "2.5"), (1, "Never", "never"), (2, "1", "two"), (2, "none", "none")],
)
def test_an_answer_is_read(question, text, kept):
    assert lessons.read_answer(loads(TEXT).lesson.predict[question], text) == kept


@pytest.mark.parametrize(
    ("question", "text", "says"),
    [
        (0, "many", "no number"),
        (0, "never", "no number"),
        (2, "tow", "did you mean 'two'"),
        (2, "3", "answers: "),
    ],
)
def test_what_answers_nothing_is_refused(question, text, says):
    with pytest.raises(BadAnswer, match=says):
        lessons.read_answer(loads(TEXT).lesson.predict[question], text)


def test_an_attempt_goes_from_prediction_to_debrief():
    scenario = loads(TEXT)
    lesson = scenario.lesson
    attempt = Attempt().answered(lesson.predict[0], "2").answered(lesson.predict[2], "none")
    assert attempt.stage == "predict"
    attempt = attempt.revealed([Truth("many", ("2.0..2.0",), "2 pods"), Truth("who", ("two",), "two")])
    assert (attempt.stage, attempt.predicted) == ("act", (1, 2))
    attempt = attempt.hinted(lesson).judged([Outcome("three", "", False, "2", "Not three.")])
    assert (attempt.stage, attempt.tries, attempt.stars, attempt.points(lesson)) == ("act", 1, 0, 0)
    attempt = attempt.judged([Outcome("three", "", True, "3", "")])
    assert (attempt.stage, attempt.passed, attempt.stars, attempt.points(lesson)) == ("debrief", True, 2, 80)
    assert not Attempt(stage="act").given_up().passed


def test_hints_end():
    lesson = loads(TEXT).lesson
    attempt = Attempt()
    for _ in range(5):
        attempt = attempt.hinted(lesson)
    assert attempt.hints == 3


def test_what_a_lesson_does_not_allow_is_refused_by_name():
    scenario = loads(TEXT)
    assert refusal(scenario, TimelineEntry(at=0, kubectl="get pods")) is None
    assert "solved with kubectl" in str(
        refusal(scenario, TimelineEntry(at=0, fault="node-crash", node="node-1"))
    )


def test_the_checks_follow_what_a_person_does():
    world = Play(loads(TEXT))
    world.run_until("1m")
    world.act(TimelineEntry(at=world.engine.now, kubectl="scale deployment/web --replicas=3"))
    world.finish()
    (outcome,) = lessons.outcomes(world.scenario, {"": world})
    assert outcome.passed, outcome
    ((what, chain),) = lessons.chains(world.scenario, {"": world})
    assert what == "deployment/web"
    assert "kubectl scale" in chain


def test_a_lesson_block_leaves_the_trace_alone():
    with_lesson, without = Play(loads(TEXT)), Play(loads(TEXT.partition("lesson:")[0]))
    for world in (with_lesson, without):
        world.finish()
    assert with_lesson.trace.sha256() == without.trace.sha256()


def test_the_same_seed_hides_the_same_faults():
    scenario = load("16-challenge")
    one, other = lessons.prepared(scenario, 3), lessons.prepared(scenario, 3)
    assert one == other
    assert len(one.timeline) == len(scenario.timeline) + 3
    assert lessons.prepared(scenario, 4).timeline != one.timeline


@pytest.mark.parametrize("word", ["04-hand-edit", "hand-edit", "4", "04", "lessons/04-hand-edit"])
def test_a_lesson_is_found_by_name_and_number(word):
    assert lesson_named(word) == shipped()["04-hand-edit"]
    assert load(word).lesson.number == 4


def test_a_story_that_is_no_lesson_is_refused():
    from kcsim.scenario.diagnostics import ScenarioError

    with pytest.raises(ScenarioError, match="KC013 'drift-at-night' is no lesson"):
        lessons.prepared(load("drift-at-night"))


SEVERAL = """several: true
      choices:
        - {name: one, says: one, eventually: ready("deployment/web") >= 1}
        - {name: two, says: two, eventually: ready("deployment/web") == 2}
        - {name: none, says: none, never: ready("deployment/web") == 2}
"""


def several() -> str:
    head, _, rest = TEXT.partition("choices:\n")
    return head + SEVERAL + rest[rest.index("  task:") :]


def test_of_several_right_answers_all_are_asked():
    scenario = loads(several())
    question = scenario.lesson.predict[2]
    truth = lessons.untouched(scenario)[2]
    assert truth.right == ("one,two",)
    assert truth.said == "one; two"
    assert lessons.read_answer(question, "2, 1") == "one,two"
    assert lessons.is_right("one,two", truth)
    assert not lessons.is_right("one", truth)
    assert not lessons.is_right("one,two,none", truth)
    with pytest.raises(BadAnswer):
        lessons.read_answer(question, "one,thre")


def test_several_right_answers_have_no_order():
    found = examine_text(
        several().replace("several: true", "several: true\n      inOrder: true"), "x"
    ).diagnostics
    assert any("several goes with choices" in fault.message for fault in found)


SCORE = """  score:
    - {name: soon, says: until three, number: {when: 'ready("deployment/web") == 3', after: made}, best: 30, worst: 90}
    - {name: pods, says: pods at most, number: {most: pods("default").count, unit: ""}, best: 3, worst: 5, points: 50}
    - {name: none, says: nothing, number: {when: 'ready("deployment/web") == 2', after: now() > 500}, best: 1, worst: 2}
  explain:"""


@pytest.mark.parametrize(("at", "low", "high"), [("20s", 100, 100), ("60s", 30, 70), ("90s", 0, 15)])
def test_how_well_somebody_passes_is_worth_points(at, low, high):
    scenario = loads(
        TEXT.replace("  explain:", SCORE).replace(
            "{at: 1m, kubectl: scale deployment/web --replicas=3",
            f"{{at: {at}, kubectl: scale deployment/web --replicas=3",
        )
    )
    run = LessonRun(lessons.prepared(scenario))
    run.act_all(solution_named(scenario, "reference"))
    run.check()
    soon, pods, none = run.attempt.scores
    assert low <= soon.points <= high
    assert (pods.said, pods.points, pods.most) == ("pods at most: 3", 50, 50)
    assert (none.said, none.points) == ("nothing: nothing to count", 100)
    assert run.attempt.points(scenario.lesson) == 250 + soon.points
    assert run.result()["most_points"] == scenario.lesson.most_points == 350
    assert run.result()["score"][1]["points"] == 50


def test_who_wrote_an_object_last_can_be_asked():
    text = TEXT.replace(
        'never: ready("deployment/web") == 2', 'eventually: written_by("deployment/web") == "dana"'
    )
    (right,) = lessons.untouched(loads(text))[2].right[1:]
    assert right == "none"
    text = text.replace('written_by("deployment/web") == "dana"', 'written_by("deployment/web") == "nico"')
    assert lessons.untouched(loads(text))[2].right == ("two",)


def test_a_score_that_cannot_be_reached_is_told():
    text = TEXT.replace("  explain:", SCORE.replace("best: 3, worst: 5", "best: 5, worst: 3"))
    assert any("not below the worst" in fault.message for fault in examine_text(text, "x").diagnostics)


def test_a_challenge_is_shared_by_name_and_seed():
    assert of_code("16-challenge:9") == ("16-challenge", 9)
    assert of_code("challenge:9") == ("challenge", 9)
    assert of_code("16-challenge") == ("16-challenge", None)
    assert of_code("my:9") == ("my:9", None)
    run = lesson("16-challenge:9")
    assert run.scenario.seed == 9
    assert run.scenario == lesson("16", 9).scenario
    assert run.result()["code"] == "16-challenge:9"
    assert lesson("4").result()["code"] == ""
