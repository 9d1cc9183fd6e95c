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
# # A node fails: what users felt
#
# A machine loses power. The cluster does not know: it only sees that nothing is heard any more. How long until it
# believes that the node is gone? How long until the pods run elsewhere? And what did the users see meanwhile? Three
# questions, three very different numbers.

# %%
import kcsim
from kcsim.notebook import player, topology
from kcsim.notebook.plots import cumulative, uniform

# %%
sim = kcsim.load("a-node-is-lost", seed=7)
sim.run_until("4m30s")
sim

# %% [markdown]
# Play it: press ▶, scrub, and change the speed. (Where no player can run, the cells below do the same by hand.)

# %%
player(sim, speed=30)

# %% [markdown]
# ## From the crash to `NotReady`
#
# The kubelet renews a lease every 10 s. The node controller looks every 5 s, and gives up after 50 s without news. Your
# guess: how long after the crash at 5 minutes?

# %%
sim.run_until("5m1s")
unknown = sim.run_until(sim.node("node-2").condition("Ready", "Unknown"))
unknown

# %% [markdown]
# What users felt until then: a third of the requests went to pods on a dead machine.

# %%
for each in sim.traffic["shoppers"].failures():
    print(f"from {each.since / 1e6:.0f} s to {each.until / 1e6:.0f} s: {dict(each.causes)}")

# %% [markdown]
# When the node is `NotReady`, its pods are marked so as well. They leave the Service, and the errors end, though
# nothing has been replaced. That is what readiness is for.

# %%
sim.run_until("7m")
sim.get("deployment/web", "shop")["status"]["readyReplicas"]

# %% [markdown]
# Whom do users reach now? The picture has every node with its pods, amber where they are not ready, and the path of a
# request to the Service.

# %%
topology(sim, ("users", "service/web"))

# %% [markdown]
# ## From `NotReady` to new pods
#
# Every pod tolerates an unreachable node for 300 s, in case it comes back: a network that hiccups should not move half
# of the shop.

# %%
sim.run_until("20m")
sim

# %%
sim.measures()

# %% [markdown]
# Five and a half minutes with four pods of six, and not one request failed because of that: the four could carry the
# load. The long wait costs capacity, the short one costs requests.
#
# ## Is it always so?
#
# The crash meets the lease at a random moment of its 10 s, and the controller at a random moment of its 5 s. Theory:
# between 40 and 60 s, 50 on average. One run is one draw, so we draw: the same crash at twenty different instants.

# %%
waits = []
for seed in range(20):
    crash = 130 + seed * 2.73
    settings = {"timeline[node-2-dies].at": f"{crash:.2f}s", "traffic[shoppers].rate": "1/s"}
    world = kcsim.load("a-node-is-lost", seed=seed, settings=settings)
    world.run_until(f"{crash + 20:.2f}s")
    waits.append(world.run_until(world.node("node-2").condition("Ready", "Unknown")).time - crash)

cumulative({"20 crashes": waits}, "from the crash to NotReady", theory=uniform(40, 60))

# %% [markdown]
# The law drawn beside it is only a first guess: the sum of two waits is not uniform, but bounded by the same 40 and 60.
#
# ## Your turn
#
# A machine that only stands still for 45 s: is it given up? Fork the world before the crash, leave the crash out, and
# freeze the machine instead. Then try 65 s.

# %%
blip = sim.fork("4m30s", without=["node-2-dies"])
blip.inject("node-freeze", "node-2", duration="45s")
blip.run_until("8m")
blip.node("node-2").ready
