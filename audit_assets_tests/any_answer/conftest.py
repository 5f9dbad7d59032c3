"""The three services for this whole folder, with something in them to be answered."""

from collections.abc import Iterator

import pytest

from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.cloudflare.samples import spread


@pytest.fixture(scope="package")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with serve_sandbox(Sandbox(tmp_path_factory.mktemp("sandbox"))) as served:
        for stream in ("v1", "v2"):
            served.cloudflare.add(stream, spread(stream, 3))
        yield served
