"""Leadforge bundles in both modes: a small one that a person can check, and generated ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from features import build_training_set, default_features, open_leads
from history import SourceError
from history.sources import read

TASK = "converted_within_90_days"
PEOPLE = ["ann", "bob", "cyd", "dee"]
HINDSIGHT = {"opportunity_stage", "total_touches_all"}
DATED = {"current_stage", "is_sql", "conversion_timestamp", "opportunity_close_outcome"}


def tables_of(*, instructor: bool) -> dict[str, pd.DataFrame]:
    """Return four leads: ann bought in spite of all, bob and cyd were lost, dee is open."""
    leads = pd.DataFrame(
        {
            "lead_id": PEOPLE,
            "contact_id": ["c1", "c2", "c1", "c2"],
            "account_id": ["a1", "a2", "a1", "a2"],
            "lead_created_at": ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-30"],
            "lead_source": "inbound_marketing",
            "owner_rep_id": "r1",
        }
    )
    deals = pd.DataFrame(
        {
            "opportunity_id": ["zzz", "o2"],
            "lead_id": ["ann", "bob"],
            "created_at": ["2024-01-20", "2024-01-12"],
            "stage": ["closed_won", "closed_lost"],
            "estimated_acv": [40_000, 50_000],
        }
    )
    person = {"job_title": "CFO", "role_function": "finance", "seniority": "vp"}
    person |= {"buyer_role": "champion", "email_domain_type": "corporate"}
    company = {"industry": "retail", "region": "US", "employee_band": "2000+"}
    company |= {"estimated_revenue_band": "$200M+", "process_maturity_band": "low"}
    day = {"lead_id": ["ann"], "touch_timestamp": ["2024-01-05"]}
    found = {
        "accounts": pd.DataFrame(
            {"account_id": ["a1", "a2"], "created_at": "2023-01-01"} | company
        ),
        "contacts": pd.DataFrame({"contact_id": ["c1", "c2"]} | person),
        "touches": pd.DataFrame(
            {"touch_id": "t1", "touch_type": "call", "touch_channel": "sdr_outbound"}
            | {"touch_direction": "outbound", "campaign_id": None}
            | day
        ),
        "sessions": pd.DataFrame(
            {"session_id": "s1", "session_type": "website", "page_views": 4}
            | {"pricing_page_views": 2, "demo_page_views": 0, "session_duration_seconds": 60}
            | {"lead_id": ["ann"], "session_timestamp": "2024-01-06"}
        ),
        "sales_activities": pd.DataFrame(
            {
                "activity_id": ["v1", "v2"],
                "lead_id": "ann",
                "activity_timestamp": "2024-01-07",
                "activity_type": "call",
                "activity_outcome": ["connected", "no_answer"],
            }
        ),
    }
    if instructor:
        leads["current_stage"] = ["closed_won", "closed_lost", "closed_lost", "mql"]
        leads["is_sql"] = [False, True, False, False]
        leads["conversion_timestamp"] = ["2024-01-20", None, None, None]
        deals["close_outcome"], deals["closed_at"] = deals["stage"], ["2024-01-20", "2024-01-12"]
        found["customers"] = pd.DataFrame({"customer_id": ["k1"], "opportunity_id": ["zzz"]})
        found["subscriptions"] = pd.DataFrame({"customer_id": ["k1"], "plan_name": ["growth"]})
    return {**found, "leads": leads, "opportunities": deals}


def written(folder: Path, *, instructor: bool) -> Path:
    (folder / "tables").mkdir()
    (folder / "tasks" / TASK).mkdir(parents=True)
    for name, frame in tables_of(instructor=instructor).items():
        frame.to_parquet(folder / "tables" / f"{name}.parquet")
    labels = pd.DataFrame({"lead_id": PEOPLE, "total_touches_all": 9})
    labels[TASK] = [True, False, False, False]
    labels.to_parquet(folder / "tasks" / TASK / "train.parquet")
    task = {"label_window_days": 90, "label_column": TASK}
    (folder / "tasks" / TASK / "task_manifest.json").write_text(json.dumps(task))
    manifest = {"primary_task": TASK, "horizon_days": 90}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def public(tmp_path):
    return written(tmp_path, instructor=False)


@pytest.fixture
def instructor(tmp_path):
    return written(tmp_path, instructor=True)


def closings(history):
    """Return each outcome's lead, stage, and the times at which it happened and was known."""
    columns = ["lead_id", "stage", "occurred_at", "recorded_at"]
    return [
        (lead, stage, f"{occurred:%m-%d %H:%M}", f"{recorded:%m-%d %H:%M}")
        for lead, stage, occurred, recorded in history.outcomes[columns].to_numpy().tolist()
    ]


def test_without_dates_a_closing_stands_at_the_end_of_its_time(public, ingested):
    assert closings(ingested(public)) == [
        ("ann", "opportunity", "01-20 00:00", "01-20 23:59"),
        ("ann", "won", "03-30 23:59", "03-30 23:59"),
        ("bob", "opportunity", "01-12 00:00", "01-12 23:59"),
        ("bob", "lost", "03-31 23:59", "03-31 23:59"),
    ]


