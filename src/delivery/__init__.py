"""Words on their way to CRMs and webhooks: a durable outbox, and what each wants to be sent."""

from delivery.crms import TARGETS, target_of
from delivery.outbox import Outbox
from delivery.overdue import escalate
from delivery.quiet import keep_addresses_out_of_logs
from delivery.sender import RECEIVERS, Delivery, deliver
from delivery.target import Target

__all__ = [
    "RECEIVERS",
    "TARGETS",
    "Delivery",
    "Outbox",
    "Target",
    "deliver",
    "escalate",
    "keep_addresses_out_of_logs",
    "target_of",
]
