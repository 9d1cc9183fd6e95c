"""The app that the pod network's stories use, too."""

from tests.unit.podnet.conftest import shop  # noqa: F401 - a fixture