def test_with_dates_closings_stand_at_theirs(instructor, ingested):
    assert closings(ingested(instructor)) == [
        ("ann", "opportunity", "01-20 00:00", "01-20 23:59"),
        ("ann", "won", "01-20 00:00", "01-20 23:59"),
        ("bob", "opportunity", "01-12 00:00", "01-12 23:59"),
        ("bob", "lost", "01-12 00:00", "01-12 23:59"),
        ("cyd", "lost", "04-01 23:59", "04-01 23:59"),
    ]


def test_a_deal_won_on_the_day_it_was_opened_is_closed(instructor, ingested):
    still_open = open_leads(ingested(instructor), pd.Timestamp("2024-06-01T00:00:00Z"))
    assert still_open["lead_id"].tolist() == ["dee"]


def test_what_the_bundle_knows_in_hindsight_is_current_only(instructor, ingested):
    history = ingested(instructor)
    named = {name.removeprefix("leads.") for name in history.current_only}
    assert named == HINDSIGHT | DATED | {"opportunity_closed_at", "customer_id", "plan_name"}
    assert named <= set(history.leads)
    columns = {feature.column for feature in default_features(history)}
    assert not named & columns


def test_a_public_bundle_has_little_hindsight(public):
    assert {name.removeprefix("leads.") for name in read(public).current_only} == HINDSIGHT


def test_engagements_are_told_apart(public, ingested):
    found = ingested(public).engagements.set_index("kind")
    assert sorted(found.index) == [
        "call",
        "pricing_page_views",
        "sales_call",
        "sales_call_in_vain",
        "visit_website",
    ]
    assert found.loc["call", "team"] == "sales"
    assert found.loc["visit_website", ["value", "duration_s"]].tolist() == [4.0, 60.0]
    assert found.loc["pricing_page_views", "value"] == 2.0


def test_people_and_companies_lend_their_attributes(public, ingested):
    history = ingested(public)
    assert set(history.leads["job_title"]) == {"CFO"}
    assert set(history.accounts["region"]) == {"US"}
    assert history.observed_until == pd.Timestamp("2024-04-29T00:00:00Z")


def test_a_shorter_label_ends_earlier(public, ingested):
    task = public / "tasks" / TASK / "task_manifest.json"
    task.write_text(json.dumps({"label_window_days": 60, "label_column": TASK}))
    won = ingested(public).outcomes.query("stage == 'won'")
    # Within 60 days counts the sixtieth day.
    assert won["occurred_at"].iloc[0] == pd.Timestamp("2024-03-01T23:59:59.999999Z")


def damage(folder: Path, what: str) -> None:
    if what == "a table":
        (folder / "tables" / "touches.parquet").unlink()
    elif what == "a column":
        leads = pd.read_parquet(folder / "tables" / "leads.parquet")
        leads.drop(columns="lead_created_at").to_parquet(folder / "tables" / "leads.parquet")
    elif what == "the task":
        (folder / "tasks" / TASK / "task_manifest.json").unlink()
    elif what == "the splits":
        (folder / "tasks" / TASK / "train.parquet").unlink()
    elif what == "the window":
        (folder / "tasks" / TASK / "task_manifest.json").write_text("{}")
    elif what == "the manifest":
        (folder / "manifest.json").write_text("[")
    else:
        (folder / "tables" / "contacts.parquet").write_bytes(b"PAR1")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("a table", "tables/touches.parquet is missing"),
        ("a column", "tables/leads.parquet: the column 'lead_created_at' is missing"),
        ("the task", "expected a task such as tasks/converted_within_90_days"),
        ("the splits", "expected the splits of the label in tasks/converted_within_90_days"),
        ("the window", "label_window_days is missing"),
        ("the manifest", "manifest.json: cannot be read as JSON"),
        ("a damaged file", "contacts.parquet: cannot be read as parquet"),
    ],
)
def test_an_incomplete_bundle_is_refused(public, what, words):
    damage(public, what)
    with pytest.raises(SourceError, match=words):
        read(public)


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    program = Path(sys.executable).with_name("leadforge")
    if not program.is_file():
        pytest.skip("leadforge is not installed beside this Python")
    made = {}
    for mode in ("student_public", "research_instructor"):
        made[mode] = tmp_path_factory.mktemp("leadforge") / mode
        words = ["generate", "-r", "b2b_saas_procurement_v1", "--seed", "7", "--n-leads", "300"]
        command = [str(program), *words, "--mode", mode, "--out", str(made[mode])]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return made


@pytest.mark.slow
def test_generated_bundles_agree_on_who_was_won(generated, ingested):
    public, full = (ingested(folder) for folder in generated.values())
    won = [set(each.outcomes.query("stage == 'won'")["lead_id"]) for each in (public, full)]
    assert won[0] == won[1]
    assert len(won[0]) > 20
    known = full.outcomes.query("stage == 'won'").set_index("lead_id")["occurred_at"]
    bound = public.outcomes.query("stage == 'won'").set_index("lead_id")["occurred_at"]
    assert (bound >= known[bound.index]).all()


@pytest.mark.slow
def test_the_label_at_day_thirty_is_the_same_in_both_modes(generated, ingested):
    labels = []
    for folder in generated.values():
        built = build_training_set(ingested(folder), features=[], ages=(30,), horizons=(60,))
        labels.append(built.labels[60].set_axis(built.snapshots["lead_id"]))
    public, full = labels
    assert set(full.index) < set(public.index)  # who closed before day 30 is known only there
    assert (public[full.index] == full).all()
