"""Scores on their way to CRMs: a durable outbox, and what each vendor wants to be sent."""

from delivery.outbox import Outbox
from delivery.sender import Delivery, deliver
from delivery.targets import TARGETS, Target, target_of

__all__ = ["TARGETS", "Delivery", "Outbox", "Target", "deliver", "target_of"]
