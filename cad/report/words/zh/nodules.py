"""The report in Chinese, with the terms of Chinese radiology. What guidelines say stands in `guidelines`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cad.domain import (
    Assessment,
    CalcificationPattern,
    Caution,
    Composition,
    Delineation,
    Lobe,
    Nodule,
    NotAssessedReason,
    Side,
)
from cad.report.statements.nodules import Border, Nearness, NoduleStatement, Place, Sign
from cad.report.statements.provenance import Provenance
from cad.report.words.guidelines import because_of, by_nodule, in_short, speak, stand_ins_of
from cad.report.words.language import Cells, Labels, Technique
from cad.report.words.numbers import DASH, axes_mm, density, size_cell, volume_mm3, whole
from cad.report.words.zh import cautions, guidelines
from cad.report.words.zh.numbers import percent, percent_range

LABELS = Labels(
    title="胸部CT肺结节",
    origin="lungcad 自动阅片",
    patient="患者",
    patient_id="患者编号",
    born="出生日期",
    sex="性别",
    sexes=("男", "女", "其他"),
    study="检查",
    accession="检查号",
    series="序列",
    images="图像",
    not_given="未提供",
    nodule="结节",
    place="部位",
    composition="类型",
    size="大小，mm",
    volume="体积，mm³",
    signs="征象",
    suspicion="可疑度*",
    brock="Brock*",
    note="提示",
    footer="科研软件，不是医疗器械",
    limits=(
        "本结果由科研软件自动生成，该软件不是医疗器械，结果须由医师对照图像核实。可能漏检，也可能误标；"
        "小于3 mm的结节不报告。大小为面积约最大的横断面中最长的长径与短径；"
        "CT值为核心的中位数；体积区间包含不同层厚、像素或重建核下95%的测量值。"
        "肺叶、征象与概率均为模型估计，模型不能判断者从略。"
    ),
    score_note=(
        "*可疑度为放射科医师将该结节判为可疑恶性的概率，由网络从医师评分学得，未使用经证实的诊断：并非癌症概率。"
        "Brock为已发表模型（McWilliams 2013）给出的癌症概率。"
    ),
)

COMPOSITION: Mapping[Composition, str] = {
    Composition.SOLID: "实性",
    Composition.PART_SOLID: "部分实性",
    Composition.GROUND_GLASS: "磨玻璃",
    Composition.CALCIFIED: "钙化",
    Composition.FAT: "含脂肪",
}

SIDE: Mapping[Side, str] = {Side.RIGHT: "右肺", Side.LEFT: "左肺"}

LOBE: Mapping[Lobe, str] = {
    Lobe.RUL: "右肺上叶",
    Lobe.RML: "右肺中叶",
    Lobe.RLL: "右肺下叶",
    Lobe.LUL: "左肺上叶",
    Lobe.LINGULA: "左肺上叶舌段",
    Lobe.LLL: "左肺下叶",
}

SIGN: Mapping[Sign, str] = {
    Sign.SPICULATED: "毛刺",
    Sign.LOBULATED: "分叶",
    Sign.ILL_DEFINED: "边界不清",
    Sign.CAVITY: "空洞",
    Sign.CALCIFICATION: "钙化",
    Sign.FAT: "脂肪密度",
    Sign.PERIFISSURAL: "胸膜旁（叶间裂旁）结节形态",
}

PATTERN: Mapping[CalcificationPattern, str] = {
    CalcificationPattern.DIFFUSE: "弥漫性钙化",
    CalcificationPattern.CENTRAL: "中央性钙化",
    CalcificationPattern.LAMINATED: "层状钙化",
    CalcificationPattern.POPCORN: "爆米花样钙化",
    CalcificationPattern.ECCENTRIC: "偏心性钙化",
    CalcificationPattern.PUNCTATE: "点状钙化",
}

BORDER: Mapping[Border, str] = {Border.PLEURA: "胸膜", Border.FISSURE: "叶间裂"}

DELINEATION: Mapping[Delineation, str] = {
    Delineation.CLIPPED: "大部分边界与周围结构难以区分",
    Delineation.BALL: "未找到边界，大小为检测标记的大小",
}
"""Ways to delineate that a reader should know of."""

INPUT: Mapping[str, str] = {
    "age_years": "年龄",
    "sex": "性别",
    "family_history_lung_cancer": "肺癌家族史",
    "emphysema": "肺气肿",
    "upper_lobe": "是否位于上叶",
    "spiculated": "毛刺",
}
"""Inputs of the Brock model."""

NOT_COMPARED: Mapping[NotAssessedReason, str] = {
    NotAssessedReason.NO_PRIOR: "无既往胸部CT",
    NotAssessedReason.NO_SUITABLE_PRIOR: "既往检查均不适合对比",
    NotAssessedReason.NOT_REQUESTED: "未要求",
    NotAssessedReason.NOT_IN_THIS_VERSION: "本版本不提供",
    NotAssessedReason.NOT_AVAILABLE: "未进行图像配准",
}
"""Reasons for which a comparison can be missing."""


def nodule_sentence(said: NoduleStatement) -> str:
    """One nodule as a radiologist writes it."""
    nodule = said.nodule
    first = f"{_place(said.place)}{COMPOSITION[nodule.composition]}结节，大小约{axes_mm(nodule.diameters)} mm"
    parts = [first, _volume(said), *_solid(said), *_seen(said), *(_near(one) for one in said.near)]
    return f"{label(nodule)}：{'；'.join(['，'.join(parts), *_judgements(said)])}。"


def label(nodule: Nodule) -> str:
    """The name of a nodule."""
    return guidelines.name(nodule.label)


def _place(place: Place) -> str:
    if place.lobe is None:
        return SIDE[place.side]
    return LOBE[place.lobe] + ("" if place.is_certain else "（可能）")


def _volume(said: NoduleStatement) -> str:
    return f"体积{volume_mm3(said.nodule.volume_mm3, said.interval_mm3)} mm³"


def _solid(said: NoduleStatement) -> Iterator[str]:
    if said.solid is not None:
        yield f"实性成分{axes_mm(said.solid.axes)} mm，{whole(said.solid.volume_mm3)} mm³"


def _signs(said: NoduleStatement) -> list[str]:
    return [PATTERN[said.pattern] if sign is Sign.CALCIFICATION and said.pattern else SIGN[sign] for sign in said.signs]


def _seen(said: NoduleStatement) -> Iterator[str]:
    if said.signs:
        yield "、".join(_signs(said))


def _near(near: Nearness) -> str:
    border = BORDER[near.border]
    return f"紧贴{border}" if near.distance_mm == 0 else f"距{border}{whole(max(near.distance_mm, 1))} mm"


def _judgements(said: NoduleStatement) -> Iterator[str]:
    if said.delineation in DELINEATION:
        yield DELINEATION[said.delineation]
    if said.suspicion is not None:
        yield f"可疑度{percent(said.suspicion)}*"
    if said.brock is not None:
        yield f"Brock {percent_range(*said.brock)}*"
    if said.is_benign_pattern:
        yield "呈良性征象，不适用恶性概率模型"


def cells(said: NoduleStatement) -> Cells:
    """One nodule as a row of the table."""
    return Cells(
        place=_place(said.place),
        composition=COMPOSITION[said.nodule.composition],
        size=size_cell(said.nodule, None if said.solid is None else said.solid.axes, ("平均", "实性")),
        volume=f"{volume_mm3(said.nodule.volume_mm3, said.interval_mm3)}\n{density(said.nodule)}",
        signs="、".join(_signs(said)) or DASH,
        suspicion=DASH if said.suspicion is None else percent(said.suspicion),
        brock=DASH if said.brock is None else percent_range(*said.brock),
    )


def summary(nodules: Sequence[NoduleStatement] | None, *, is_limited: bool = False) -> str:
    """What was found, in one sentence; None is that nodules were not assessed. `is_limited`: not all was searched."""
    if is_limited and nodules is not None:
        return f"{summary(nodules).removesuffix('。')}；检出受限，见提示。"
    if nodules is None:
        return "未要求评估结节，未作评估。"
    if not nodules:
        return "未发现结节。"
    largest = max((one.nodule for one in nodules), key=lambda nodule: nodule.diameters.mean_mm)
    place = SIDE[largest.side]
    if largest.location is not None and largest.location.lobe is not None:
        place = LOBE[largest.location.lobe]
    size = f"平均直径{largest.diameters.mean_mm:.1f} mm，{COMPOSITION[largest.composition]}，{place}"
    count = "发现1个结节" if len(nodules) == 1 else f"共发现{len(nodules)}个结节，最大者"
    return f"{count}：{size}（{label(largest)}）。"


def guidance(assessment: Assessment | None) -> list[str]:
    """The applicable guideline's recommendation, why, and what was assumed; or why none was chosen."""
    if assessment is None:
        return []
    applicable = assessment.applicable
    because = because_of(applicable, guidelines)
    if applicable.guideline is None:
        stand_ins = "".join(in_short(one, guidelines) for one in stand_ins_of(assessment))
        return [f"未选定指南（{because}）。{stand_ins}"]
    recommendation = assessment.recommendation(applicable.guideline)
    said = speak(recommendation, guidelines)
    sentences = [in_short(recommendation, guidelines), f"依据：{said.because}（{because}）。"]
    sentences += by_nodule(recommendation, guidelines) if len(recommendation.nodules) > 1 else ()
    return sentences + ([f"假定：{'；'.join(said.assuming)}。"] if said.assuming else [])


