"""The comparison with earlier examinations in English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cad.domain import ChangeStatus, ComparedExam, PriorSource, SizeChange, VolumeTrend
from cad.report.statements.followup import ChangeStatement, FollowupStatement, Named, Untold, Verdict
from cad.report.words.en.nodules import LOBE, SIDE
from cad.report.words.followup import ChangeCells, ComparisonLabels
from cad.report.words.numbers import (
    DASH,
    change_percent,
    days_interval,
    deviation_percent,
    doubling_cell,
    signed_mm,
    signed_percent,
    size_volume,
    volume_and_mean,
    whole,
)

LABELS = ComparisonLabels(
    title="Comparison with earlier examinations",
    nodule="Nodule",
    then="Then: volume, mm³",
    now="Now: volume, mm³",
    change="Change",
    doubling="Doubling time, days",
    verdict="Verdict",
    chart="Volume in mm³ (logarithmic) by date of acquisition; bars hold 95 % of measurements by any protocol",
    more_in_table="; {count} more in the table",
    pictures="Then (left) and now (right), at the same place and in the same window",
    rule=(
        "Growing and shrinking: the volume changed by {percent} % or more and beyond the error of both measurements; "
        "less is stable. That error is larger between scans of unlike slices, pixels, kernel or breath. Brackets hold "
        "95 % and are left out where an earlier measurement has none. Doubling times are given for growth alone. Dates "
        "are those of acquisition."
    ),
)

VERDICT: Mapping[Verdict, str] = {
    ChangeStatus.GROWING: "growing",
    ChangeStatus.NEW: "new",
    ChangeStatus.SHRINKING: "shrinking",
    ChangeStatus.RESOLVED: "resolved",
    ChangeStatus.STABLE: "stable",
    Untold.THEN: "not in view then",
    Untold.NOW: "not in view now",
}

SOURCE: Mapping[PriorSource, str] = {
    PriorSource.REPORT: "its nodules were read back from lungcad's report of then",
    PriorSource.ANALYSED: "its images were analysed now",
}


def name(named: Named) -> str:
    """The name of a nodule of now or of then."""
    if not named.label:
        return "another nodule of then"
    return f"earlier {named.label}" if named.is_earlier else named.label


def overview(statement: FollowupStatement) -> str:
    """What was compared with what, and how many nodules changed how."""
    latest = statement.record.latest.scan
    compared_with = (
        f"Compared with the chest CT of {latest.acquired.isoformat()}, {_days(latest.interval_days)} earlier"
    )
    found = ", ".join(f"{number} {VERDICT[verdict]}" for verdict, number in statement.counts)
    return f"{compared_with}: {found or 'no nodule then or now'}."


def exams(statement: FollowupStatement) -> list[str]:
    """Each earlier examination, the latest first."""
    return [_exam(exam) for exam in reversed(statement.record.exams)]


def change_sentence(one: ChangeStatement) -> str:
    """One nodule's change as a radiologist writes it."""
    first = _first(one)
    sentence = f"{first[0].upper()}{first[1:]}{''.join(_clauses(one))}."
    return sentence if one.trend is None else f"{sentence} {_trend(one, one.trend)}"


def cells(one: ChangeStatement) -> ChangeCells:
    """One nodule's change as a row of the table."""
    shown = name(one.name)
    return ChangeCells(
        nodule=f"{shown[0].upper()}{shown[1:]}",
        then=DASH if one.then is None else volume_and_mean(one.then),
        now=DASH if one.now is None else volume_and_mean(one.now),
        change=DASH if one.change is None else f"{change_percent(one.change)}\n{', '.join(_also(one.change))}",
        doubling=doubling_cell(one.change),
        verdict=VERDICT[one.verdict],
    )


def place(one: ChangeStatement) -> str:
    """The lobe or the lung; empty when neither is known."""
    if one.lobe is not None:
        return LOBE[one.lobe]
    return "" if one.side is None else SIDE[one.side]


def _days(days: float) -> str:
    return f"{whole(days)} {'day' if round(days) == 1 else 'days'}"


def _exam(exam: ComparedExam) -> str:
    scan, quality = exam.scan, exam.transform.quality
    sentences = [f"{scan.acquired.isoformat()} ({_days(scan.interval_days)} earlier): {SOURCE[exam.source]}."]
    if quality.method == "affine":
        sentences.append("It was brought to the same places by an affine map alone, which misses local deformation.")
    return " ".join([*sentences, *(caution.text for caution in quality.cautions)])


def _first(one: ChangeStatement) -> str:
    if one.change is not None and one.then is not None and one.now is not None:
        return f"{name(one.name)}: {_both(one, one.change, size_volume(one.then), size_volume(one.now))}"
    if one.now is not None:
        return f"{name(one.name)}: {_new(one, size_volume(one.now))}"
    where = place(one)
    return f"{name(one.name)}{where and f' ({where})'}: {_gone(one, '' if one.then is None else size_volume(one.then))}"


def _both(one: ChangeStatement, change: SizeChange, then: str, now: str) -> str:
    facts = "; ".join([change_percent(change), *_also(change)])
    after = _days(change.interval_days)
    if one.verdict is ChangeStatus.STABLE:
        return f"stable, {then} mm³ then and {now} mm³ now, after {after} ({facts})"
    sizes = f"{VERDICT[one.verdict]}, from {then} to {now} mm³ in {after} ({facts})"
    if change.doubling_time_days is None:
        return sizes
    interval = days_interval(change.doubling_time_interval_days)
    return f"{sizes}; doubling time {_days(change.doubling_time_days)}{interval}"


def _also(change: SizeChange) -> Iterator[str]:
    yield f"mean diameter {signed_mm(change.mean_diameter_mm)}"
    if change.mass_percent is not None:
        yield f"mass {signed_percent(change.mass_percent)}"


def _new(one: ChangeStatement, now: str) -> str:
    if one.verdict is Untold.THEN:
        return f"{now} mm³; its place was not in view at the earlier examination, so that it may have been there"
    return f"new, {now} mm³; the earlier examination does not show it"


def _gone(one: ChangeStatement, then: str) -> str:
    if one.verdict is Untold.NOW:
        return f"{then} mm³ then; its place is not in view now, so that it cannot be told whether it is gone"
    return f"resolved, {then} mm³ then and no longer seen at its place"


def _clauses(one: ChangeStatement) -> Iterator[str]:
    if one.shown_before is not None:
        yield f", while that of {one.shown_before.isoformat()} shows it"
    if one.searched_again:
        yield "; one of the examinations showed it only on a second search at its place"
    if one.split_into:
        yield f"; it has split, and {_list(one.split_into)} lies where it was"
    if one.merged_from:
        yield f"; it has merged with {_list(one.merged_from)}"


def _list(parts: tuple[Named, ...]) -> str:
    return " and ".join(name(part) for part in parts)


def _trend(one: ChangeStatement, trend: VolumeTrend) -> str:
    since = "" if one.since is None else f" since {one.since.isoformat()}"
    return (
        f"Over {trend.time_points} examinations{since} its volume {_course(trend.doubling_time_days)} "
        f"(typical deviation {deviation_percent(trend)})."
    )


def _course(doubling_days: float) -> str:
    if abs(doubling_days) == float("inf"):
        return "is level"
    return f"{'doubles' if doubling_days > 0 else 'halves'} every {_days(abs(doubling_days))}"
