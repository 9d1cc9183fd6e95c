"""The commands that change nothing."""

from kcsim.kubectl.describe import describe
from kcsim.kubectl.get import get
from kcsim.kubectl.wait import wait

__all__ = ["describe", "get", "wait"]
