"""Runs: one for a training, one nested in it for every trial."""

import time

import pandas as pd
import pytest

from models.tracking import PARENT_RUN, Tracking, clean_name, flatten


@pytest.fixture(scope="module")
def tracking(tmp_path_factory) -> Tracking:
    folder = tmp_path_factory.mktemp("runs")
    return Tracking.connect(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"), "tests")


def children(tracking: Tracking, run_id: str):
    query = f"tags.`{PARENT_RUN}` = '{run_id}'"
    return tracking.client.search_runs([tracking.experiment_id], query, order_by=["tag.number"])


def test_trials_are_runs_nested_in_the_training(tracking):
    with tracking.training_run("training") as run:
        run.log_trial(0, {"kind": "logistic", "C": 0.01}, 0.41, "complete")
        run.log_trial(1, {"kind": "blend"}, None, "pruned")
    found = {child.info.run_name: child for child in children(tracking, run.run_id)}
    first, second = found["trial-000"], found["trial-001"]
    assert first.data.params == {"kind": "logistic", "C": "0.01"}
    assert (first.data.metrics, second.data.metrics) == ({"objective": 0.41}, {})
    assert second.data.tags["state"] == "pruned"
    assert tracking.client.get_run(run.run_id).info.status == "FINISHED"


def test_a_training_that_raises_is_a_failed_run_with_its_reason(tracking):
    with pytest.raises(ValueError, match="no leads"), tracking.training_run("training") as run:
        raise ValueError("no leads")
    found = tracking.client.get_run(run.run_id)
    assert found.info.status == "FAILED"
    assert found.data.tags["error"] == "ValueError: no leads"


def test_files_of_a_run_can_be_fetched(tracking, tmp_path):
    run = tracking.start("training")
    run.log_data({"capacity": 0.1}, "evaluation/evaluation.json")
    run.log_frame(pd.DataFrame({"number": [0]}), "search/trials.csv")
    made = [tracking.client.list_artifacts(run.run_id, name) for name in ("evaluation", "search")]
    assert [files[0].path for files in made] == ["evaluation/evaluation.json", "search/trials.csv"]


def test_more_parameters_and_figures_than_mlflow_takes_at_once(tracking):
    run = tracking.start("training")
    run.log({f"p{i}": i for i in range(250)}, {f"m{i}": i for i in range(250)})
    data = tracking.client.get_run(run.run_id).data
    assert (len(data.params), len(data.metrics)) == (250, 250)


def test_a_deleted_experiment_is_used_again(tmp_path):
    where = (f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "artifacts"), "tests")
    first = Tracking.connect(*where)
    first.client.delete_experiment(first.experiment_id)
    assert Tracking.connect(*where).start("training").run_id


def test_only_finite_numbers_are_metrics():
    told = {"auc": 0.7, "low": float("nan"), "note": "none", "sure": True, "90d": {"n": 3}}
    assert flatten(told) == {"auc": 0.7, "90d.n": 3.0}


def test_names_keep_the_letters_that_mlflow_allows():
    assert clean_name("lift@10%") == "lift_10_"


@pytest.mark.slow
def test_thirty_trials_cost_little(tracking):
    run, started = tracking.start("training"), time.process_time()
    for number in range(30):
        run.log_trial(number, {"kind": "blend", "C": 0.1}, 0.4, "complete")
    assert time.process_time() - started < 5
