"""Leaks and faults of a history that no schema can show."""

from features.audit.audit import CHECKS, Check, audit, audit_table
from features.audit.finding import AuditReport, Finding, NotApplicable

__all__ = ["CHECKS", "AuditReport", "Check", "Finding", "NotApplicable", "audit", "audit_table"]
