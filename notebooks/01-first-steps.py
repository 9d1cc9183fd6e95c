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
# # First steps: one night, twice
#
# A team runs a small shop. At night nico scales it down by hand and later tries an image that git knows nothing of. In
# the morning dana releases the next version as if nothing had happened.
#
# We play that night in two worlds with the same commits, the same hands and the same dice. In one world a **pipeline**
# pushes every commit to the cluster. In the other an **agent** inside the cluster (Flux) pulls what git says. Nothing
# here needs a cluster: a world is a value, and a night takes a tenth of a second.

# %%
import kcsim

# %reload_ext kcsim.notebook

# %% [markdown]
# ## A world, step by step
#
# `load` makes a world that is ready to play a story. Nothing has happened yet: the clock stands at zero.

# %%
sim = kcsim.load("drift-at-night", delivery="flux", seed=7)
sim

# %% [markdown]
# `step` processes the next thing that leaves a trace. The first ones are the machines of the cluster that boot and
# register themselves, and the first commit.

# %%
sim.step()

# %%
sim.step()

# %% [markdown]
# Steps are small. To get somewhere, run until an instant, or until something is true. What can be waited for has a name
# that reads like a sentence.

# %%
sim.run_until(sim.deploy("web", "shop").available)

# %%
sim

# %% [markdown]
# The app runs, and nobody outside of the cluster had to touch it. **Why** does it run? Every change knows what made it
# happen; the chain ends at a commit, a person, a fault or the clock.

# %%
sim.why("deployment/web", "shop")

# %% [markdown]
# ## Drift, and a look back
#
# `next_change` goes to the next instant at which one sees something, here of the Deployment: at 22 minutes nico types
# `kubectl scale`.

# %%
sim.run_until("21m")
sim.next_change(sim.deploy("web", "shop"))

# %% [markdown]
# What do you expect to see a minute later? Write it down, then run.

# %%
sim.run_until("23m")
sim.get("deployment/web", "shop")["spec"]["replicas"]

# %%
sim.why("deployment/web", "shop")

# %% [markdown]
# The agent looks again at its next interval (10 minutes, with some jitter) and puts back what git says. We run on and
# then look at the past: `at` shows the world as it was, read-only.

# %%
sim.run_until("35m")
{when: sim.at(when).get("deployment/web", "shop")["spec"]["replicas"] for when in ("21m", "23m", "35m")}

# %% [markdown]
# Everything that differs between two instants, field by field:

# %%
sim.diff("23m", "35m")

# %%
sim.why("deployment/web", "shop")

# %% [markdown]
# The origin is not nico any more, it is the **clock**: an interval had passed. That is what reconciliation means.
#
# ## The same night under push
#
# `compare` plays the story under several of its deliveries, to the end. The worlds share everything but the way to the
# cluster, so each difference is the delivery's doing.

# %%
twins = kcsim.compare("drift-at-night", deliveries=["push", "flux"], seed=7)
twins

# %% [markdown]
# Read the *pods* lanes: under push the shop ran with one pod until the morning's release happened to write the field
# again. Where did the two worlds first part?

# %%
twins.divergence()

# %% [markdown]
# ## Your turn
#
# How long may drift live under Flux? At most its interval and a little jitter. Change one setting and predict the
# *time to repair drift* before you run the cell.

# %%
for interval in ("2m", "10m", "30m"):
    world = kcsim.load("drift-at-night", delivery="flux", settings={"deliveries.flux.kustomization.interval": interval})
    world.finish()
    repair = next(measure for measure in world.measures() if measure.name == "drift_repair_time")
    print(f"interval {interval:>3}: drift lived {repair.value:.0f} s at most")
