"""Does it still hold: what arrives, what is scored, and what came of it."""

from monitoring.drift import feature_drift
from monitoring.outcomes import Promises, compare_promises, early_estimates
from monitoring.report import Alert, Report, monitor

__all__ = [
    "Alert",
    "Promises",
    "Report",
    "compare_promises",
    "early_estimates",
    "feature_drift",
    "monitor",
]
