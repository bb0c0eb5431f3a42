"""A registered model loads with MLflow alone, in a process that knows nothing of the project."""

import ast
import json
import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.evaluation import Evaluation
from models.fitting import fit_model
from models.folds import Fitting
from models.packing import PACKAGES, REQUIREMENTS, signature
from models.pyfunc_model import PyfuncModel
from models.recipe import Recipe
from models.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
NOW = pd.Timestamp("2025-06-01T12:00:00Z")

ALONE = """
import sys, mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/smarketing@champion")
model.predict(pandas.read_parquet(sys.argv[2])).to_parquet(sys.argv[3])
import models
print(models.__file__)
"""

LOADED = """
import json, sys
import models.pyfunc_model
files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
print(json.dumps([file for file in files if file.startswith(sys.argv[1])]))
"""


@pytest.fixture(scope="module")
def model(training_set):
    recipe = Recipe(kind="blend", rounds=20)
    return fit_model(training_set, recipe, {}, Fitting(), until=training_set.observed_until)


def python(code: str, *arguments: object, path: str = "", folder: Path | None = None) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = kept | {"PYTHONPATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_champion_loads_alone_and_predicts_the_same(training_set, model, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    registry = Registry(uri, str(tmp_path / "artifacts"))
    columns = ["segment", "horizon", "predictor", "metric", "value"]
    none = Evaluation(*(pd.DataFrame(columns=columns) for _ in range(4)), 0.1)
    about = {"who": "Ada", "why": "a test", "now": NOW}
    registry.log_and_register(model, none, pd.DataFrame(), **about)
    registry.promote(**about)
    frame = training_set.values.head(50)
    frame.to_parquet(tmp_path / "in.parquet")
    (tmp_path / "away").mkdir()
    source = python(
        ALONE, uri, tmp_path / "in.parquet", tmp_path / "out.parquet", folder=tmp_path / "away"
    )
    assert Path(source.strip()).is_relative_to(tmp_path / "artifacts")
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert list(found.columns) == ["probability_30d", "probability_90d"]
    assert np.array_equal(found.to_numpy(), model.probabilities(frame))


@pytest.mark.slow
def test_the_requirements_name_all_that_our_packages_import():
    files = json.loads(python(LOADED, ROOT / "src", path=str(ROOT / "src")))
    imported = {name for file in files for name in top_level_imports(Path(file))}
    assert {Path(file).relative_to(ROOT / "src").parts[0] for file in files} <= set(PACKAGES)
    foreign = imported - set(sys.stdlib_module_names) - set(PACKAGES)
    owners = packages_distributions()
    assert {owners[name][0].lower().replace("_", "-") for name in foreign} <= set(REQUIREMENTS)


def top_level_imports(file: Path) -> set[str]:
    found = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    return found


def test_it_takes_the_features_and_gives_a_probability_per_horizon(model):
    described = signature(model).to_dict()
    taken = {column["name"]: column["type"] for column in json.loads(described["inputs"])}
    assert taken["industry"] == "string"
    assert taken["clicks_30d"] == "double"
    given = [column["name"] for column in json.loads(described["outputs"])]
    assert given == ["probability_30d", "probability_90d"]


def test_the_wrapper_keeps_the_rows_as_given(training_set, model):
    frame = training_set.values.head(5).set_axis(list("abcde"))
    found = PyfuncModel(model).predict(frame)
    assert list(found.index) == list("abcde")
    assert np.array_equal(found.to_numpy(), model.probabilities(frame))
    assert PyfuncModel(model).get_raw_model() is model
