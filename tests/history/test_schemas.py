"""The contracts as pandera schemas."""

from __future__ import annotations

import pandas as pd
import pytest
from pandera.errors import SchemaError

from history.schemas import SCHEMAS
from history.tables import TABLES


def test_every_table_has_a_schema_that_the_sample_company_fits(small_company):
    assert set(SCHEMAS) == set(TABLES)
    for name, frame in small_company.history.frames().items():
        SCHEMAS[name].validate(frame)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("kind", None, "kind"), ("team", "support", "team"), ("duration_s", -1.0, "duration_s")],
)
def test_a_frame_that_breaks_the_contract_is_refused(small_history, column, value, words):
    frame = small_history.engagements
    broken = frame.assign(**{column: pd.Series([value] * len(frame), index=frame.index)})
    with pytest.raises(SchemaError, match=words):
        SCHEMAS["engagements"].validate(broken)


def test_two_rows_of_one_id_are_refused(small_history):
    twice = pd.concat([small_history.leads] * 2, ignore_index=True)
    with pytest.raises(SchemaError, match="lead_id"):
        SCHEMAS["leads"].validate(twice)
