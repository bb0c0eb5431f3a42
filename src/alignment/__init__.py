"""What the two teams agree on: goals, qualification, hand-off, dispositions and the funnel."""

from alignment.agreement import Agreement
from alignment.forecast import Forecast, forecast_wins
from alignment.qualification import ValueCurve, value_curve

__all__ = ["Agreement", "Forecast", "ValueCurve", "forecast_wins", "value_curve"]
