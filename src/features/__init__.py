"""What was known at the time."""

from features.build import build_training_set
from features.compute import FeatureEngine, compute_features
from features.declaration import Feature
from features.definitions import default_features, describe
from features.live import LiveEngine, LiveValues
from features.snapshots import open_leads
from features.training_set import FeatureMatrix, TrainingSet

__all__ = [
    "Feature",
    "FeatureEngine",
    "FeatureMatrix",
    "LiveEngine",
    "LiveValues",
    "TrainingSet",
    "build_training_set",
    "compute_features",
    "default_features",
    "describe",
    "open_leads",
]
