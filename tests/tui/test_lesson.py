"""A lesson in the terminal interface, from the gallery to the debrief, and its best score on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcsim.scenario.load import load
from kcsim.scenario.play import Play
from kcsim.scenario.progress import Best, Progress
from kcsim.tui.dialogs import Ask, Choose, Help, Read
from kcsim.tui.gallery import GalleryScreen
from kcsim.tui.lesson import LessonScreen
from tests.tui.worlds import Driver, play

LESSON = "05-rolling-update"


async def dialog(user: Driver, kind: type) -> None:
    """Until a dialog of a kind is there."""
    await user.until(lambda: isinstance(user.app.screen, kind))


async def to_my_turn(user: Driver, *answers: str) -> None:
    """Through the goal, the predictions and the reveal."""
    await dialog(user, Read)
    assert "Goal" in user.text
    await user.press("enter")
    for answer in answers:
        await dialog(user, Ask)
        await user.type(answer)
    await dialog(user, Read)
    assert "What came" in user.text
    await user.press("enter")
    assert "Your turn" in user.text
    await user.press("enter")
    await user.rest()


def test_a_whole_lesson_at_80_by_24(tmp_path):
    kept = tmp_path / "lessons.json"

    async def story(user: Driver) -> None:
        assert isinstance(user.app.screen, GalleryScreen)
        await user.press("L")
        assert "drift-at-night" not in user.text
        assert "lessons passed 0/" in user.text
        await user.press("slash")
        await user.type("rolling")
        await user.press("enter")
        await dialog(user, Read)
        await user.press("enter")
        await dialog(user, Ask)
        await user.type("five")
        assert "is no number" in user.text
        await user.type("4")
        await dialog(user, Ask)
        await user.type("6")
        await dialog(user, Read)
        assert "you said: 4 pods, as it came" in user.text
        assert "it came otherwise" in user.text
        await user.press("enter", "enter")
        await user.rest()
        assert user.session.now == 300_000_000
        assert "In a minute 1.2.0 is committed" in user.message
        assert "LESSON 5 your turn" in user.text

        await user.press("A")
        assert "Look at spec.strategy" in user.text
        await user.press("escape", "colon")
        await user.type("kubectl scale deployment/web -n shop --replicas=9")
        assert "to be solved with git" in user.message
        await user.press("K")
        await dialog(user, Read)
        assert "Not yet" in user.text
        assert "A pod was taken away before its successor was ready" in " ".join(user.text.split())
        await user.press("escape", "R", "down", "enter")
        await user.rest()
        assert user.session.now == 300_000_000
        await user.press("colon")
        await user.type(
            "sed -i 's/maxUnavailable: 1/maxUnavailable: 0/' deploy/web.yaml && git commit -am 'lose nobody'"
        )
        assert user.session.hands.deeds
        await user.press("K")
        await dialog(user, Read)
        assert "Passed" in user.text
        await user.press("enter")
        await user.settle()
        assert "Why deployment/web" in user.text
        await user.press("escape", "escape")
        assert "** " in user.text
        await user.press("escape")
        assert isinstance(user.app.screen, GalleryScreen)
        assert "80 of 100 points **" in user.text
        assert "lessons passed 1/" in user.text

    play(story, progress=Progress(kept))
    assert Progress(kept).best(LESSON) == Best(80, 2)


def test_choices_are_asked_and_other_worlds_are_part_of_the_lesson():
    async def story(user: Driver) -> None:
        await dialog(user, Read)
        await user.press("enter")
        await dialog(user, Choose)
        assert "under flux only" in user.text
        await user.press("down", "enter")
        await dialog(user, Ask)
        await user.press("escape")
        await dialog(user, Read)
        assert "as it came" in user.text
        await user.press("enter", "enter")
        await user.rest()
        assert user.session.now == 300_000_000
        await user.press("b", "down", "enter")
        await user.settle()
        assert isinstance(user.app.screen, LessonScreen)
        assert "FLUX" in user.text
        assert "your turn" in user.text
        await user.press("E", "down", "enter")
        await user.settle()
        assert "Debrief" in user.text
        assert "no star" in user.text

    play(story, "4", "push")


def test_a_lesson_runs_to_its_stops_at_any_pace():
    async def story(user: Driver) -> None:
        await to_my_turn(user, "4", "8")
        await user.press("g")
        await user.type("end")
        await user.rest()
        assert user.session.at_end
        await user.press("R", "down", "enter")
        await user.rest()
        assert user.session.now == 300_000_000

    play(story, LESSON)


def test_what_was_done_is_saved_as_a_story_that_can_be_played(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def story(user: Driver) -> None:
        await to_my_turn(user, "4", "8")
        await user.press("colon")
        await user.type(
            "sed -i 's/maxUnavailable: 1/maxUnavailable: 0/' deploy/web.yaml && git commit -am 'less'"
        )
        await user.press("s")
        await dialog(user, Ask)
        await user.type("mine.yaml")
        await user.settle()
        assert "saved" in user.message
        user.session.play.finish()
        again = Play(load(tmp_path / "mine.yaml"))
        again.finish()
        assert again.trace.sha256() == user.session.play.trace.sha256()

    play(story, LESSON)


@pytest.mark.parametrize("size", [(60, 20), (160, 48)])
def test_the_lesson_has_room_on_every_screen(size):
    async def story(user: Driver) -> None:
        await to_my_turn(user, "4", "8")
        assert "LESSON 5" in user.text
        assert "WHY" in user.text

    play(story, LESSON, size=size)


def test_the_best_is_kept_and_worse_is_not(tmp_path):
    path = tmp_path / "deep" / "lessons.json"
    progress = Progress(path)
    assert progress.best("a") is None
    assert not path.exists()
    progress.passed("a", 80, 2)
    progress.passed("a", 60, 1)
    assert Progress(path).best("a") == Best(80, 2)
    progress.passed("a", 100, 3)
    assert Progress(path).best("a") == Best(100, 3)
    assert [each.name for each in path.parent.iterdir()] == ["lessons.json"]


def test_a_damaged_file_is_set_aside_and_said(tmp_path):
    path = tmp_path / "lessons.json"
    path.write_text("{not json")
    progress = Progress(path)
    assert "kept as lessons.json.old" in progress.fault
    assert (tmp_path / "lessons.json.old").read_text() == "{not json"
    progress.passed("a", 80, 2)
    assert Progress(path).count == 1


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    progress = Progress(tmp_path / "file" / "lessons.json")
    progress.passed("a", 80, 2)
    assert "cannot be" in progress.fault
    assert progress.best("a") == Best(80, 2)


def test_where_it_is_kept():
    assert Progress.of_user({"XDG_DATA_HOME": "/data"}).path == Path("/data/kcsim/lessons.json")
    assert Progress.of_user({"HOME": "/h"}).path == Path("/h/.local/share/kcsim/lessons.json")
    assert Progress.of_user({"HOME": "/h", "XDG_DATA_HOME": "here"}).path == Path(
        "/h/.local/share/kcsim/lessons.json"
    )


def test_help_offers_what_a_lesson_can_do():
    async def story(user: Driver) -> None:
        await to_my_turn(user, "4", "8")
        await user.press("question_mark")
        await dialog(user, Help)
        offered = {doable.action for doable in user.app.screen._all}
        assert {"check", "hint", "lesson", "restart", "debrief"} <= offered

    play(story, LESSON)


def test_several_answers_may_be_right_and_what_was_prevented_has_no_chain():
    async def story(user: Driver) -> None:
        await dialog(user, Read)
        await user.press("enter")
        await dialog(user, Ask)
        assert "all that are right: numbers with commas" in user.text
        await user.type("2,one")
        assert "is no answer" in user.text
        await user.press("ctrl+u")
        await user.type("2,1")
        await dialog(user, Choose)
        await user.press("down", "down", "enter")
        await dialog(user, Ask)
        await user.press("escape")
        await dialog(user, Read)
        assert user.text.count("as it came") == 2
        await user.press("enter", "enter")
        await user.rest()
        assert "What does it need?" in user.text
        await user.press("space")
        await user.rest()
        assert "that no deployment takes away?" in " ".join(user.text.split()), "all of it can be read"
        await user.press("space")
        await user.until(lambda: user.session.now > 361_000_000)
        assert "that no deployment takes away?" not in " ".join(user.text.split())
        await user.press("E", "down", "enter")
        await user.settle()
        assert "Why pod/miner under push" in user.text

    play(story, "14", "push", size=(100, 60))


def test_a_challenge_says_how_to_share_it():
    async def story(user: Driver) -> None:
        await dialog(user, Read)
        await user.press("enter")
        await dialog(user, Read)
        await user.press("enter")
        await user.rest()
        await user.press("colon")
        await user.type("git revert HEAD")
        await user.press("K")
        await dialog(user, Read)
        assert "Passed" in user.text
        await user.press("enter")
        await user.settle()
        assert "commits after the release: 1: 100 of 100 points" in user.text
        assert "of 400 points" in user.text
        assert "kcsim tui 16-challenge:7" in user.text

    play(story, "16", size=(120, 60))
