"""The pages of a report that compare with earlier examinations: table, sentences, growth chart, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from PIL import Image as PilImage
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Image, KeepTogether, Spacer, Table

from cad.domain import FollowUp, UInt8Array, Volume
from cad.policy import GrowthPolicy
from cad.report.pdf.growth_chart import MAX_LINES, courses, growth_chart
from cad.report.pdf.layout import BODY, SMALL, TINY, compact, picture
from cad.report.pdf.lettering import ACCENT, FAINT, RULE, Look, paragraph
from cad.report.pictures.followup import comparison_panels
from cad.report.statements.followup import ChangeStatement, FollowupStatement
from cad.report.words.choices import Language
from cad.report.words.followup import ComparisonLabels, ComparisonWords
from cad.report.words.languages import LANGUAGES, words_of

COLUMNS: Sequence[tuple[str, float]] = (
    ("nodule", 0.13),
    ("then", 0.155),
    ("now", 0.155),
    ("change", 0.3),
    ("doubling", 0.13),
    ("verdict", 0.13),
)
"""Columns of the table of changes and their parts of the width."""

CHART_HEIGHT = 46 * mm
MAX_PICTURES = 6
PICTURES_PER_ROW = 3
PICTURE_GAP_PIXELS = 8
PICTURE_MARGIN = 8.0
"""Between pairs, in points."""


@dataclass(frozen=True, slots=True, eq=False)
class FollowupCase:
    """What the comparison shows. `width` is that of the page's text, in points."""

    volume: Volume
    statement: FollowupStatement | None
    language: Language
    growth: GrowthPolicy
    width: float

    @property
    def words(self) -> tuple[ComparisonWords, ...]:
        """The languages, the first one first."""
        return tuple(one.followup for one in LANGUAGES[self.language])


def comparison_overview(case: FollowupCase) -> Iterator[Flowable]:
    """What was compared and how many nodules changed how, for the first page; nothing without a comparison."""
    if case.statement is None:
        return
    statement = case.statement
    yield from (paragraph(words.overview(statement), Look(BODY + 0.7, bold=True)) for words in case.words)
    yield Spacer(0, 1.5 * mm)


def comparison_section(case: FollowupCase) -> Iterator[Flowable]:
    """The whole comparison; nothing without one."""
    if case.statement is None:
        return
    statement, said = case.statement, case.statement.changes
    yield _heading(case)
    for words in case.words:
        yield from (paragraph(sentence, Look(SMALL, FAINT)) for sentence in words.exams(statement))
    yield Spacer(0, 1.5 * mm)
    if said:
        yield _table(case, statement.record, said)
        yield from (paragraph(_rule(case, words.LABELS), Look(TINY, FAINT)) for words in case.words)
        yield Spacer(0, 2 * mm)
        for one in said:
            yield KeepTogether([*_sentences(case, one), Spacer(0, 0.5 * mm)])
        yield Spacer(0, 2 * mm)
    yield from _chart(case, statement.record, said)
    yield from _pictures(case)


def _heading(case: FollowupCase) -> Table:
    titles = [paragraph(words.LABELS.title, Look(11, ACCENT, bold=True)) for words in case.words]
    table = Table([titles], colWidths=[case.width / len(titles)] * len(titles), hAlign="LEFT")
    table.setStyle(compact(("LINEBELOW", (0, 0), (-1, -1), 1.0, ACCENT)))
    return table


def _rule(case: FollowupCase, labels: ComparisonLabels) -> str:
    return labels.rule.format(percent=f"{case.growth.significant_percent:g}")


def _table(case: FollowupCase, followup: FollowUp, said: Sequence[ChangeStatement]) -> Table:
    dates = {"then": followup.latest.scan.acquired.isoformat(), "now": followup.acquired.isoformat()}
    heads = [_lines([_label(case, name), dates.get(name, "")]) for name, _ in COLUMNS]
    rows = [[_lines(getattr(words.cells(one), name) for words in case.words) for name, _ in COLUMNS] for one in said]
    cells = [[paragraph(text, Look(7, FAINT)) for text in heads]]
    cells.extend([paragraph(text, Look(SMALL)) for text in row] for row in rows)
    table = Table(cells, colWidths=[case.width * part for _, part in COLUMNS], repeatRows=1, hAlign="LEFT")
    table.setStyle(compact(("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE)))
    return table


def _lines(texts: Iterable[str]) -> str:
    """The lines of several texts, each once: words in each language, numbers once."""
    return "\n".join(dict.fromkeys(line for text in texts for line in text.split("\n") if line))


def _label(case: FollowupCase, name: str) -> str:
    """A label in the languages of the report, each on a line."""
    return _lines(getattr(words.LABELS, name) for words in case.words)


def _sentences(case: FollowupCase, one: ChangeStatement) -> Iterator[Flowable]:
    yield from (paragraph(words.change_sentence(one), Look(BODY)) for words in case.words)


def _chart(case: FollowupCase, followup: FollowUp, said: Sequence[ChangeStatement]) -> Iterator[Flowable]:
    """The growth chart with its caption; nothing when no nodule was seen twice."""
    shown = courses(followup, [case.words[0].cells(one).nodule for one in said])
    if shown:
        drawing = growth_chart(shown, case.width, CHART_HEIGHT)
        captions = [paragraph(_chart_caption(words, len(shown)), Look(TINY, FAINT)) for words in case.words]
        yield KeepTogether([drawing, *captions, Spacer(0, 2 * mm)])


def _chart_caption(words: ComparisonWords, count: int) -> str:
    """What the chart shows, and how many nodules have no line of their own."""
    left_out = max(count - MAX_LINES, 0)
    return words.LABELS.chart + (words.LABELS.more_in_table.format(count=left_out) if left_out else "")


def _pictures(case: FollowupCase) -> Iterator[Flowable]:
    """Pairs of then and now of the first nodules that changed; the key images hold all of them."""
    found = list(islice(comparison_panels(case.volume, case.statement, words_of(case.language).pictures), MAX_PICTURES))
    if not found:
        return
    width = case.width / PICTURES_PER_ROW
    cells = [[_pair(then, now, width - PICTURE_MARGIN), _caption(case, one)] for one, then, now in found]
    rows = [cells[start : start + PICTURES_PER_ROW] for start in range(0, len(cells), PICTURES_PER_ROW)]
    table = Table(rows, colWidths=[width] * len(rows[0]), hAlign="LEFT")
    table.setStyle(compact())
    caption = paragraph(_label(case, "pictures"), Look(TINY, FAINT))
    yield KeepTogether([table, caption])


def _caption(case: FollowupCase, one: ChangeStatement) -> Flowable:
    cells = case.words[0].cells(one)
    return paragraph(f"{cells.nodule}: {cells.verdict}", Look(TINY, FAINT))


def _pair(then: UInt8Array, now: UInt8Array, width: float) -> Image:
    gap = np.full((then.shape[0], PICTURE_GAP_PIXELS, 3), 255, dtype=np.uint8)
    return picture(PilImage.fromarray(np.concatenate([then, gap, now], axis=1)), width)
