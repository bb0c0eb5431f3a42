"""The champion in BentoML's model store."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

EXPORT = """
import bentoml, numpy, pandas, sys
from features.declaration import Feature
from models.conversion import ConversionModel, HorizonModel, Prior
from models.evaluation import Evaluation
from models.registry import NoChampionError, Registry
from pipelines.release import FOLDER, export_champion

registry = Registry(f"sqlite:///{sys.argv[1]}/mlflow.db", f"{sys.argv[1]}/artifacts")
try:
    export_champion(registry)
except NoChampionError as error:
    print(error)
feature = Feature("clicks", "clicks", "engagements", "count")
model = ConversionModel(
    (feature,), {}, (HorizonModel(90, Prior(5.0, 95.0, 1)),), "won", numpy.zeros(1), {}
)
columns = ["segment", "horizon", "predictor", "metric", "value"]
empty = pandas.DataFrame(columns=columns)
evaluation = Evaluation(empty, empty, empty, empty, 0.1)
about = {"who": "Ada", "why": "a test", "now": pandas.Timestamp("2025-06-01T12:00:00Z")}
registry.log_and_register(model, evaluation, pandas.DataFrame(), **about)
registry.promote(**about)
tag = export_champion(registry)
assert export_champion(registry) == tag
entry = bentoml.models.get(tag)
values = pandas.DataFrame({"clicks": [1.0]})
served = ConversionModel.load(entry.path_of(FOLDER))
assert (served.probabilities(values) == model.probabilities(values)).all()
print(tag, entry.info.metadata["version"])
"""


@pytest.mark.slow
def test_the_champion_is_exported_once_and_loads_without_the_registry(tmp_path):
    # BentoML fixes its store when it is imported: a process of its own has a store of its own.
    home = {"BENTOML_HOME": str(tmp_path / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, str(tmp_path)],
        env=os.environ | home | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    without, exported = done.stdout.strip().splitlines()
    assert "no version of 'smarketing' is champion yet" in without
    assert exported.startswith("smarketing_champion:v1-")
    assert exported.endswith(" 1")
