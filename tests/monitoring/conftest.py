"""A sample company large enough for weekly verdicts."""

from __future__ import annotations

import pytest

from history import Sample, sample_company


@pytest.fixture(scope="session")
def big_company() -> Sample:
    """Return two years of thirty thousand leads."""
    return sample_company(30_000, seed=7, engagements_per_lead=4)
