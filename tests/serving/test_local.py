"""A service for as long as a block runs."""

import httpx
import pytest

from models import ConversionModel
from models.evaluation import Evaluation
from models.registry import Registry
from serving.local import StartError, local_service
from settings import Settings
from tests.serving.conftest import fill


@pytest.mark.slow
def test_it_answers_inside_the_block_and_nowhere_after(
    tmp_path, root, monkeypatch, small_company, saved_model
):
    import pandas as pd

    monkeypatch.setenv("PYTHONPATH", f"{root / 'src'}:{root}")
    settings = Settings.in_folder(tmp_path)
    fill(settings.history.url, small_company.history)
    registry = Registry(settings.tracking.uri, settings.tracking.artifacts)
    words = {"who": "a test", "why": "to serve", "now": small_company.history.observed_until}
    nothing = pd.DataFrame(columns=["segment", "horizon", "predictor", "metric", "value"])
    version = registry.log_and_register(
        ConversionModel.load(saved_model),
        Evaluation(nothing, nothing, nothing, nothing, 0.1),
        pd.DataFrame(),
        **words,
    )
    registry.promote(version, **words)
    with local_service(settings) as address:
        assert address.startswith("http://127.0.0.1:")
        lead = small_company.history.leads["lead_id"].iloc[-1]
        answer = httpx.post(f"{address}/score", json={"leads": [{"lead_id": lead}]}, timeout=30)
        assert answer.json()["scores"][0]["status"] == "ok"
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{address}/livez", timeout=2)


@pytest.mark.slow
def test_without_a_champion_it_says_what_is_missing(tmp_path, root, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{root / 'src'}:{root}")
    with (
        pytest.raises(StartError, match="ready"),
        local_service(Settings.in_folder(tmp_path), patience_s=8),
    ):
        pass
