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
# # Rollout arithmetic: the closed form, and what happens
#
# A Deployment replaces its pods in waves. Two numbers rule them: `maxSurge`, how many pods there may be beyond what is
# wanted, and `maxUnavailable`, how many may be missing. Percentages are of the replicas: **surge rounds up,
# unavailable rounds down**, so that neither is ever 0 by accident for the worse.
#
# For R replicas: at most R + ⌈0.25 R⌉ pods, at least R - ⌊0.25 R⌋ of them available.

# %%
from math import ceil, floor

import kcsim
from kcsim.notebook import rollout

# %%
def bounds(replicas, surge=0.25, unavailable=0.25):
    """(fewest available, most pods) that a rollout may show."""
    return replicas - floor(unavailable * replicas), replicas + ceil(surge * replicas)


{replicas: bounds(replicas) for replicas in (1, 3, 4, 10, 100)}

# %% [markdown]
# One replica keeps one: `floor(0.25)` is 0, so the new pod has to be ready before the old one goes.
#
# ## The waves
#
# Let every new pod take s seconds to get ready. The controller fills up to the upper bound, waits, and scales the old
# ones down as new ones get ready. That can be computed with nothing but integers:

# %%
def waves(replicas, surge=0.25, unavailable=0.25):
    """Groups of new pods, each started when the one before is ready."""
    least, most = bounds(replicas, surge, unavailable)
    new, old, groups = 0, replicas, []
    while new < replicas or old > 0:
        old -= min(old, new + old - least)
        start = min(replicas - new, most - new - old)
        groups += [start] if start else []
        new += start
    return groups


{replicas: waves(replicas) for replicas in (1, 3, 4, 10, 100)}

# %% [markdown]
# Three replicas need three waves, a hundred only two. Now the simulated controller does it: a story with ten replicas of
# a program whose new version needs 25 s to get ready.

# %%
settings = {"images[registry.example/shop/web:1.1.0].readyAfter": "25s"}
sim = kcsim.load("plain-release", delivery="flux", settings=settings, until="15m")
sim.run_until("8m")
sim.git.commit("ten replicas", set={"deploy/web.yaml": {"spec.replicas": 10}})
sim.run_until("15m")
chart = rollout(sim, "web", "shop", since="10m", until="13m")
chart

# %% [markdown]
# The lines above and below are the bounds of the closed form. Are they kept at every instant? We do not look, we count:

# %%
ready, pods = {}, {}
for row in chart.to_records():
    ready[row["time"]] = ready.get(row["time"], 0) + row["ready"]
    pods[row["time"]] = pods.get(row["time"], 0) + row["replicas"]

{"fewest ready": min(ready.values()), "most pods": max(pods.values()), "closed form": bounds(10)}

# %% [markdown]
# And the waves? Each is a growth of the new ReplicaSet. The first one comes at once, the next when pods of the first are
# ready: pods do not get ready at the same instant, so a wave of five is spread over some seconds. The sum is the same.

# %%
new = [row["replicas"] for row in chart.to_records() if row["images"].endswith("1.1.0")]
steps = [after - before for before, after in zip([0, *new], new) if after != before]
steps, sum(steps), waves(10)

# %% [markdown]
# ## Other numbers
#
# `maxSurge: 1, maxUnavailable: 0` is the careful way: R waves, and R pods available all the time. It costs time.

# %%
waves(10, surge=0.1, unavailable=0)

# %% [markdown]
# ## Your turn
#
# Which `maxSurge` gets 40 replicas through in two waves with at most 10 % missing? Compute first, then check.

# %%
{surge: len(waves(40, surge, 0.10)) for surge in (0.1, 0.25, 0.5, 0.9)}
