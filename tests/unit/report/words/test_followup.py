"""The sentences about change, in both languages and for every combination of what is known."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from datetime import date
from itertools import product
from types import ModuleType

import pytest

from cad.domain import ChangeStatus, FollowUp, Lobe, Nodule, NotAssessedReason, Side, SizeChange, VolumeTrend
from cad.policy import WordingPolicy
from cad.report.statements.followup import (
    ChangeStatement,
    FollowupStatement,
    Named,
    SizeSaid,
    Untold,
    Verdict,
    state_followup,
)
from cad.report.words.en import followup as compared_english, nodules as english
from cad.report.words.numbers import change_percent, days_interval, doubling_cell, signed_mm, signed_percent
from cad.report.words.zh import followup as compared_chinese, nodules as chinese
from tests.made.changes import (
    GROWTH,
    SHRINKAGE,
    STABLE,
    TREND,
    a_followup,
    followed,
    gone,
    new,
    nodules,
)

LANGUAGES = (compared_english, compared_chinese)
THEN, NOW = SizeSaid(210.2, (180.4, 239.6), 7.44), SizeSaid(420.4, (370.1, 479.6), 9.37)


def stated(followup: FollowUp, found: tuple[Nodule, ...] | None = None) -> FollowupStatement:
    return state_followup(followup, nodules(9) if found is None else found, WordingPolicy())


def said(verdict: Verdict = ChangeStatus.GROWING, change: SizeChange | None = GROWTH) -> ChangeStatement:
    return ChangeStatement(
        name=Named("Nodule 1", is_earlier=False),
        verdict=verdict,
        side=Side.RIGHT,
        lobe=Lobe.RUL,
        then=THEN,
        now=NOW,
        change=change,
        searched_again=False,
        split_into=(),
        merged_from=(),
        trend=None,
        since=None,
        shown_before=None,
        record=followed(0),
        nodule=None,
    )


def alone(verdict: Verdict) -> ChangeStatement:
    """A nodule that one examination alone shows: the current one when it is new."""
    is_now = verdict in (ChangeStatus.NEW, Untold.THEN)
    name = Named("Nodule 2", is_earlier=not is_now)
    return dataclasses.replace(
        said(verdict, None), name=name, then=None if is_now else THEN, now=NOW if is_now else None
    )


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (
            said(),
            (
                "Nodule 1: growing, from 210 [180–240] to 420 [370–480] mm³ in 365 days (+100 % [+70, +140]; mean "
                "diameter +1.9 mm; mass +95 %); doubling time 365 days [290–480].",
                "结节1：增大，体积由210 [180–240]增至420 [370–480] mm³（365天，+100% [+70, +140]，平均直径+1.9 mm，"
                "质量+95%）；体积倍增时间365天 [290–480]。",
            ),
        ),
        (
            said(ChangeStatus.SHRINKING, SHRINKAGE),
            (
                "Nodule 1: shrinking, from 210 [180–240] to 420 [370–480] mm³ in 365 days (-40 % [-52, -25]; mean "
                "diameter -1.2 mm; mass -38 %).",
                "结节1：缩小，体积由210 [180–240]减至420 [370–480] mm³（365天，-40% [-52, -25]，平均直径-1.2 mm，"
                "质量-38%）。",
            ),
        ),
        (
            said(ChangeStatus.STABLE, STABLE),
            (
                "Nodule 1: stable, 210 [180–240] mm³ then and 420 [370–480] mm³ now, after 365 days (+5 % [-15, +29]; "
                "mean diameter 0.0 mm).",
                "结节1：稳定，既往体积210 [180–240] mm³，现为420 [370–480] mm³（365天，+5% [-15, +29]，"
                "平均直径0.0 mm）。",
            ),
        ),
        (
            alone(ChangeStatus.NEW),
            (
                "Nodule 2: new, 420 [370–480] mm³; the earlier examination does not show it.",
                "结节2：新发，体积420 [370–480] mm³，既往检查未见。",
            ),
        ),
        (
            alone(ChangeStatus.RESOLVED),
            (
                "Earlier Nodule 2 (right upper lobe): resolved, 210 [180–240] mm³ then and no longer seen at its "
                "place.",
                "既往结节2（右肺上叶）：已消失，既往体积210 [180–240] mm³，本次原位置未见。",
            ),
        ),
        (
            alone(Untold.THEN),
            (
                "Nodule 2: 420 [370–480] mm³; its place was not in view at the earlier examination, so that it may "
                "have been there.",
                "结节2：体积420 [370–480] mm³；其位置不在既往检查视野内，无法判断当时是否存在。",
            ),
        ),
        (
            alone(Untold.NOW),
            (
                "Earlier Nodule 2 (right upper lobe): 210 [180–240] mm³ then; its place is not in view now, so that it "
                "cannot be told whether it is gone.",
                "既往结节2（右肺上叶）：既往体积210 [180–240] mm³；其位置不在本次检查视野内，无法判断是否消失。",
            ),
        ),
    ],
    ids=["growing", "shrinking", "stable", "new", "resolved", "not in view then", "not in view now"],
)
def test_says_what_a_radiologist_would(one: ChangeStatement, expected: tuple[str, str]) -> None:
    assert tuple(words.change_sentence(one) for words in LANGUAGES) == expected


def test_says_the_trend_of_three_examinations() -> None:
    one = dataclasses.replace(said(), trend=TREND, since=date(2022, 1, 31))
    assert compared_english.change_sentence(one).endswith(
        " Over 3 examinations since 2022-01-31 its volume doubles every 365 days (typical deviation 5 %)."
    )
    assert compared_chinese.change_sentence(one).endswith(
        "。自2022-01-31起共3次检查，体积每365天增加一倍（典型偏差5%）。"
    )


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-250.4, ("halves every 250 days", "每250天减半")),
        (math.inf, ("is level", "无增减趋势")),
        (1.2, ("1 day ", "每1天")),
    ],
)
def test_a_trend_can_go_down_or_nowhere(days: float, expected: tuple[str, str]) -> None:
    one = dataclasses.replace(said(), trend=VolumeTrend(4, days, 0.0))
    for words, phrase in zip(LANGUAGES, expected, strict=True):
        assert phrase in words.change_sentence(one)


def test_an_interval_without_an_upper_end_is_a_lower_bound() -> None:
    endless = dataclasses.replace(GROWTH, doubling_time_interval_days=(289.7, math.inf))
    for words in LANGUAGES:
        assert " [>290]" in words.change_sentence(said(change=endless))
        assert "inf" not in words.change_sentence(said(change=endless))
    assert doubling_cell(endless) == "365\n[>290]"


def test_numbers_are_whole_with_their_signs() -> None:
    assert [signed_percent(v) for v in (100.4, -40.2, 0.4, -0.4)] == ["+100 %", "-40 %", "0 %", "0 %"]
    assert [signed_mm(v) for v in (1.93, -1.2, 0.04, -0.04)] == ["+1.9 mm", "-1.2 mm", "0.0 mm", "0.0 mm"]
    assert days_interval((289.7, 480.2)) == " [290–480]"
    assert days_interval(None) == ""
    assert change_percent(dataclasses.replace(GROWTH, volume_percent_interval=None)) == "+100 %"
    assert doubling_cell(STABLE) == doubling_cell(None) == "–"


CHANGES = (GROWTH, SHRINKAGE, STABLE)


def every_comparison() -> Iterator[ChangeStatement]:
    """Every combination of a verdict and of what is known beside it."""
    both = [said(change.status, change) for change in CHANGES]
    both += [
        said(change.status, dataclasses.replace(change, volume_percent_interval=None, mass_percent=None))
        for change in CHANGES
    ]
    lone = [alone(verdict) for verdict in (ChangeStatus.NEW, ChangeStatus.RESOLVED, *Untold)]
    parts = ((), (Named("Nodule 7", is_earlier=False),), (Named("Nodule 8", False), Named("Nodule 9", False)))
    merged = ((), (Named("", is_earlier=True),), (Named("Nodule 5", is_earlier=True),))
    known = product((*both, *lone), parts, merged, (None, TREND), (False, True), (None, Lobe.LLL), (None, Side.LEFT))
    for one, split, merge, trend, again, lobe, side in known:
        yield dataclasses.replace(
            one, split_into=split, merged_from=merge, trend=trend, searched_again=again, lobe=lobe, side=side
        )


@pytest.mark.parametrize("words", LANGUAGES, ids=["en", "zh"])
def test_no_combination_leaves_a_gap(words: ModuleType) -> None:
    count = 0
    for one in every_comparison():
        sentence: str = words.change_sentence(one)
        assert not re.search(
            r"None|null|\bnan\b|\binf\b|\(\)|（）|\[\]| ,|,,|;;|; ;|  |，，|；；|；，|，。|；。", sentence
        ), sentence
        assert sentence.endswith("." if words is compared_english else "。")
        assert all(getattr(words.cells(one), field.name) for field in dataclasses.fields(words.cells(one)))
        count += 1
    assert count == 10 * 3 * 3 * 2 * 2 * 2 * 2


def test_english_has_no_chinese_letter_and_chinese_no_english_word_but_units() -> None:
    for one in every_comparison():
        assert not re.search(r"[\u4e00-\u9fff]", compared_english.change_sentence(one))
        assert not re.search(r"[A-Za-z]", compared_chinese.change_sentence(one).replace("mm", ""))


def test_the_overview_counts_what_matters_first() -> None:
    followup = stated(a_followup(followed(0), new(1), followed(2, STABLE), gone()))
    assert [verdict for verdict, _ in followup.counts] == [
        ChangeStatus.GROWING,
        ChangeStatus.NEW,
        ChangeStatus.RESOLVED,
        ChangeStatus.STABLE,
    ]
    assert compared_english.overview(followup) == (
        "Compared with the chest CT of 2023-01-31, 365 days earlier: 1 growing, 1 new, 1 resolved, 1 stable."
    )
    assert compared_chinese.overview(followup) == (
        "与2023-01-31胸部CT（365天前）对比：增大1个，新发1个，消失1个，稳定1个。"
    )
    assert "no nodule then or now" in compared_english.overview(stated(a_followup()))
    assert "两次检查均未见结节" in compared_chinese.overview(stated(a_followup()))


def test_a_nodule_whose_place_was_not_in_view_is_not_called_new_or_gone() -> None:
    unseen = dataclasses.replace(new(1), place_in_prior=None)
    left = dataclasses.replace(gone(), place_in_current=None)
    assert stated(a_followup(unseen, left)).counts == ((Untold.THEN, 1), (Untold.NOW, 1))
    assert "1 not in view then, 1 not in view now" in compared_english.overview(stated(a_followup(unseen, left)))


def test_says_how_the_earlier_examinations_were_read_and_what_is_doubtful_of_their_registration() -> None:
    lines = compared_english.exams(stated(a_followup(followed(0), method="affine")))
    assert lines == [
        "2023-01-31 (365 days earlier): its nodules were read back from lungcad's report of then. It was brought to "
        "the same places by an affine map alone, which misses local deformation. The deformation folds.",
        "2022-01-31 (730 days earlier): its images were analysed now.",
    ]
    first, second = compared_chinese.exams(stated(a_followup(followed(0), method="affine")))
    assert "仅以仿射变换配准" in first
    assert second == "2022-01-31（730天前）：图像于本次重新分析。"
    assert "affine" not in " ".join(compared_english.exams(stated(a_followup(followed(0)))))


def test_sizes_of_parts_that_are_one_nodule_are_added_as_in_the_change() -> None:
    (one,) = stated(a_followup(followed(0)), nodules(1)).changes
    assert one.then is not None
    assert one.now is not None
    assert (one.then.volume_mm3, one.now.volume_mm3) == (210.0, 420.0)
    assert nodules(1)[0].volume_mm3 == 890.0
    bare = dataclasses.replace(followed(0), history=())
    (one,) = stated(a_followup(bare), nodules(1)).changes
    assert one.now is not None
    assert one.now.volume_mm3 == 890.0


def test_parts_are_named_by_their_labels_and_never_by_their_uids() -> None:
    change = dataclasses.replace(followed(0), parts=("2.25.2", "2.25.902", "2.25.4711"))
    one, *_ = stated(a_followup(change, gone()), nodules(2)).changes
    assert one.split_into == (Named("Nodule 2", is_earlier=False),)
    assert [named.label for named in one.merged_from] == ["Nodule 2", ""]
    assert "merged with earlier Nodule 2 and another nodule of then" in compared_english.change_sentence(one)
    assert "2.25" not in compared_english.change_sentence(one) + compared_chinese.change_sentence(one)


def test_an_older_examination_that_shows_a_new_nodule_is_named() -> None:
    history = tuple(entry for entry in followed(0).history if entry.acquired != date(2023, 1, 31))
    one, *_ = stated(a_followup(dataclasses.replace(new(0), history=history)), nodules(1)).changes
    assert "does not show it, while that of 2022-01-31 shows it." in compared_english.change_sentence(one)
    assert "既往检查未见，但2022-01-31的检查可见。" in compared_chinese.change_sentence(one)


def test_pictures_are_of_what_changed_and_of_some_stable_nodules() -> None:
    changes = (*(followed(n, STABLE) for n in range(5)), gone(), new(5), followed(6))
    shown = state_followup(
        a_followup(*changes), nodules(9), WordingPolicy(stable_comparisons=2, changed_comparisons=9)
    ).pictured
    assert [one.record.current for one in shown] == [6, 5, None, 0, 1]
    assert (
        len(
            state_followup(
                a_followup(*changes), nodules(9), WordingPolicy(stable_comparisons=0, changed_comparisons=2)
            ).pictured
        )
        == 2
    )


@pytest.mark.parametrize("reason", list(NotAssessedReason))
def test_a_missing_comparison_has_its_reason(reason: NotAssessedReason) -> None:
    for words in (english, chinese):
        text = words.not_assessed(followup=reason, calcium=False)
        assert words.NOT_COMPARED.get(reason, reason.value) in text
    assert "no earlier chest CT was available" in english.not_assessed(
        followup=NotAssessedReason.NO_PRIOR, calcium=False
    )
