"""Who the sample company deals with: accounts, leads, campaigns, and their latent interest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INDUSTRIES = ("software", "manufacturing", "health", "retail", "finance", "education", "energy")
COUNTRIES = ("DE", "US", "GB", "FR", "NL", "SE")
SOURCES = ("organic", "paid_search", "paid_social", "event", "partner", "referral", "outbound")
JOB_LEVELS = ("student", "staff", "manager", "director", "vice_president")
BROWSERS = ("chrome", "safari", "firefox", "edge")
FORM_VERSIONS = ("a", "b", "c")
CHANNELS = ("email", "web", "paid_search", "paid_social", "event", "phone")

_INDUSTRY_FIT = np.array([0.55, 0.2, 0.0, -0.25, 0.35, -0.6, -0.1])
_LEVEL_FIT = np.array([-2.2, -0.35, 0.2, 0.5, 0.45])
_SOURCE_FIT = np.array([0.1, 0.05, 0.35, 0.15, 0.1, 0.6, -0.45])
_SOURCE_DRIFT = np.array([0.0, 0.0, -1.1, 0.0, 0.7, 0.0, 0.0])
"""What works changes slowly: paid social wears out over the two years, partners gain."""

WEEKDAY = np.array([1.1, 1.2, 1.15, 1.1, 0.95, 0.3, 0.25])
MONTH = np.array([0.95, 1.0, 1.1, 1.0, 1.0, 0.95, 0.8, 0.7, 1.1, 1.1, 1.1, 0.85])


@dataclass(frozen=True, eq=False)
class Company:
    """The population that is simulated; days count from the start of the history.

    Parameters
    ----------
    start : first day, days since 1970.
    days : length of the history.
    account_of : account of each lead.
    industry, country, employees : of each account (codes, codes, people).
    source, job_level, browser, form_version : of each lead (codes).
    created : creation of each lead, in days with their fraction.
    clock : the time of day at which a lead's stage may change, as a fraction of a day.
    fit : log multiplier of the rates towards a win, without drift and season.
    project_start, project_length, heat : when each lead's buying project starts (days), how
        slowly it fades (days), and how loudly it shows (multiplier of engagement).
    chatter : engagements a day that mean nothing.
    """

    start: int
    days: int
    account_of: Ints
    industry: Ints
    country: Ints
    employees: Floats
    source: Ints
    job_level: Ints
    browser: Ints
    form_version: Ints
    created: Floats
    clock: Floats
    fit: Floats
    project_start: Floats
    project_length: Floats
    heat: Floats
    chatter: Floats

    @property
    def leads(self) -> int:
        """How many leads there are."""
        return len(self.created)

    @property
    def created_day(self) -> Ints:
        """Day of creation of each lead."""
        return np.floor(self.created).astype(np.int64)

    def drift(self, lead: Ints, day: Ints | int) -> Floats:
        """Return what the slow change adds to the fit of leads on a day."""
        progress = (np.asarray(day) - self.days / 2) / max(self.days, 1)
        drift: Floats = _SOURCE_DRIFT[self.source[lead]] * progress
        return drift

    def activity(self, lead: Ints, day: Ints | int) -> Floats:
        """Return how far leads are into buying on a day: 0 before the project, at most 1."""
        since = np.asarray(day) - self.project_start[lead]
        length = self.project_length[lead]
        rise = np.minimum(np.maximum(since, 0.0) / 5.0 + 0.2, 1.0)
        activity: Floats = np.where(since < 0, 0.0, rise * np.exp(-np.maximum(since, 0) / length))
        return activity


def found_company(
    leads: int, start: int, days: int, chatter: float, rng: np.random.Generator
) -> Company:
    """Draw the population.

    Parameters
    ----------
    leads : how many.
    start : first day, days since 1970.
    days : length of the history.
    chatter : mean meaningless engagements per lead and day.
    rng : source of randomness.
    """
    accounts = max(1, int(leads / 2.5))
    weight = rng.lognormal(0.0, 0.8, accounts)
    account_of = rng.choice(accounts, leads, p=weight / weight.sum())
    industry = rng.choice(len(INDUSTRIES), accounts)
    employees = np.round(np.exp(rng.normal(5.0, 1.4, accounts))) + 1
    source = rng.choice(len(SOURCES), leads, p=np.array([0.24, 0.2, 0.17, 0.11, 0.08, 0.07, 0.13]))
    job_level = rng.choice(len(JOB_LEVELS), leads, p=np.array([0.12, 0.38, 0.27, 0.15, 0.08]))
    created = _arrivals(leads, start, days, rng)
    size_fit = -0.5 * ((np.log(employees) - 5.5) / 1.5) ** 2
    fit = (
        _INDUSTRY_FIT[industry[account_of]]
        + size_fit[account_of]
        + _LEVEL_FIT[job_level]
        + _SOURCE_FIT[source]
        + rng.normal(0.0, 0.35, leads)
    )
    wake = _buying_groups(account_of, accounts, created, days, rng)
    return Company(
        start=start,
        days=days,
        account_of=account_of,
        industry=industry,
        country=rng.choice(len(COUNTRIES), accounts, p=np.array([0.3, 0.25, 0.2, 0.1, 0.1, 0.05])),
        employees=employees.astype(np.float64),
        source=source,
        job_level=job_level,
        browser=rng.choice(len(BROWSERS), leads),
        form_version=rng.choice(len(FORM_VERSIONS), leads),
        created=created,
        clock=rng.uniform(16.0, 18.0, leads) / 24.0,
        fit=fit,
        project_start=wake,
        project_length=rng.gamma(4.0, 11.0, leads) + 8.0,
        heat=rng.lognormal(-0.1, 0.45, leads),
        chatter=chatter * rng.gamma(1.3, 1 / 1.3, leads),
    )


def season(start: int, day: Ints | int) -> Floats:
    """Return how busy a day is: weekday and month, 1 on average."""
    date = np.asarray(day) + start
    month = date.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    busy: Floats = WEEKDAY[(date + 3) % 7] * MONTH[month]
    return busy


def _arrivals(leads: int, start: int, days: int, rng: np.random.Generator) -> Floats:
    """Draw creation times, oldest first: seasons, and more leads as the company grows."""
    calendar = np.arange(days)
    weight = season(start, calendar) * (1.0 + 0.5 * calendar / days)
    day = np.sort(rng.choice(days, leads, p=weight / weight.sum()))
    created: Floats = np.sort(day + rng.uniform(6.0, 21.0, leads) / 24.0)
    return created


def _buying_groups(
    account_of: Ints, accounts: int, created: Floats, days: int, rng: np.random.Generator
) -> Floats:
    """Draw when each lead's project starts; half of them wake with their account.

    That is why the engagement of colleagues says something about a lead.
    """
    leads = len(created)
    at_once = created + rng.exponential(2.0, leads)
    later = created + rng.exponential(70.0, leads)
    account_wakes = rng.uniform(0, days, accounts)[account_of] + rng.normal(0.0, 6.0, leads)
    together = np.where(account_wakes > created, account_wakes, at_once)
    kind = rng.choice(4, leads, p=np.array([0.38, 0.2, 0.22, 0.2]))
    never = np.full(leads, np.inf)
    return np.choose(kind, [at_once, later, together, never])
