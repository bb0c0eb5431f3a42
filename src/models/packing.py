"""Pack a conversion model as an MLflow model that loads alone, without the project installed."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Final

import mlflow
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from models.conversion import ConversionModel
from models.pyfunc_model import probability_columns

DATA: Final = "model"
LOADER: Final = "models.pyfunc_model"
PACKAGES: Final = ("settings", "history", "features", "models")
"""The packages that the loader imports from; they travel with the model."""

REQUIREMENTS: Final = (
    "adbc-driver-manager",
    "adbc-driver-postgresql",
    "adbc-driver-sqlite",
    "lightgbm",
    "numba",
    "numpy",
    "orjson",
    "pandas",
    "pandera",
    "pyarrow",
    "pydantic",
    "pydantic-settings",
    "scikit-learn",
    "scipy",
    "skops",
    "sqlalchemy",
)
"""What those packages need to load and to predict; the versions are those of the training."""


def pack(model: ConversionModel, folder: Path, model_id: str, run_id: str) -> None:
    """Write an MLflow model into `folder`, which must not exist yet.

    Parameters
    ----------
    model : what to pack.
    folder : will hold MLflow's description, our packages under ``code`` and the model itself.
    model_id, run_id : MLflow's ids, written into the description.
    """
    data = folder.parent / DATA
    model.save(data)
    mlflow.pyfunc.save_model(
        folder,
        loader_module=LOADER,
        data_path=str(data),
        code_paths=[str(_source_root() / name) for name in PACKAGES],
        signature=signature(model),
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        mlflow_model=Model(model_id=model_id, run_id=run_id),
    )


def signature(model: ConversionModel) -> ModelSignature:
    """Return which columns the packed model takes and gives."""
    taken: list[ColSpec | TensorSpec] = [
        ColSpec("string" if f.categorical else "double", f.name) for f in model.features
    ]
    given: list[ColSpec | TensorSpec] = [
        ColSpec("double", name) for name in probability_columns(model.horizons)
    ]
    return ModelSignature(Schema(taken), Schema(given))


def _source_root() -> Path:
    return Path(__file__).resolve().parents[1]
