import numpy as np

from features.audit import structure
from features.audit.subject import subject_of
from tests.features.audit.companies import company


def subject(**planted):
    return subject_of(company(**planted), "won")


def test_detects_names():
    mails = subject(email=lambda leads, random: leads["lead_id"] + "@x.test")
    assert [each.where for each in structure.identifiers(mails)] == ["leads.email"]


def test_does_not_flag_numbers_as_names():
    assert list(structure.identifiers(subject())) == []


def test_detects_a_running_number():
    numbered = subject(number=np.arange(1200) * 3)
    assert [each.where for each in structure.clocks(numbered)] == ["leads.number"]


def test_does_not_flag_a_budget_as_a_clock():
    assert list(structure.clocks(subject())) == []


def test_tells_accounts_on_both_sides():
    spread = company()
    accounts = [f"account {number % 40}" for number in range(1200)]
    mixed = subject_of(
        type(spread)(**{**vars(spread), "leads": spread.leads.assign(account_id=accounts)}), "won"
    )
    [finding] = structure.straddling_accounts(mixed)
    assert finding.evidence["share"] == 1.0


def test_does_not_flag_accounts_whose_leads_come_together():
    assert list(structure.straddling_accounts(subject())) == []


def test_detects_what_tells_who_somebody_is():
    named = subject(
        work_email=lambda leads, random: leads["lead_id"] + "@x.test",
        contact=lambda leads, random: leads["lead_id"].str.replace(" ", "") + "@x.test",
        line=lambda leads, random: "+49 30 " + leads["lead_id"].str.slice(1).str.zfill(7),
        last_name=lambda leads, random: "n" + (leads.index % 60).astype(str),
    )
    found = {each.where for each in structure.personal(named)}
    assert {"leads.work_email", "leads.contact", "leads.last_name"} <= found


def test_does_not_flag_consent_amounts_and_ordinary_fields():
    plain = subject(
        do_not_email=lambda leads, random: random.choice(["yes", "no"], len(leads)),
        revenue=lambda leads, random: random.integers(1_000_000, 9_000_000, len(leads)).astype(str),
        streetwise=lambda leads, random: random.integers(0, 50, len(leads)).astype(str),
    )
    assert list(structure.personal(plain)) == []
