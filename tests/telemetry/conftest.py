from collections.abc import Iterator

import pytest

from .access_points import Dropbear


@pytest.fixture(scope="session")
def dropbear(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dropbear]:
    with Dropbear(tmp_path_factory.mktemp("dropbear")) as one:
        yield one
