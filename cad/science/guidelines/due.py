"""When the next CT is due, by what a guideline says and the day of the examination."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from cad.domain import DueDates, GuidelineNodule, Management, NoduleVerdict, Recommendation

MONTHS = 12


def months_after(day: date, months: int) -> date:
    """The day so many calendar months later; the last of the month where it has no such day."""
    years, month = divmod(day.month - 1 + months, MONTHS)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def with_due_dates(said: Recommendation, nodules: Sequence[GuidelineNodule], acquired: date) -> Recommendation:
    """The recommendation with the dates of the next CT, of each nodule and of the examination.

    That of the examination is the earliest that its category asks for; a nodule without such a category, which can
    wait longer, does not matter to it. Nothing is due where what follows is not a CT.
    """
    first = {n.label: acquired - timedelta(days=round(n.earlier[0].interval_days)) for n in nodules if n.earlier}
    verdicts = tuple(_of_nodule(verdict, acquired, first) for verdict in said.nodules)
    dates = [*_of_examination(said, acquired, first)]
    return replace(said, nodules=verdicts, due=min(dates, key=_start) if dates else None)


def _of_nodule(verdict: NoduleVerdict, acquired: date, first: Mapping[str, date]) -> NoduleVerdict:
    since = first.get(verdict.label, acquired)
    dates = [due for one in verdict.management if (due := _due(one, acquired, since)) is not None]
    return replace(verdict, due=min(dates, key=_start) if dates else None)


def _of_examination(said: Recommendation, acquired: date, first: Mapping[str, date]) -> Iterator[DueDates]:
    rows = {one.row for one in said.management}
    by_nodules = [(one, first.get(v.label, acquired)) for v in said.nodules for one in v.management if one.row in rows]
    for management, since in by_nodules or [(one, acquired) for one in said.management]:
        if (due := _due(management, acquired, since)) is not None:
            yield due


def _due(management: Management, acquired: date, first: date) -> DueDates | None:
    """From and to; what should have been done by now is due now."""
    if management.months is None:
        return None
    start = first if management.from_first else acquired
    early, late = (max(months_after(start, months), acquired) for months in management.months)
    return DueDates(early, late)


def _start(due: DueDates) -> date:
    return due.early
