"""`pytest tests/golden --update-golden` writes the golden traces anew; the diff is then read in review."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/traces anew")


@pytest.fixture
def updating(request) -> bool:
    return bool(request.config.getoption("--update-golden", default=False))
