"""The lessons."""

from __future__ import annotations

from kcsim.scenario.shipped import lessons
from tools.docs.page import cell, page

_LESSONS_HEAD = """\
# Lessons

A lesson is a story that asks you first. You say what you expect; the story is played untouched and the trace answers; then
it is your turn to change how it ends, and the trace says whether that worked. Predictions cost nothing. Each of three hints
costs a fifth of the points and one of three stars.

    kcsim tui                            the gallery; L shows the lessons only
    kcsim lesson                         the lessons as a list
    kcsim lesson 4                       one in plain text, by number or name
    kcsim lesson 4 --answers mine.yaml   answers and actions from a file; reference and wrong play the lesson's own
    kcsim run 04-hand-edit               its story as any other

In the terminal interface `K` checks, `A` gives a hint, `L` shows goal and task again, `R` begins anew and `E` gives up and
leads to the debrief. The run pauses at each stop; everything of the live run works there, kubectl and git at `:` above all.
What you reached is kept in `kcsim/lessons.json` below `XDG_DATA_HOME`, else below `~/.local/share`.

From Python:

```python
import kcsim

run = kcsim.lesson("hand-edit")
run.answer("who", "flux")
run.reveal()  # what came when nobody laid a hand on it
run.run_until("5m")
run.act("flux reconcile kustomization shop", delivery="flux")
run.check()  # plays to the end, and asks the trace
```

## The sixteen
"""

_LESSONS_TAIL = """\
## Write your own

Any scenario becomes a lesson by a block `lesson`. What is right is never written down: a question names an expression, and
its answer is read from the trace of the untouched story, so that a lesson cannot get out of date.

```yaml
lesson:
  number: 17
  domain: core
  goal: Say who makes new pods.
  predict:
    - name: who
      ask: Who makes new pods?
      choices: # right is the one that comes as it says, in every world that is judged
        - name: nobody
          says: nobody
          after: all-gone
          never: ready("deployment/web", "shop") == 3
        - name: controller
          says: the ReplicaSet's controller
          after: all-gone
          eventually: ready("deployment/web", "shop") == 3
    - name: when
      ask: After how many seconds are three ready again?
      number:
        after: all-gone
        when: ready("deployment/web", "shop") == 3
        tolerance: 4
  task: Have five pods that stay.
  stops:
    - at: 2m
      say: Three are ready again.
  allow: [kubectl]
  hints: [where to look, which concept, what to do]
  checks: # expectations over the trace of the learner's run: any way that fulfils them will do
    - name: five
      note: Told to who fails it.
      eventually: ready("deployment/web", "shop") == 5
      stays: 1m
  explain: What happened, and why.
  why: # causal chains, shown with it
    - object: deployment/web
      namespace: shop
  reference: # played by the tests of the lessons: it passes
    actions:
      - at: 2m
        kubectl: scale deployment/web -n shop --replicas=5
  wrong: # played as well: it fails exactly these checks
    actions:
      - at: 2m
        kubectl: scale deployment/web -n shop --replicas=4
    fails: [five]
```

A number is `value` (at an instant), `least` or `most` (in a window), `when` (seconds until something is true), or `changes`
(how often a value changes); `minus` takes another delivery's number away. With `inOrder` the choices are to be put in the order
in which they come to hold; with `several` more than one may be right, and all of them are asked. `score` makes one way of
passing worth more than another: numbers of the learner's run, the smaller the better. `hiddenFaults` draws faults from the seed
and tells nobody; such a lesson is shared by its name and seed, `16-challenge:9`. `kcsim check` finds what is wrong with
a lesson, its solutions among it; all fields are in [scenario files](scenarios.md).
"""


def lessons_page() -> str:
    """docs/lessons.md: what lessons are, those that ship, and how to write one."""
    from kcsim.scenario.load import load

    rows = []
    for name, path in lessons().items():
        story = load(str(path))
        assert story.lesson is not None, f"{name} has a lesson"
        questions = " ".join(cell(question.ask) for question in story.lesson.predict) or "-"
        rows.append(
            f"| {story.lesson.number} | `{name}` | {story.title}: {cell(story.lesson.goal)} | {questions} |"
        )
    table = "| | lesson | goal | asks |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    return page(f"{_LESSONS_HEAD}\n{table}\n{_LESSONS_TAIL}", "the lessons in scenarios/lessons")
