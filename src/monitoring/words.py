"""What a finding is called, how much it matters, and what to do first."""

from __future__ import annotations

from typing import Literal

Severity = Literal["urgent", "warning", "notice"]

WORDS: dict[tuple[str, bool], tuple[str, Severity, str, str]] = {
    ("channel", True): (
        "channel_silent",
        "urgent",
        "Channel {subject} brought {hits} engagements in {span}, where about {usual} were to be "
        "expected.",
        "Ask whoever runs {subject} whether it stopped or only its tracking did.",
    ),
    ("channel", False): (
        "channel_loud",
        "warning",
        "Channel {subject} brought {hits} engagements in {span}, where about {usual} were to be "
        "expected.",
        "Look for a robot, a double import or a new campaign on {subject}.",
    ),
    ("kind", True): (
        "kind_silent",
        "urgent",
        "{subject} came {hits} times {where} in {span}, where about {usual} were to be expected; "
        "the rest of the channel goes on.",
        "Ask whoever sends {subject} whether it stopped, was renamed, or is no longer tracked.",
    ),
    ("kind", False): (
        "kind_loud",
        "warning",
        "{subject} came {hits} times {where} in {span}, where about {usual} were to be expected.",
        "Look for a robot, as in mail scanners that click every link, or for a kind that was "
        "renamed.",
    ),
    ("hours", True): (
        "hours_moved",
        "warning",
        "{share} of {trials} engagements {of} in {span} were at the hours of day that are usual "
        "there, before {expected}.",
        "Look whether the source changed its time zone or leaves it out: ingest it again with "
        "--timezone. If the work itself moved to other hours, nothing is to do.",
    ),
    ("present", True): (
        "field_missing",
        "urgent",
        "Field {subject} was filled in {share} of {trials} new rows in {span}, before in "
        "{expected}.",
        "Look at the form or the import that fills {subject}; scores lean on it meanwhile.",
    ),
    ("win_rate", True): (
        "win_rate_fell",
        "urgent",
        "Sales won {share} of {trials} closed opportunities in {span}, before {expected}.",
        "Read the reasons of the lost ones together, then retrain: promises are too high.",
    ),
    ("win_rate", False): (
        "win_rate_rose",
        "notice",
        "Sales won {share} of {trials} closed opportunities in {span}, before {expected}.",
        "Look whether losses are still written down; if so, retrain.",
    ),
    ("acceptance", True): (
        "acceptance_fell",
        "warning",
        "Sales accepted {share} of {trials} leads in {span}, before {expected}.",
        "Read the reasons of the rejections together and move the threshold.",
    ),
    ("acceptance", False): (
        "acceptance_rose",
        "notice",
        "Sales accepted {share} of {trials} leads in {span}, before {expected}.",
        "Look whether rejections are still written down.",
    ),
    **{
        (kind, True): (
            "source_dry",
            "warning",
            f"The {kind} {{subject}} brought {{hits}} leads in {{span}}, where about {{usual}} "
            "were to be expected.",
            "Ask whoever runs {subject} whether it stopped.",
        )
        for kind in ("source", "campaign")
    },
    **{
        (kind, False): (
            "source_flood",
            "warning",
            f"The {kind} {{subject}} brought {{hits}} leads in {{span}}, where about {{usual}} "
            "were to be expected.",
            "Look at what {subject} runs now; keep its leads from sales until some have engaged.",
        )
        for kind in ("source", "campaign")
    },
}
"""By kind of signal and whether it fell: code, severity, cause and next step."""
