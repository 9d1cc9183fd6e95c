# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Intervals: simulation against theory
#
# Whoever looks at intervals finds out late, and how late is a question for probability. For some set-ups the answer can
# be written down. Then a simulator has to give the same answer, or one of the two is wrong.
#
# The story has one ConfigMap, one commit and one change by hand, so that waiting is all there is to measure. It lies
# beside this notebook, in `stories/intervals.yaml`.

# %%
import random
from pathlib import Path

import kcsim
from kcsim.notebook.plots import cumulative, exponential, means, uniform

# %%
story = Path("stories/intervals.yaml")
kcsim.compare(story, ["poll", "flux"], until="8m")

# %% [markdown]
# ## A fixed poll
#
# A pipeline looks for commits every 60 s. A commit comes at an instant that knows nothing of that clock. So it waits
# for a time that is **uniform** between 0 and 60 s: 30 s on average, 57 s in the 95th percentile.
#
# What we can measure is the lead time: the wait, and then the pipeline's own work. So first the work alone: the same
# pipeline, called by a webhook instead of looking.

# %%
called = {"deliveries.poll.pipeline": {"trigger": "webhook", "stages": []}}
work = kcsim.sweep(story, seeds=5, deliveries=["poll"], until="7m", settings=called, progress=False)
work = work.medians("change_lead_time")["poll"]
work

# %% [markdown]
# Now the poll. The line is what was seen in 30 seeds, the dashed one is theory, and the band says how far off chance
# alone may be.

# %%
swept = kcsim.sweep(story, seeds=30, deliveries=["poll"], until="7m", progress=False)
poll = cumulative(swept, "change_lead_time", theory=uniform(work, work + 60))
poll

# %%
print(poll)

# %% [markdown]
# ## An interval with jitter
#
# Flux moves every interval by up to 5 % to either side, so that a thousand of them do not look at the same instant. The
# mean stays at 30 s, the longest wait becomes 63 s. To apply a ConfigMap takes a fraction of a second: nothing is added.

# %%
swept = kcsim.sweep(story, seeds=30, deliveries=["flux"], until="7m", progress=False)
pull = cumulative(swept, "change_lead_time", theory=uniform(0, 60))
pull

# %%
print(pull)

# %% [markdown]
# ## How long drift lives
#
# Between the source and the Kustomization nobody waits: a new revision is applied at once. **Drift** is different: no new
# revision, no event, only the Kustomization's own interval. So drift lives half of that on average. Three intervals, ten
# seeds each:

# %%
setting = "deliveries.flux.kustomization.interval"
swept = kcsim.sweep(
    story,
    seeds=10,
    deliveries=["flux"],
    vary={setting: ["2m", "5m", "10m"]},
    until="22m",
    progress=False,
)
lives = {}
for run in swept.runs:
    minutes = float(dict(run.settings)[setting].rstrip("m"))
    lives.setdefault(minutes, []).append(run.measure("drift_repair_time") / 60)

means(lives, over="interval (min)", of="life of drift (min)", theory=lambda interval: interval / 2)

# %% [markdown]
# ## Drift under push
#
# A pipeline never looks at the cluster. Drift ends when the next deploy happens to write the same field. If deploys come
# independently of each other, at three a day, the time to the next one is **exponential** with a mean of 8 h, whatever has
# passed already.
#
# We throw the dice for the next deploy, play each draw, and measure how long the drift lived.

# %%
dice = random.Random(8)
draws = [f"{10 + dice.expovariate(1 / 480):.1f}m" for _ in range(30)]
swept = kcsim.sweep(
    story,
    seeds=1,
    deliveries=["poll"],
    settings={"until": "60h"},
    vary={"timeline[next-deploy].at": draws},
    progress=False,
)
hours = [run.measure("drift_repair_time") / 3600 for run in swept.runs]
push = cumulative({"push, three deploys a day": hours}, "life of drift", theory=exponential(8), unit="h")
push

# %%
print(push)

# %% [markdown]
# Eight hours against five minutes. And without a further deploy it lives for ever: there is no run in which it ends
# by itself.
#
# ## Waves of Argo CD
#
# Argo CD applies what carries a higher `sync-wave` later, and pauses two seconds between waves so that controllers can
# notice what was applied. With everything healthy at once, N waves take **at least 2 (N - 1) s**, however small they are.

# %%
WAVE = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: part-{n}
  namespace: default
  annotations: {{argocd.argoproj.io/sync-wave: "{n}"}}
"""


def first_sync(waves, seed):
    """Seconds until the first commit is live, in so many waves."""
    files = {f"deploy/part-{n}.yaml": WAVE.format(n=n) for n in range(waves)}
    settings = {"repositories[shop].files": files, "timeline": []}
    world = kcsim.load(story, delivery="argocd", seed=seed, settings=settings, until="8m")
    world.finish()
    return next(m.value for m in world.measures() if m.name == "first_delivery_time")


alone = [first_sync(1, seed) for seed in range(5)]
took = {waves: [first_sync(waves, seed) - alone[seed] for seed in range(5)] for waves in (1, 2, 4, 8)}
means(took, over="waves", of="delay (s)", theory=lambda waves: 2 * (waves - 1))

# %% [markdown]
# A little more than the bound: each wave also has to be compared with the cluster.
#
# ## Your turn
#
# Make Flux look more often. Which of the two numbers changes, and which one does not?

# %%
swept = kcsim.sweep(
    story,
    seeds=3,
    deliveries=["flux"],
    vary={"deliveries.flux.gitRepository.interval": ["15s", "1m", "5m"]},
    until="22m",
    progress=False,
)
swept.medians("change_lead_time"), swept.medians("drift_repair_time")

# %%
from kcsim.notebook import heat_map

heat_map(swept, "change_lead_time")
