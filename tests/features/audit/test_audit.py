"""The audit as a whole, on small companies and on real data."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.audit import CHECKS, audit, audit_table
from history import open_store
from history.sources import read
from tests.features.audit.companies import company

X_EDUCATION_LEAKS = {
    "Tags",
    "Lead Quality",
    "Lead Profile",
    "Last Activity",
    "Last Notable Activity",
    "Asymmetrique Activity Index",
    "Asymmetrique Profile Index",
    "Asymmetrique Activity Score",
    "Asymmetrique Profile Score",
}


def leaking(report):
    return {finding.where.partition(".")[2] for finding in report.leaks}


def test_a_clean_company_has_no_leak():
    report = audit(company())
    assert report.leaks == ()
    assert {"P101", "L101", "L102", "L105"} <= set(report.checked)


def test_the_sample_company_leaks_only_what_it_declares(small_company):
    report = audit(small_company.history)
    assert leaking(report) <= {"crm_status"}
    assert report.blocking == ()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_outcomes_by_lot_leave_nothing_to_find(seed):
    history = company(region=lambda leads, random: random.choice(["n", "s"], len(leads)))
    random = np.random.default_rng(seed)
    ids = history.outcomes["lead_id"].to_numpy().copy()
    stages = random.permutation(history.outcomes["stage"].to_numpy())
    shuffled = history.outcomes.assign(lead_id=ids, stage=stages)
    assert audit(dataclasses.replace(history, outcomes=shuffled)).leaks == ()


def test_a_finding_is_waived_by_its_name():
    history = company(verdict=lambda leads, random: np.where(leads["won"], "yes", "no"))
    found = audit(history, features=())
    names = [finding.name for finding in found.leaks]
    assert "L101:leads.verdict" in names
    waived = audit(history, features=(), waived=names)
    assert waived.leaks == ()
    assert [finding.name for finding in waived.findings if finding.waived] == names


def test_a_field_that_no_feature_uses_does_not_block():
    history = company(verdict=lambda leads, random: np.where(leads["won"], "yes", "no"))
    unused = dataclasses.replace(history, current_only=frozenset({"leads.verdict"}))
    report = audit(unused, features=())
    assert leaking(report) == {"verdict"}
    assert report.blocking == ()


def test_the_report_names_what_it_could_not_look_at():
    report = audit(company(), features=())
    assert set(report.not_applicable) >= {"P101", "L201", "Q104"}
    codes = {check.code for check in CHECKS} | {"P101"}
    assert set(report.checked) | set(report.not_applicable) == codes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"outcome": "won", "key": "id"}, "no column 'won'"),
        ({"outcome": "y", "key": "name"}, "'name' has 'a' twice"),
        ({"outcome": "name", "key": "id"}, "expected 1 and 0, or yes and no"),
    ],
)
def test_a_flat_table_that_cannot_be_meant_is_refused(options, words):
    frame = pd.DataFrame({"id": [1, 2], "name": ["a", "a"], "y": [0, 1]})
    with pytest.raises(ValueError, match=words):
        audit_table(frame, **options)


def test_x_education_names_its_leaks(shared_data):
    frame = pd.read_csv(shared_data / "x_education" / "Leads.csv")
    report = audit_table(frame, outcome="Converted", key="Prospect ID", order="Lead Number")
    found = leaking(report)
    assert found >= X_EDUCATION_LEAKS
    assert len(found - X_EDUCATION_LEAKS) <= 2


@pytest.fixture(scope="module")
def loans(shared_data, tmp_path_factory):
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('bpic')}/history.db")
    store.ingest(read(shared_data / "bpic2012"), now=pd.Timestamp("2026-01-01", tz="UTC"))
    return store.history()


def test_loan_applications_are_clean(loans):
    assert audit(loans).findings == ()


def test_days_to_decision_are_caught(loans):
    closing = loans.outcomes[loans.outcomes["stage"].isin(["won", "lost", "disqualified"])]
    decided = closing.drop_duplicates("lead_id").set_index("lead_id")["occurred_at"]
    days = (loans.leads["lead_id"].map(decided) - loans.leads["created_at"]).dt.days
    planted = dataclasses.replace(loans, leads=loans.leads.assign(days_to_decision=days))
    report = audit(planted, features=())
    assert leaking(report) == {"days_to_decision"}
    assert {finding.code for finding in report.leaks} >= {"L101", "L102"}


def bundle(folder, mode, *words):
    """Generate a leadforge world of two thousand leads; the same seed is the same world."""
    program = Path(sys.executable).with_name("leadforge")
    if not program.is_file():
        pytest.skip("leadforge is not installed beside this Python")
    recipe = ["generate", "-r", "b2b_saas_procurement_v1", "--seed", "7", "--n-leads", "2000"]
    command = [str(program), *recipe, "--mode", mode, "--out", str(folder / mode), *words]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    store = open_store(f"sqlite:///{folder}/{mode}.db")
    store.ingest(read(folder / mode), now=pd.Timestamp("2026-01-01", tz="UTC"))
    return store.history()


@pytest.mark.slow
def test_the_public_leadforge_bundle_leaks_the_stage_of_the_deal(tmp_path):
    assert leaking(audit(bundle(tmp_path, "student_public"))) == {"opportunity_stage"}


@pytest.mark.slow
def test_the_instructors_leadforge_bundle_leaks_and_two_extracts_find_the_rest(tmp_path):
    newer = bundle(tmp_path, "research_instructor")
    alone = leaking(audit(newer, features=()))
    assert alone >= {
        "current_stage",
        "opportunity_stage",
        "opportunity_close_outcome",
        "opportunity_closed_at",
        "conversion_timestamp",
        "customer_id",
        "customer_start_at",
        "subscription_id",
        "subscription_start_at",
        "subscription_status",
        "plan_name",
        "is_sql",  # which tells little of who converts, and much of when
    }
    earlier = ["--horizon-days", "60", "--label-window-days", "60"]
    (tmp_path / "earlier").mkdir()
    task = ["--primary-task", "converted_within_60_days"]
    older = bundle(tmp_path / "earlier", "research_instructor", *earlier, *task)
    assert leaking(audit(newer, features=(), against=older)) >= {"is_sql", "total_touches_all"}
