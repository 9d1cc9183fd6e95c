"""The same decision as ``schedule_pod``, at the cost of what changed since the last one.

Pods of one shape get the same answer from every plugin on an unchanged node. So each shape keeps the answers, looks
again only at nodes in the cache's log of changes, and finds the winner of the search window in a ``ScoreIndex``.

Scores that depend on the other nodes: ImageLocality moves with the number of holders (all holders move together);
TaintToleration and NodeAffinity are scaled by the best node in the window (worked out over the window when any node
differs, a constant otherwise). Inter-pod terms and spread constraints are laid over what is remembered
(``topology_rules``). Pods with named nodes or volumes take the plain path, and so do those that no node suits by these
rules: a refusal needs every node's reason.

Differs: nothing. Tests hold this against ``schedule_pod`` for equal draws (tests/unit/scheduler).

**Walk:** ``decide`` -> the shape's ``ShapeMemory`` catches up -> window -> best score and ties -> one draw -> node.
"""

from __future__ import annotations

from kcsim.api.selectors import SelectorError
from kcsim.cluster.scheduler.cache import Cache
from kcsim.cluster.scheduler.default_profile import (
    BALANCED_WEIGHT,
    FIT_WEIGHT,
    IMAGE_WEIGHT,
    NODE_AFFINITY_WEIGHT,
    SPREAD_WEIGHT,
    TAINT_WEIGHT,
    SchedulerProfile,
)
from kcsim.cluster.scheduler.framework import Status, default_normalize_score
from kcsim.cluster.scheduler.host_ports import conflicts
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.node_selector import compile_preferred, node_names_of
from kcsim.cluster.scheduler.nominations import Nominations
from kcsim.cluster.scheduler.plugins.image_locality import (
    MIN_THRESHOLD,
    calculate_priority,
    normalized_image_name,
    scaled_image_score,
)
from kcsim.cluster.scheduler.plugins.node_affinity import NodeAffinity
from kcsim.cluster.scheduler.plugins.node_name import NodeName
from kcsim.cluster.scheduler.plugins.node_ports import NodePorts
from kcsim.cluster.scheduler.plugins.node_resources_balanced_allocation import balanced_score
from kcsim.cluster.scheduler.plugins.node_resources_fit import fit_status, fits_request
from kcsim.cluster.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kcsim.cluster.scheduler.plugins.taint_toleration import TaintToleration
from kcsim.cluster.scheduler.pod_info import PodInfo, PodShape
from kcsim.cluster.scheduler.sampling import num_feasible_nodes_to_find
from kcsim.cluster.scheduler.schedule_pod import Decision, Diagnosis, Pick, schedule_pod
from kcsim.cluster.scheduler.score_classes import ScoreClasses, pick_by_class
from kcsim.cluster.scheduler.score_index import INFEASIBLE, ScoreIndex
from kcsim.cluster.scheduler.topology_rules import Found, NotCompiled, Rules, add_scores, feasible, rules_for

_MEMORY_CELLS = 4_000_000
"""Nodes times shapes remembered, which bounds the memory (about 40 bytes each)."""


