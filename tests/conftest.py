"""What all tests share: markers that depend on the machine."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Reference networks are not part of the repository: tests that compare with them run where WEFT_REFERENCE names their folder."""
    if os.environ.get("WEFT_REFERENCE"):
        return
    absent = pytest.mark.skip(
        reason=(
            "WEFT_REFERENCE does not name a folder of reference networks with recorded inputs and outputs: `make reference` makes one; "
            "CONTRIBUTING.md says more"
        )
    )
    for item in items:
        if "reference" in item.keywords:
            item.add_marker(absent)
