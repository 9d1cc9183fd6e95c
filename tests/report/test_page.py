"""The page of a report: complete, valid, the same every time, and closed to whatever texts of others try."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kcsim.report import facts_of, files_of, page, read_facts
from kcsim.report.verdict import verdict
from kcsim.scenario import compare
from kcsim.scenario.recording import RecordingError
from tests.report.conftest import HOSTILE, recorded

html5lib = pytest.importorskip("html5lib", reason="needs the development dependencies")

MIB = 1024 * 1024
SECTIONS = ("at-a-glance", "timeline", "parted", "expected", "measures", "again")


def text_of(folder: Path) -> str:
    return (folder / "report.html").read_text("utf-8")


def tree(text: str):
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def words(element) -> str:
    return " ".join("".join(element.itertext()).split())


@pytest.mark.parametrize("which", ["hostile", "gallery"])
class TestEveryPage:
    def test_is_valid_html(self, which: str, request) -> None:
        tree(text_of(request.getfixturevalue(which)))

    def test_fetches_nothing_and_is_small(self, which: str, request) -> None:
        text = text_of(request.getfixturevalue(which))
        root = tree(text)
        assert len(text.encode()) < 2 * MIB
        for element in root.iter():
            for name, value in element.attrib.items():
                local = name in {"href", "src", "action"}
                assert not local or value.startswith("#"), (element.tag, value)
        assert "url(" not in text
        assert "@import" not in text
        policy = next(e for e in root.iter("meta") if e.get("http-equiv") == "Content-Security-Policy")
        assert policy.get("content", "").startswith("default-src 'none'")

    def test_has_headings_landmarks_and_words_for_every_picture(self, which: str, request) -> None:
        root = tree(text_of(request.getfixturevalue(which)))
        assert root.get("lang") == "en"
        assert len(list(root.iter("h1"))) == 1
        assert {"header", "nav", "main", "footer"} <= {element.tag for element in root.iter()}
        for section in root.iter("section"):
            assert section.find("h2") is not None
            assert section.get("aria-labelledby") == section.find("h2").get("id")
        for picture in root.iter("{http://www.w3.org/2000/svg}svg"):
            named = (
                picture.get("role") == "img" and picture.find("{http://www.w3.org/2000/svg}title") is not None
            )
            assert named or picture.get("aria-hidden") == "true"
        for table in root.iter("table"):
            assert all(cell.get("scope") == "col" for cell in table.find("thead").iter("th"))

    def test_every_link_leads_somewhere_and_every_id_is_one(self, which: str, request) -> None:
        root = tree(text_of(request.getfixturevalue(which)))
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        links = {element.get("href") for element in root.iter() if element.get("href")}
        assert {link.removeprefix("#") for link in links} <= set(ids)

    def test_is_made_again_to_the_byte_from_the_recording(self, which: str, request) -> None:
        folder = request.getfixturevalue(which)
        assert page(read_facts(folder)) == text_of(folder)


def test_all_sections_stand_in_order(gallery: Path) -> None:
    root = tree(text_of(gallery))
    assert [section.get("id") for section in root.iter("section")] == list(SECTIONS)


def test_the_verdict_is_one_sentence(gallery: Path, hostile: Path) -> None:
    said = verdict(read_facts(gallery))
    assert said.startswith("All 12 expectations came out as the story says; time to repair drift: ")
    assert said.endswith(" under flux.")
    assert verdict(read_facts(hostile)).startswith(
        "4 of 6 expectations came out otherwise than the story says: never-two-replicas did not hold under push, and 3 more"
    )


def test_what_failed_stands_unfolded_with_its_chain_to_the_commit(hostile: Path) -> None:
    root = tree(text_of(hostile))
    folds = {fold.get("id"): fold for fold in root.iter("details")}
    assert folds["e-0"].get("open") is not None
    assert folds["e-2"].get("open") is None
    chains = [[words(item) for item in chain.iter("li")] for chain in folds["e-0"].iter("ol")]
    assert len(chains) == 2
    assert "ci-deployer create deployment.apps/default/web" in chains[0][0]
    assert "dana commit commit/shop/" in chains[0][-1]


def test_measures_stand_with_their_definitions(gallery: Path) -> None:
    root = tree(text_of(gallery))
    result = json.loads((gallery / "result.json").read_text("utf-8"))
    by_id = {element.get("id"): element for element in root.iter("div")}
    for measure in result["worlds"][0]["measures"]:
        said = words(by_id[f"m-{measure['name']}"])
        assert measure["definition"] in said
        assert measure["text"] in said


def test_no_text_of_others_becomes_markup(hostile: Path) -> None:
    text = text_of(hostile)
    root = tree(text)
    assert len(list(root.iter("script"))) == 1
    assert not list(root.iter("img"))
    assert not list(root.iter("b")) or all("bold" not in words(element) for element in root.iter("b"))
    assert not [e for e in root.iter() if any(name.startswith("on") for name in e.attrib)]
    assert "\u202e" not in text
    assert "alert('title')" in words(next(root.iter("h1")))
    assert words(next(root.iter("title"))).startswith("</title><script>")


def test_how_to_play_it_again_leads_to_the_same_trace(gallery: Path) -> None:
    root = tree(text_of(gallery))
    said = words(next(e for e in root.iter("section") if e.get("id") == "again"))
    facts = read_facts(gallery)
    for world in facts.worlds:
        assert world.command == f"kcsim run {world.name}/scenario.yaml --delivery {world.name}"
        assert world.command in said
        assert world.sha256 in said
        twin = compare.compare(gallery / world.name / "scenario.yaml", [world.name])
        assert twin[world.name].trace.sha256() == world.sha256


def test_a_world_without_a_twin_has_no_parting(tmp_path: Path) -> None:
    twins = compare.compare("a-job-gives-up")
    document = twins.result()
    text = "".join(files_of(twins, document)["report.html"])
    ids = [section.get("id") for section in tree(text).iter("section")]
    assert "parted" not in ids
    assert "timeline" in ids


def test_an_interrupted_run_says_so(gallery: Path) -> None:
    result = json.loads((gallery / "result.json").read_text("utf-8"))
    timeline = json.loads((gallery / "timeline.json").read_text("utf-8"))
    facts = facts_of({**result, "interrupted": True}, timeline)
    assert verdict(facts).startswith("The run was interrupted")
    tree(page(facts))


def test_each_two_worlds_are_compared(tmp_path: Path) -> None:
    story = tmp_path / "three.yaml"
    text = HOSTILE.read_text("utf-8")
    place = text.index("  flux:\n")
    slow = (
        text[place : text.index("timeline:")]
        .replace("  flux:", "  slow:")
        .replace("interval: 1m", "interval: 3m")
    )
    story.write_text(text.replace("timeline:", f"{slow}timeline:"), "utf-8")
    facts = read_facts(recorded(story, tmp_path / "out"))
    assert [each.between for each in facts.parted] == [("push", "flux"), ("push", "slow"), ("flux", "slow")]
    root = tree(page(facts))
    section = next(e for e in root.iter("section") if e.get("id") == "parted")
    assert [words(each) for each in section.iter("h3")] == ["push and flux", "push and slow", "flux and slow"]


def test_the_fields_in_which_worlds_part_stand_with_the_value_on_each_side(gallery: Path) -> None:
    root = tree(text_of(gallery))
    section = next(e for e in root.iter("section") if e.get("id") == "parted")
    table = next(section.iter("table"))
    assert [words(cell) for row in table.iter("tr") for cell in row] == [
        *("field", "flux", "push"),
        *("spec.replicas", "3", "1"),
    ]


def test_a_recording_that_does_not_tell_the_fields_is_still_read(gallery: Path) -> None:
    result = json.loads((gallery / "result.json").read_text("utf-8"))
    timeline = json.loads((gallery / "timeline.json").read_text("utf-8"))
    for each in timeline["parted"]:
        del each["fields"]
    assert "deployment.apps/shop/web differs." in words(tree(page(facts_of(result, timeline))))


@pytest.mark.parametrize("story", ["bad-image-tag", "drain-against-a-budget", "drift-at-night"])
def test_other_stories_of_the_gallery_are_told_as_well(story: str, tmp_path: Path) -> None:
    tree(text_of(recorded(story, tmp_path / story)))


# Damaged recordings.


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for name in ("kcsim-run.json", "result.json", "timeline.json"):
        (to / name).write_bytes((folder / name).read_bytes())
    return to


def refused(folder: Path) -> str:
    with pytest.raises(RecordingError) as raised:
        read_facts(folder)
    assert raised.value.remedy
    return str(raised.value)


def test_a_folder_without_a_recording_is_refused(tmp_path: Path) -> None:
    assert "holds no recording" in refused(tmp_path)
    assert "does not exist" in refused(tmp_path / "nowhere")


def test_a_recording_from_before_there_were_reports_is_refused(gallery: Path, tmp_path: Path) -> None:
    folder = copied(gallery, tmp_path / "old")
    (folder / "timeline.json").unlink()
    assert "timeline.json is missing" in refused(folder)


@pytest.mark.parametrize("name", ["result.json", "timeline.json"])
@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"worlds": [{}]}', "\x00", '{"worlds": 3}', "null"])
def test_damaged_files_are_refused_by_name(gallery: Path, tmp_path: Path, name: str, text: str) -> None:
    folder = copied(gallery, tmp_path / "damaged")
    (folder / name).write_text(text, "utf-8")
    assert str(folder) in refused(folder)


def test_fields_of_another_type_are_refused(gallery: Path) -> None:
    """Each value of both documents, replaced by something else, is either shown as text or refused, and never breaks."""
    result = json.loads((gallery / "result.json").read_text("utf-8"))
    timeline = json.loads((gallery / "timeline.json").read_text("utf-8"))
    tried = 0
    for place in _places(result, 4):
        try:
            page(facts_of(_with(result, place, {"other": 1}), timeline))
        except ValueError as error:
            assert re.search(r"[a-z]", str(error))  # noqa: PT017
        tried += 1
    for place in _places(timeline, 4):
        try:
            page(facts_of(result, _with(timeline, place, {"other": 1})))
        except ValueError as error:
            assert re.search(r"[a-z]", str(error))  # noqa: PT017
        tried += 1
    assert tried > 30


def _places(value, depth: int, at: tuple = ()):
    """Paths to values; of lists the first item only."""
    if at:
        yield at
    if depth and isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, depth - 1, (*at, key))
    elif depth and isinstance(value, list) and value:
        yield from _places(value[0], depth - 1, (*at, 0))


def _with(value, place: tuple, new):
    if not place:
        return new
    first, *rest = place
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[first] = _with(value[first], tuple(rest), new)
    return copy


# Colours.


def luminance(colour: str) -> float:
    """Relative luminance of ``#rgb`` or ``#rrggbb``, as WCAG 2 defines it."""
    digits = colour.removeprefix("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_text_has_the_contrast_that_wcag_asks_for(gallery: Path) -> None:
    sets = [
        dict(re.findall(r"--(\w+):\s*(#[0-9a-f]{3,6})", block))
        for block in re.findall(r"\{([^{}]*--page:[^{}]*)\}", text_of(gallery).replace("\n", ""))
    ]
    assert len(sets) == 5  # light, dark, each by choice, and paper
    for colours in sets:
        for words in ("ink", "soft", "link", "good", "bad"):
            for ground in ("page", "box"):
                assert contrast(colours[words], colours[ground]) >= 4.5, (words, ground, colours)
