"""Statistics as plots: what was measured over many seeds beside what theory says. Drawn by matplotlib, extra ``plots``.

``cumulative``  how values are distributed, as steps, with a band that holds the true distribution in 95 of 100 cases
``means``       how a mean grows with a setting, with intervals

The numbers are made here and need no library; only the drawing does. Everything that is not statistics (lanes, rollouts,
topologies) is drawn by ``kcsim.views.svg`` and needs none either.
"""

from kcsim.notebook.plots.cumulative import Cumulative, cumulative
from kcsim.notebook.plots.laws import Law, exponential, uniform
from kcsim.notebook.plots.means import Means, means

__all__ = ["Cumulative", "Law", "Means", "cumulative", "exponential", "means", "uniform"]
