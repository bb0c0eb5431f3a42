import pytest

from history import StoreError
from serving.errors import NotReadyError


def test_a_promotion_takes_effect(empty_desk):
    before = empty_desk.scorer
    empty_desk.source.number = "2"
    empty_desk.look()
    assert empty_desk.scorer is not before
    assert empty_desk.scorer.champion.version == "2"


def test_a_damaged_new_champion_leaves_the_old_one_serving(empty_desk):
    empty_desk.source.model = None
    empty_desk.source.problem = "model.json: missing or damaged"
    empty_desk.look()
    assert empty_desk.ready
    assert "damaged" in empty_desk.about()["problem"]


@pytest.mark.parametrize("error", [RuntimeError("odd"), OSError("gone")])
def test_whatever_is_wrong_with_a_model_the_service_goes_on(empty_desk, monkeypatch, error):
    def fail():
        raise error

    empty_desk._scorer = None
    monkeypatch.setattr(empty_desk.source, "load", fail)
    empty_desk.look()
    with pytest.raises(NotReadyError, match=str(error)):
        _ = empty_desk.scorer


def test_watching_notices_a_promotion_and_stops(empty_desk, monkeypatch):
    monkeypatch.setattr("serving.desk._LOOK_EVERY_S", 0.01)
    looked = []
    monkeypatch.setattr(
        empty_desk, "look", lambda: looked.append(1) or (len(looked) > 2 and empty_desk.close())
    )
    empty_desk.open()
    assert empty_desk._closed.wait(5)


def test_without_a_history_nothing_is_written(empty_desk):
    empty_desk.url = None
    empty_desk._store = None
    with pytest.raises(StoreError, match="SMARKETING_HISTORY__URL"):
        empty_desk.write("leads", [{"lead_id": "a"}])


def test_the_value_of_a_win_is_the_median_won_amount(desk, small_company):
    outcomes = small_company.history.outcomes
    won = outcomes.loc[(outcomes["stage"] == "won").to_numpy(), "amount"]
    assert desk.scorer.answers.deal == won.median()