class FastPath:
    """Decides for pods, remembering by shape."""

    def __init__(
        self, cache: Cache, profile: SchedulerProfile, nominations: Nominations | None = None
    ) -> None:
        self._cache = cache
        self._profile = profile
        self._nominations = nominations
        self._memories: dict[PodShape, ShapeMemory] = {}

    def decide(self, pod: PodInfo, start: int, pick: Pick, percentage: int = 0) -> Decision:
        """As ``schedule_pod`` on the cache."""
        cache = self._cache
        infos = cache.infos
        if not infos or not self.covers(pod):
            return self._plainly(pod, start, pick, percentage)
        memory = self._memory(pod)
        memory.catch_up()
        index = memory.index
        count = len(infos)
        try:
            rules = rules_for(pod, cache)
        except (SelectorError, NotCompiled):
            return self._plainly(pod, start, pick, percentage)
        if rules is not None:
            return self._decide_by_rules(pod, memory, rules, start, pick, percentage)
        if not index.feasible:
            return Decision("", start, 0, count, 0, memory.diagnosis(start))
        wanted = num_feasible_nodes_to_find(count, percentage)
        length = index.window(start, wanted)
        next_start = (start + length) % count
        feasible = min(wanted, index.feasible)
        if memory.is_flat:
            best, ties = index.best(start, length)
            nth = pick(ties) if ties > 1 else 0
            chosen = index.find(start, length, best, nth)
        else:
            chosen, ties = memory.pick_normalized(start, length, pick)
        return Decision(infos[chosen].name, next_start, feasible, length, ties)

    def _plainly(self, pod: PodInfo, start: int, pick: Pick, percentage: int) -> Decision:
        return schedule_pod(
            self._profile,
            pod,
            self._cache,
            start,
            pick,
            percentage=percentage,
            nominations=self._nominations,
        )

    def _decide_by_rules(
        self, pod: PodInfo, memory: ShapeMemory, rules: Rules, start: int, pick: Pick, percentage: int
    ) -> Decision:
        cache, index = self._cache, memory.index
        count = len(cache.infos)
        if not index.feasible and not rules.filters:
            return Decision("", start, 0, count, 0, memory.diagnosis(start))
        wanted = num_feasible_nodes_to_find(count, percentage)
        soft = rules.by_class if memory.is_flat else None
        if soft is not None:
            length = index.window(start, wanted)
            kinds, classes = memory.classes(soft.keys)
            picked = pick_by_class(soft, kinds, classes, cache.positions, start, length, SPREAD_WEIGHT, pick)
            if picked is not None:
                feasible_nodes = min(wanted, index.feasible)
                next_start = (start + length) % count
                return Decision(cache.infos[picked[0]].name, next_start, feasible_nodes, length, picked[1])
        found = feasible(rules, index, cache, start, wanted)
        if not len(found):
            return self._plainly(pod, start, pick, percentage)
        next_start = (start + found.looked_at) % count
        if len(found) == 1:
            only = cache.infos[found.position(0)].name
            return Decision(only, next_start, 1, found.looked_at, 1)
        totals = add_scores(rules, cache, found, memory.totals(found))
        best = max(totals)
        ties = totals.count(best)
        at = totals.index(best)
        for _ in range(pick(ties) if ties > 1 else 0):
            at = totals.index(best, at + 1)
        chosen = cache.infos[found.position(at)].name
        return Decision(chosen, next_start, len(found), found.looked_at, ties)

    def covers(self, pod: PodInfo) -> bool:
        """Whether what is remembered by shape decides for this pod."""
        shape = pod.shape
        if pod.node_name or shape.volumes or pod.nominated:
            return False
        if self._nominations and self._nominations.concern(pod):
            return False
        return not shape.required_terms or node_names_of(shape.required_terms) is None

    def _memory(self, pod: PodInfo) -> ShapeMemory:
        memories = self._memories
        memory = memories.get(pod.shape)
        if memory is None:
            memory = ShapeMemory(self._cache, pod)
            limit = max(16, _MEMORY_CELLS // max(1, len(self._cache.infos)))
            while len(memories) >= limit:
                del memories[next(iter(memories))]
            memories[pod.shape] = memory
        return memory


class ShapeMemory:
    """What every node answers to pods of one shape.

    Attributes:
        index: cpu, memory and image scores, weighted; ``INFEASIBLE`` where a filter refuses.
    """

    def __init__(self, cache: Cache, pod: PodInfo) -> None:
        self._cache = cache
        self._pod = pod
        shape = pod.shape
        self._filters = (NodeUnschedulable(), NodeName(), TaintToleration(), NodeAffinity())
        self._taints = TaintToleration()
        self._soft = TaintToleration.soft_tolerations(pod)
        self._preferred = compile_preferred(shape.preferred)
        requests = shape.requests
        self._cpu, self._memory = requests.get("cpu", 0), requests.get("memory", 0)
        self._plain = all(not value for name, value in requests.items() if name not in {"cpu", "memory"})
        self._balanced = bool(self._cpu or self._memory)
        self._image_names = [normalized_image_name(image) for image in shape.images]
        self._order_version = -1
        self._cursor = 0
        self._image_version = -1
        self._image_scores: dict[tuple[int, ...], int] = {}
        self._images_count = False
        self._static: list[Status | None] = []
        self._generation: list[int] = []
        self._image_score: list[int] = []
        self._soft_counts: list[int] = []
        self._weights: list[int] = []
        self._softs = self._weighted = 0
        self._diagnosis: Diagnosis | None = None
        self.index = ScoreIndex([])
        self._classes: dict[tuple[str, ...], ScoreClasses] = {}

    @property
    def is_flat(self) -> bool:
        """Whether no score depends on which other nodes are in the window."""
        return not self._softs and not self._weighted

    # --- keeping up ---------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Look again at every node that changed."""
        cache = self._cache
        changes, dropped = cache.changes, cache.dropped
        behind = dropped + len(changes) - self._cursor
        if self._order_version != cache.order_version or self._cursor < dropped:
            self._start_over()
            return
        if self._image_version != cache.image_version:
            self._refresh_images()
        if behind:
            infos = cache.infos
            for i in dict.fromkeys(changes[self._cursor - dropped :]):
                self._look(i, infos[i])
            self._cursor = dropped + len(changes)
            self._diagnosis = None

    def _start_over(self) -> None:
        cache = self._cache
        infos = cache.infos
        count = len(infos)
        self._order_version, self._cursor = cache.order_version, cache.dropped + len(cache.changes)
        self._diagnosis = None
        self._count_images()
        self._static = [None] * count
        self._generation = [-1] * count
        self._image_score = [0] * count
        self._soft_counts = [0] * count
        self._weights = [0] * count
        self._softs = self._weighted = 0
        for i, info in enumerate(infos):
            self._look_static(i, info)
        self.index = ScoreIndex([self._evaluate(i, info) for i, info in enumerate(infos)])
        self._classes.clear()

    def _look(self, i: int, info: NodeInfo) -> None:
        if self._generation[i] != info.generation:
            self._look_static(i, info)
        if self._images_count:
            self._image_score[i] = self._score_images(info)
        if self.index.set(i, self._evaluate(i, info)):
            for classes in self._classes.values():
                classes.set(i, self.index.scores)

    def _look_static(self, i: int, info: NodeInfo) -> None:
        """What only a change of the Node object can change."""
        self._generation[i] = info.generation
        pod = self._pod
        self._static[i] = None
        for plugin in self._filters:
            status = plugin.filter(None, pod, info)
            if status is not None:
                self._static[i] = status
                break
        soft = self._taints.score(self._soft, pod, info) if info.taints else 0
        self._softs += bool(soft) - bool(self._soft_counts[i])
        self._soft_counts[i] = soft
        if self._preferred:
            weight = sum(w for term, w in self._preferred if term.matches(info.name, info.labels))
            self._weighted += bool(weight) - bool(self._weights[i])
            self._weights[i] = weight
        if self._images_count:
            self._image_score[i] = self._score_images(info)

    def _evaluate(self, i: int, info: NodeInfo) -> int:
        """The node's score as far as it depends on the node alone, or ``INFEASIBLE``."""
        if self._static[i] is not None or len(info.pods) >= info.allowed_pods:
            return INFEASIBLE
        allocatable, used = info.allocatable, info.requested
        cpu, memory = allocatable.get("cpu", 0), allocatable.get("memory", 0)
        used_cpu, used_memory = used.get("cpu", 0), used.get("memory", 0)
        want_cpu, want_memory = self._cpu, self._memory
        if (want_cpu and want_cpu > cpu - used_cpu) or (want_memory and want_memory > memory - used_memory):
            return INFEASIBLE
        shape = self._pod.shape
        if not self._plain and fits_request(shape, info):
            return INFEASIBLE
        if shape.host_ports and conflicts(shape.host_ports, info.used_ports()):
            return INFEASIBLE
        score = IMAGE_WEIGHT * self._image_score[i]
        # LeastAllocated over cpu and memory, as plugins.node_resources_fit has it.
        total = resources = 0
        if cpu:
            free = cpu - info.non_zero_cpu - shape.non_zero_cpu
            total = free * 100 // cpu if free > 0 else 0
            resources = 1
        if memory:
            free = memory - info.non_zero_memory - shape.non_zero_memory
            total += free * 100 // memory if free > 0 else 0
            resources += 1
        if resources:
            score += FIT_WEIGHT * (total // resources)
        if self._balanced:
            score += BALANCED_WEIGHT * self._balance(cpu, memory, used_cpu, used_memory)
        return score

    def _balance(self, cpu: int, memory: int, used_cpu: int, used_memory: int) -> int:
        if not cpu or not memory:
            return balanced_score(100, 100)
        before_cpu, before_memory = used_cpu / cpu, used_memory / memory
        after_cpu, after_memory = (used_cpu + self._cpu) / cpu, (used_memory + self._memory) / memory
        # Fractions never pass 1 on a node that was found feasible, but pods bound past the scheduler can.
        before = abs((min(before_cpu, 1.0) - min(before_memory, 1.0)) / 2)
        after = abs((min(after_cpu, 1.0) - min(after_memory, 1.0)) / 2)
        return balanced_score(int((1 - after) * 100), int((1 - before) * 100))

    # --- images -------------------------------------------------------------------------------------------------

    def _count_images(self) -> None:
        """Note how many nodes hold the pod's images, and whether that can matter at all."""
        cache = self._cache
        self._image_version = cache.image_version
        self._image_scores = {}
        holders = cache.image_holders
        self._images_count = any(name in holders for name in self._image_names)

    def _refresh_images(self) -> None:
        before = self._image_scores
        self._count_images()
        if not self._images_count:
            if not before:
                return
            self._image_score = [0] * len(self._image_score)
        infos, scores = self._cache.infos, self.index.scores
        changed = False
        if (
            self._images_count
            and before
            and all(self._images_value(key) == old for key, old in before.items())
        ):
            # More holders, same scores: only the nodes in the log of changes need another look.
            return
        for i, info in enumerate(infos):
            score = self._score_images(info) if self._images_count else 0
            if score != self._image_score[i] or not self._images_count:
                self._image_score[i] = score
                scores[i] = self._evaluate(i, info)
                changed = True
        if changed:
            self.index.rebuild()
            self._classes.clear()

    def _score_images(self, info: NodeInfo) -> int:
        images = info.images
        if not images:
            return 0
        return self._images_value(tuple([images.get(name, -1) for name in self._image_names]))

    def _images_value(self, sizes: tuple[int, ...]) -> int:
        """The score of a node on which the pod's images have these sizes (-1: absent)."""
        known = self._image_scores.get(sizes)
        if known is None:
            holders, total = self._cache.image_holders, len(self._cache.infos)
            summed = sum(
                scaled_image_score(size, holders.get(name, 0), total)
                for name, size in zip(self._image_names, sizes, strict=True)
                if size >= 0
            )
            containers = self._pod.shape.container_count
            known = calculate_priority(summed, containers) if summed > MIN_THRESHOLD else 0
            self._image_scores[sizes] = known
        return known

    # --- answers ------------------------------------------------------------------------------------------------

    def classes(self, keys: tuple[str, ...]) -> tuple[list[tuple[str | None, ...]], ScoreClasses]:
        """What kinds of nodes there are by these topology keys, and the classes of nodes by score and kind."""
        ids, kinds = self._cache.kinds(keys)
        classes = self._classes.get(keys)
        if classes is None or classes.kinds is not ids:
            classes = self._classes[keys] = ScoreClasses(self.index.scores, ids)
        return kinds, classes

    def pick_normalized(self, start: int, length: int, pick: Pick) -> tuple[int, int]:
        """(position of the winner, ties) where scores are scaled by the best node in the window."""
        count = len(self.index.scores)
        scores = self.index.scores
        window = [i % count for i in range(start, start + length)]
        feasible = [i for i in window if scores[i] != INFEASIBLE]
        totals = self.totals(Found(length, None, feasible))
        best = max(totals)
        equal = [i for i, total in zip(feasible, totals, strict=True) if total == best]
        chosen = equal[pick(len(equal))] if len(equal) > 1 else equal[0]
        return chosen, len(equal)

    def totals(self, found: Found) -> list[int]:
        """The weighted scores of these nodes, taints and node affinity scaled by the best of them."""
        totals = found.take(self.index.scores)
        if self._softs:
            taints = default_normalize_score(found.take(self._soft_counts), reverse=True)
            totals = [total + TAINT_WEIGHT * taint for total, taint in zip(totals, taints, strict=True)]
        if self._weighted:
            affinity = default_normalize_score(found.take(self._weights), reverse=False)
            totals = [t + NODE_AFFINITY_WEIGHT * a for t, a in zip(totals, affinity, strict=True)]
        return totals

    def diagnosis(self, start: int) -> Diagnosis:
        """Why no node would do. Remembered until something changes, so it may begin at another start."""
        if self._diagnosis is None:
            infos = self._cache.infos
            by_status: dict[Status, list[str]] = {}
            ports = NodePorts()
            for i in range(start, start + len(infos)):
                at = i % len(infos)
                info = infos[at]
                status = self._static[at]
                if status is None and self._pod.shape.host_ports:
                    status = ports.filter(None, self._pod, info)
                if status is None:
                    status = fit_status(fits_request(self._pod.shape, info))
                assert status is not None
                by_status.setdefault(status, []).append(info.name)
            self._diagnosis = Diagnosis(len(infos), by_status)
        return self._diagnosis
