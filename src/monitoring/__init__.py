"""Does it still hold: what arrives, what is scored, and what came of it."""

from monitoring.drift import feature_drift
from monitoring.outcomes import Promises, compare_promises, early_estimates
from monitoring.reconciling import reconcile
from monitoring.report import Alert, Report, monitor
from monitoring.retraining import Reign, Ruling, rule

__all__ = [
    "Alert",
    "Promises",
    "Reign",
    "Report",
    "Ruling",
    "compare_promises",
    "early_estimates",
    "feature_drift",
    "monitor",
    "reconcile",
    "rule",
]
