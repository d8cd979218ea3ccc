"""Key images and the labels of lesions in Chinese."""

from __future__ import annotations

from collections.abc import Mapping

from cad.domain import Caution, Nodule, NotAssessedReason
from cad.report.statements.followup import ChangeStatement, SizeSaid
from cad.report.statements.nodules import NoduleStatement
from cad.report.words.numbers import attenuation_hu, axes_mm, days_interval, signed_mm, size_volume, volume_mm3, whole
from cad.report.words.pictures import PictureLabels
from cad.report.words.zh import cautions, followup, nodules
from cad.report.words.zh.calcium import REASON as CALCIUM_REASON
from cad.report.words.zh.numbers import change_percent, signed_percent

LABELS = PictureLabels(
    title="lungcad：肺结节",
    title_with_calcium="lungcad：肺结节与冠状动脉钙化",
    footer="lungcad：科研软件，不是医疗器械；自动生成的结果，须由医师核实",
    research_use="仅供科研使用，不是医疗器械。自动生成的结果，未经医师核实。",
    planes=("轴位", "冠状位", "矢状位"),
    series="序列{}，{}层，层间距{:.2f} mm",
    lungs="视野内肺体积：右{right:.0f} ml，左{left:.0f} ml",
    no_lungs="未分割肺",
    lung_colours="肺：右肺蓝色，左肺绿色",
    no_nodule="未发现结节。",
    not_assessed="结节未评估：{}。",
    score_note="可疑度为放射科医师将其判为可疑恶性的概率，并非癌症概率。",
    caution="提示：{}",
    more_lines="……另有{}行，见报告",
    not_coronary="{}（非冠状动脉）",
    shown="图示：{}。",
    then="{}（既往）",
    now="{}（本次）",
    wide="宽{:.0f} mm",
    out_of_view="不在视野内",
    whole_series="已处理序列{number}{description}，共{slices}层",
    nothing_found="{}；经自动结节检测，未发现结节。",
    nodules_not_assessed="{}；结节未评估：{}。",
    language=("zh", "Chinese"),
)

REASON: Mapping[NotAssessedReason, str] = CALCIUM_REASON
"""Why something was not assessed."""


def beside(nodule: Nodule, change: str = "") -> str:
    """One neutral line about a nodule and its `change`: viewers show it beside the lesion."""
    lobe = None if nodule.location is None else nodule.location.lobe
    place = nodules.SIDE[nodule.side] if lobe is None else nodules.LOBE[lobe]
    composition = nodules.COMPOSITION[nodule.composition]
    label = f"{nodules.label(nodule)}：{nodule.diameters.mean_mm:.1f} mm {composition} {place}"
    return f"{label}，{change}" if change else label


def change(one: ChangeStatement | None) -> str:
    """The change in a few words; empty when there is nothing to say."""
    if one is None:
        return ""
    status = followup.VERDICT[one.record.status]
    if one.change is None:
        return status
    days = one.change.doubling_time_days
    doubling = "" if days is None else f"，倍增时间{whole(days)}天"
    return f"{status}{signed_percent(one.change.volume_percent)}{doubling}"


def nodule_lines(said: NoduleStatement, series: object = None, image: str | None = None) -> list[str]:
    """The lines above a nodule's panels: title, measurements, signs and probabilities."""
    nodule, cells = said.nodule, nodules.cells(said)
    numbers = "" if image is None else f"，{'' if series is None else f'序列{series} '}图像{image}"
    title = f"{nodules.label(nodule)}：{cells.place}，{cells.composition}{numbers}（z = {nodule.centre.z:.1f} mm）"
    solid_part = "" if said.solid is None else f"，实性成分{axes_mm(said.solid.axes)} mm"
    measures = (
        f"平均直径{nodule.diameters.mean_mm:.1f} mm（{axes_mm(nodule.diameters)} mm）{solid_part}，{_volume(said)}，"
        f"核心{attenuation_hu(nodule):.0f} HU，检出分值{nodule.score:.2f}"
    )
    parts = [cells.signs] if said.signs else []
    if said.suspicion is not None:
        parts.append(f"医师可疑度评分{100 * said.suspicion:.0f}/100（并非癌症概率）")
    if said.brock is not None:
        parts.append(f"Brock {cells.brock}")
    return [title, measures, *(["；".join(parts)] if parts else [])]


def _volume(said: NoduleStatement) -> str:
    return f"体积{volume_mm3(said.nodule.volume_mm3, said.interval_mm3)} mm3"


def summary_line(said: NoduleStatement) -> str:
    """One nodule on the summary page."""
    cells = nodules.cells(said)
    first = f"{nodules.label(said.nodule)}：{said.nodule.diameters.mean_mm:.1f} mm，{cells.composition}，{cells.place}"
    parts = [first, _volume(said)]
    if said.suspicion is not None:
        parts.append(f"医师可疑度评分{100 * said.suspicion:.0f}/100")
    if said.brock is not None:
        parts.append(f"Brock {cells.brock}")
    return "，".join(parts)


def overlay_lines(nodule: Nodule, image: str | None, place: tuple[int, int]) -> tuple[str, ...]:
    """The lines of a whole slice with a nodule."""
    number = "" if image is None else f"图像{image}，"
    return (
        f"{nodules.label(nodule)}   {nodules.COMPOSITION[nodule.composition]}，{nodules.SIDE[nodule.side]}",
        f"{nodule.diameters.mean_mm:.1f} mm（{axes_mm(nodule.diameters)} mm），{nodule.volume_mm3:.0f} mm3",
        f"{number}自足侧起第{place[0]}层，共{place[1]}层，z = {nodule.centre.z:.1f} mm",
    )


def comparison_lines(said: ChangeStatement, then: str, now: str) -> list[str]:
    """The lines above the panels: what became of the nodule, its sizes with their dates, and the doubling time."""
    cells, place = followup.cells(said), followup.place(said)
    lines = [
        f"{cells.nodule}：{cells.verdict}{place and f'，{place}'}",
        f"{then}：{_size(said.then)}；{now}：{_size(said.now)}",
    ]
    if said.change is None:
        return lines
    days = said.change.doubling_time_days
    interval = days_interval(said.change.doubling_time_interval_days)
    doubling = "" if days is None else f"，倍增时间{whole(days)}天{interval}"
    return [
        *lines,
        f"{whole(said.change.interval_days)}天内体积变化{change_percent(said.change)}，平均直径"
        f"{signed_mm(said.change.mean_diameter_mm)}{doubling}",
    ]


def _size(size: SizeSaid | None) -> str:
    return "未见" if size is None else f"{size_volume(size)} mm3，{size.mean_diameter_mm:.1f} mm"


def caution(one: Caution) -> str:
    """What a reader should know."""
    return LABELS.caution.format(cautions.caution(one))