def technique(series: Technique) -> str:
    """How the series was acquired, in one line."""
    dx, dy, dz = series.spacing_mm
    contrast = {True: "增强", False: "平扫", None: "是否增强未注明"}[series.contrast]
    voltage = "" if series.kvp is None else f"，{series.kvp:.0f} kV"
    kernel = "重建核未注明" if series.kernel is None else f"重建核{series.kernel}"
    return f"{series.slices}层，{dx:.2f} × {dy:.2f} × {dz:.2f} mm，{kernel}{voltage}，{contrast}。"


def lungs(series: Technique) -> str:
    """How much of the lungs is in view."""
    if series.right_ml is None or series.left_ml is None:
        return "未分割肺部。"
    return f"视野内肺容积：右{whole(series.right_ml)} ml，左{whole(series.left_ml)} ml。"


def unknown(names: Sequence[str]) -> str:
    """Why the Brock model gives a range."""
    return f"以下信息未知时Brock为区间：{'、'.join(INPUT.get(name, name) for name in names)}。"


def not_assessed(*, followup: NotAssessedReason | None, calcium: bool) -> str:
    """Which parts of a reading were not done, and why there is no comparison."""
    parts = ["冠状动脉钙化"] if calcium else []
    if followup is not None:
        parts.insert(0, f"与既往检查对比（{NOT_COMPARED.get(followup, followup.value)}）")
    return f"未评估：{'、'.join(parts)}。" if parts else ""


def caution(one: Caution) -> str:
    """What a reader of a result should know, in one sentence."""
    return cautions.caution(one)


def made_by(made: Provenance, models: str, policy_version: str, series_uid: str) -> str:
    """Who made a report of which series."""
    networks = models or "未使用网络"
    return (
        f"lungcad {made.version}，{networks}，策略版本{policy_version}，{made.started.isoformat()}。序列{series_uid}。"
    )
