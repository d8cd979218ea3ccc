"""The report of `lungcad validate` as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def report_text(report: Mapping[str, Any]) -> str:
    """The page, with a part for each that the references speak of."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield "# Validation"
    yield ""
    yield f"{report['read']} of {report['series']} series were read, {report['failed']} were not."
    for part, lines in (
        ("nodules", _nodules),
        ("volumes", _volumes),
        ("calcium", _calcium),
        ("followup", _followup),
    ):
        if report[part] is not None:
            yield ""
            yield from lines(report[part])
    yield from _failed(report["rows"])
    yield from _made_by(report["provenance"])


def _nodules(figures: Mapping[str, Any]) -> Iterator[str]:
    point = figures["working_point"]
    yield "## Nodules"
    yield ""
    yield f"{figures['references']} reference nodules in {figures['scans']} scans; hits within the radius (LUNA16)."
    yield ""
    yield from _table(
        ("false marks per scan", "sensitivity", "95 % interval"),
        [(f"{one['false_per_scan']:g}", _number(one["value"]), _between(one)) for one in figures["froc"]],
    )
    yield ""
    yield f"CPM {_number(figures['cpm']['value'])} ({_between(figures['cpm'])})."
    yield (
        f"At the threshold {point['threshold']:g}: sensitivity {_number(point['sensitivity']['value'])} "
        f"({_between(point['sensitivity'])}), {_number(point['false_per_scan']['value'])} false marks per scan."
    )


def _volumes(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "## Volumes"
    yield ""
    yield f"{figures['nodules']} nodules, mean absolute error {figures['mean_absolute_error_percent']:.1f} %."
    yield from _limits(figures["percent"], "%")


def _calcium(figures: Mapping[str, Any]) -> Iterator[str]:
    assessed, tiers = figures["assessed"], figures["tiers"]
    yield "## Coronary calcium (non-gated estimate)"
    yield ""
    yield (
        f"{figures['scans']} scans with a reference: {assessed['both']} scored by both, {assessed['finding_only']} by "
        f"lungcad alone, {assessed['reference_only']} by the reference alone, {assessed['neither']} by neither."
    )
    icc = figures["agatston"]["icc_2_1"]
    yield f"Agatston: ICC(2,1) {_number(icc['value'])} ({_between(icc)})."
    yield from _limits(figures["agatston"]["bland_altman"], "Agatston")
    yield (
        f"Tiers: kappa {_number(tiers['kappa_unweighted'])}, linear {_number(tiers['kappa_linear'])}, quadratic "
        f"{_number(tiers['kappa_quadratic'])}."
    )
    yield ""
    yield from _crossed(tiers["tiers"], tiers["found_by_truth"])
    yield ""
    yield from _table(
        ("artery", "both", "lungcad alone", "reference alone", "neither", "kappa", "ICC(2,1)", "mean difference"),
        [
            (
                artery,
                *(str(one[name]) for name in ("both", "first_only", "second_only", "neither")),
                *(_number(one[name]) for name in ("kappa", "icc", "mean_difference")),
            )
            for artery, one in figures["arteries"].items()
        ],
    )


def _followup(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "## Follow-up"
    yield ""
    yield f"{figures['nodules']} nodules, agreement {figures['agreement']:.3f}, kappa {_number(figures['kappa'])}."
    yield ""
    yield from _crossed(figures["statuses"], figures["found_by_truth"])


def _failed(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    failed = [row for row in rows if row["status"] == "failed"]
    if failed:
        yield ""
        yield "## Series that were not read"
        yield ""
        yield from _table(("row", "series", "reason", "what"), [_cells(row) for row in failed])


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (str(row["row"]), str(row["series"]), str(row["reason"]), str(row["text"]))


def _made_by(provenance: Mapping[str, Any] | None) -> Iterator[str]:
    if provenance is not None:
        models = ", ".join(f"{model['name']} {model['version']}" for model in provenance["models"])
        yield ""
        yield f"lungcad {provenance['version']}, clinical policy {provenance['policy_version']}; networks: {models}."


def _limits(figures: Mapping[str, Any] | None, unit: str) -> Iterator[str]:
    if figures is not None:
        bias, low, high = (figures[name] for name in ("bias", "lower_limit", "upper_limit"))
        yield (
            f"Bias {_number(bias['value'])} {unit} ({_between(bias)}), limits of agreement {_number(low['value'])} to "
            f"{_number(high['value'])} {unit} ({figures['pairs']} pairs)."
        )


def _crossed(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Iterator[str]:
    """A table of what was found (rows) by what is true (columns)."""
    rows = [(name, *(str(count) for count in row)) for name, row in zip(names, counts, strict=True)]
    yield from _table(("found \\ reference", *names), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


def _between(figures: Mapping[str, Any]) -> str:
    low, high = figures["ci95"]
    return "no interval" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
