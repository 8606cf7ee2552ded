from collections.abc import Iterator

import pytest

from tests.scenarios.installation import Installation


@pytest.fixture(scope="session")
def _installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("home"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def parvis(_installation: Installation) -> Installation:
    """One installation for all scenarios, whole again at the start of each; customers are new in each."""
    _installation.wait_ready()
    _installation.clear_faults()
    return _installation


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A customer of this test alone. X knows users by number."""
    return str(abs(hash(request.node.nodeid)) % 10**12 + 10**12)
