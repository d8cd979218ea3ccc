"""The comparison with earlier examinations in Chinese."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cad.domain import ChangeStatus, ComparedExam, PriorSource, SizeChange, VolumeTrend
from cad.report.statements.followup import ChangeStatement, FollowupStatement, Named, Untold, Verdict
from cad.report.words.followup import ChangeCells, ComparisonLabels
from cad.report.words.numbers import DASH, days_interval, doubling_cell, signed_mm, size_volume, volume_and_mean, whole
from cad.report.words.zh.cautions import caution
from cad.report.words.zh.nodules import LOBE, SIDE
from cad.report.words.zh.numbers import change_percent, deviation_percent, signed_percent

LABELS = ComparisonLabels(
    title="与既往检查对比",
    nodule="结节",
    then="既往体积，mm³",
    now="现在体积，mm³",
    change="变化",
    doubling="倍增时间，天",
    verdict="判断",
    chart="体积（mm³，对数坐标）随采集日期的变化；误差线包含各种扫描方案下95%的测量值",
    more_in_table="；另有{count}个见表",
    pictures="左为既往，右为本次，同一位置，同一窗位",
    rule=(
        "增大与缩小：体积变化达{percent}%及以上，且超出两次测量误差；否则为稳定。"
        "层厚、像素、重建核或吸气程度不同时误差更大。方括号内为95%区间，既往测量未给出者从略。"
        "倍增时间仅用于增大的结节。日期均为采集日期。"
    ),
)

VERDICT: Mapping[Verdict, str] = {
    ChangeStatus.GROWING: "增大",
    ChangeStatus.NEW: "新发",
    ChangeStatus.SHRINKING: "缩小",
    ChangeStatus.RESOLVED: "消失",
    ChangeStatus.STABLE: "稳定",
    Untold.THEN: "既往不在视野内",
    Untold.NOW: "本次不在视野内",
}

SOURCE: Mapping[PriorSource, str] = {
    PriorSource.REPORT: "结节取自lungcad当时的报告",
    PriorSource.ANALYSED: "图像于本次重新分析",
}


def name(named: Named) -> str:
    """The name of a nodule of now or of then."""
    if not named.label:
        return "既往另一结节"
    label = named.label.replace("Nodule ", "结节")
    return f"既往{label}" if named.is_earlier else label


def overview(statement: FollowupStatement) -> str:
    """What was compared with what, and how many nodules changed how."""
    latest = statement.record.latest.scan
    compared_with = f"与{latest.acquired.isoformat()}胸部CT（{whole(latest.interval_days)}天前）对比"
    found = "，".join(f"{VERDICT[verdict]}{number}个" for verdict, number in statement.counts)
    return f"{compared_with}：{found or '两次检查均未见结节'}。"


def exams(statement: FollowupStatement) -> list[str]:
    """Each earlier examination, the latest first."""
    return [_exam(exam) for exam in reversed(statement.record.exams)]


def change_sentence(one: ChangeStatement) -> str:
    """One nodule's change as a radiologist writes it."""
    sentence = f"{_first(one)}{''.join(_clauses(one))}。"
    return sentence if one.trend is None else f"{sentence}{_trend(one, one.trend)}"


def cells(one: ChangeStatement) -> ChangeCells:
    """One nodule's change as a row of the table."""
    return ChangeCells(
        nodule=name(one.name),
        then=DASH if one.then is None else volume_and_mean(one.then),
        now=DASH if one.now is None else volume_and_mean(one.now),
        change=DASH if one.change is None else f"{change_percent(one.change)}\n{'，'.join(_also(one.change))}",
        doubling=doubling_cell(one.change),
        verdict=VERDICT[one.verdict],
    )


def _exam(exam: ComparedExam) -> str:
    scan, quality = exam.scan, exam.transform.quality
    sentences = [f"{scan.acquired.isoformat()}（{whole(scan.interval_days)}天前）：{SOURCE[exam.source]}。"]
    if quality.method == "affine":
        sentences.append("仅以仿射变换配准，未反映局部形变。")
    if quality.cautions:
        sentences.append(f"提示：{''.join(map(caution, quality.cautions))}")
    return "".join(sentences)


def _first(one: ChangeStatement) -> str:
    if one.change is not None and one.then is not None and one.now is not None:
        return f"{name(one.name)}：{_both(one, one.change, size_volume(one.then), size_volume(one.now))}"
    if one.now is not None:
        return f"{name(one.name)}：{_new(one, size_volume(one.now))}"
    where = place(one)
    return (
        f"{name(one.name)}{where and f'（{where}）'}：{_gone(one, '' if one.then is None else size_volume(one.then))}"
    )


def _both(one: ChangeStatement, change: SizeChange, then: str, now: str) -> str:
    facts = "，".join([f"{whole(change.interval_days)}天", change_percent(change), *_also(change)])
    if one.verdict is ChangeStatus.STABLE:
        return f"稳定，既往体积{then} mm³，现为{now} mm³（{facts}）"
    turned = "增至" if one.verdict is ChangeStatus.GROWING else "减至"
    sizes = f"{VERDICT[one.verdict]}，体积由{then}{turned}{now} mm³（{facts}）"
    if change.doubling_time_days is None:
        return sizes
    interval = days_interval(change.doubling_time_interval_days)
    return f"{sizes}；体积倍增时间{whole(change.doubling_time_days)}天{interval}"


def _also(change: SizeChange) -> Iterator[str]:
    yield f"平均直径{signed_mm(change.mean_diameter_mm)}"
    if change.mass_percent is not None:
        yield f"质量{signed_percent(change.mass_percent)}"


def _new(one: ChangeStatement, now: str) -> str:
    if one.verdict is Untold.THEN:
        return f"体积{now} mm³；其位置不在既往检查视野内，无法判断当时是否存在"
    return f"新发，体积{now} mm³，既往检查未见"


def _gone(one: ChangeStatement, then: str) -> str:
    if one.verdict is Untold.NOW:
        return f"既往体积{then} mm³；其位置不在本次检查视野内，无法判断是否消失"
    return f"已消失，既往体积{then} mm³，本次原位置未见"


def place(one: ChangeStatement) -> str:
    """The lobe or the lung; empty when neither is known."""
    if one.lobe is not None:
        return LOBE[one.lobe]
    return "" if one.side is None else SIDE[one.side]


def _clauses(one: ChangeStatement) -> Iterator[str]:
    if one.shown_before is not None:
        yield f"，但{one.shown_before.isoformat()}的检查可见"
    if one.searched_again:
        yield "；其中一次检查经原位置再次搜索才发现"
    if one.split_into:
        yield f"；已分裂，原位置另见{_list(one.split_into)}"
    if one.merged_from:
        yield f"；已与{_list(one.merged_from)}融合"


def _list(parts: tuple[Named, ...]) -> str:
    return "、".join(name(part) for part in parts)


def _trend(one: ChangeStatement, trend: VolumeTrend) -> str:
    since = "" if one.since is None else f"自{one.since.isoformat()}起"
    return (
        f"{since}共{trend.time_points}次检查，体积{_course(trend.doubling_time_days)}"
        f"（典型偏差{deviation_percent(trend)}）。"
    )


def _course(doubling_days: float) -> str:
    if abs(doubling_days) == float("inf"):
        return "无增减趋势"
    return f"每{whole(abs(doubling_days))}天{'增加一倍' if doubling_days > 0 else '减半'}"
