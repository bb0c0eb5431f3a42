"""The page of the catalogue says what the declarations say."""

from __future__ import annotations

from pathlib import Path

from features import default_features
from pipelines.features import as_markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "features.md"


def test_the_page_in_the_docs_is_that_of_the_sample_company(small_company):
    assert PAGE.read_text("utf-8") == as_markdown(default_features(small_company.history))
