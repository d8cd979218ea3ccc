"""Coronary calcium, and heart and lungs together, in Chinese. Caveats and figures of scans are quoted in English."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from cad.domain import (
    Artery,
    CalciumScore,
    CalciumSite,
    CalciumTier,
    Nodule,
    NotAssessed,
    NotAssessedReason,
    OtherCalcium,
)
from cad.policy.calcium_rules import CalciumRule
from cad.report.statements.calcium import CalciumStatement
from cad.report.statements.heart_lung import HeartLevel, Level, LungLevel
from cad.report.words.calcium import CalciumLabels, categories, score, volume
from cad.report.words.guidelines import in_short
from cad.report.words.phrases import SentenceTables, phrase_text
from cad.report.words.zh import guidelines, nodules as chinese
from cad.report.words.zh.cautions import SENTENCE

LABELS = CalciumLabels(
    title="胸部CT：肺与心脏",
    artery="冠状动脉",
    agatston="Agatston积分",
    volume="体积，mm³",
    lesions="病灶数",
    total="合计",
    apart="非冠状动脉钙化，不计入积分",
    estimate="冠状动脉钙化，非门控估计",
    very_high="钙化积分很高（1000及以上）。",
    heart_lung="心肺联合小结",
    lung="肺结节",
    heart="冠状动脉钙化",
    rule=(
        "低、中、高是本软件对所列分类的叫法，并非指南用语。肺：低，年度复查前无需CT；中，需提前复查CT；高，3个月内CT或进一步"
        "检查。心：按CAC-DRS，A0、A1为低，A2为中，A3为高。“低”并不表示没有疾病。"
    ),
    stop="。",
)

SITE: Mapping[CalciumSite, str] = {
    Artery.LM: "左主干（LM）",
    Artery.LAD: "左前降支（LAD）",
    Artery.LCX: "左回旋支（LCX）",
    Artery.RCA: "右冠状动脉（RCA）",
    OtherCalcium.AORTA: "主动脉",
    OtherCalcium.AORTIC_VALVE: "主动脉瓣",
    OtherCalcium.MITRAL_VALVE: "二尖瓣",
    OtherCalcium.OTHER: "其他，如淋巴结、骨",
}

LEVEL: Mapping[Level, str] = {Level.LOW: "低", Level.MEDIUM: "中", Level.HIGH: "高"}

NOT_ASSESSED = "未评估"

REASON: Mapping[NotAssessedReason, str] = {
    NotAssessedReason.NOT_REQUESTED: "未要求评估",
    NotAssessedReason.NOT_IN_THIS_VERSION: "本版本不含此项",
    NotAssessedReason.NOT_AVAILABLE: "相应的分析未运行",
    NotAssessedReason.NOT_DETERMINED: "图像不能判断",
    NotAssessedReason.CONTRAST: "血液有对比剂强化",
    NotAssessedReason.NOISE: "图像噪声过大",
    NotAssessedReason.METAL: "心脏内有金属",
    NotAssessedReason.HEART_NOT_COVERED: "心脏未完整位于扫描野内",
}
"""Why something was not assessed; other reasons have their own names."""

ADVICE: Mapping[CalciumTier, str] = {
    CalciumTier.NONE: (
        "本次非门控CT未见冠状动脉钙化，但不能排除冠心病。如有胸痛，按常规指南评估（BSCI/BSCCT和BSTI 2020）。"
    ),
    CalciumTier.MILD: (
        "轻度冠状动脉钙化：可由临床医师评估可控的心血管危险因素；如有胸痛，按常规指南评估"
        "（BSCI/BSCCT和BSTI 2020；SCCT/STR 2016{mark}）。"
    ),
    CalciumTier.MODERATE: (
        "中度冠状动脉钙化：可由临床医师评估可控的心血管危险因素及预防措施；如有胸痛，按常规指南评估"
        "（BSCI/BSCCT和BSTI 2020；SCCT/STR 2016{mark}）。"
    ),
    CalciumTier.SEVERE: (
        "重度冠状动脉钙化：可由临床医师评估可控的心血管危险因素及预防措施；如有胸痛，按常规指南评估"
        "（BSCI/BSCCT和BSTI 2020；SCCT/STR 2016{mark}）。"
    ),
}
"""By tier; the sources stand with the English table."""

PHRASES: Mapping[enum.StrEnum, str] = {
    CalciumRule.VARIANT: (
        "Agatston积分，非门控估计：逐层（二维）病灶，{connectivity}邻域连通，>= {threshold:g} HU，面积>= {area:g} mm2，"
        "按层内最高HU加权1–4，面积×权重×层距/{increment:g} mm；{slices}"
    ),
    CalciumRule.SLICES: "层厚{mm:g} mm",
    CalciumRule.AVERAGED_SLICES: "层厚{mm:g} mm，由{source:g} mm平均",
}
"""By which rules a score was computed."""


def site(site: CalciumSite) -> str:
    """The name of an artery or other site."""
    return SITE[site]


def missing(why: NotAssessed) -> str:
    """Why there is no score, in one sentence."""
    return f"冠状动脉钙化未评估：{_reason(why.reason)}。"


def summary(statement: CalciumStatement) -> str:
    """The result in one sentence."""
    calcium = statement.score
    if calcium.agatston == 0:
        return f"未见冠状动脉钙化：Agatston积分0，非门控估计（{_categories(calcium)}）。"
    arteries = "、".join(artery.value for artery in statement.with_calcium)
    return (
        f"冠状动脉钙化：Agatston积分{score(calcium.agatston)}，非门控估计（{_categories(calcium)}）；"
        f"体积{volume(calcium.volume_mm3)} mm³；累及4支中的{calcium.vessels}支（{arteries}）。"
    )


def _categories(calcium: CalciumScore) -> str:
    return categories(calcium).replace("Agatston tiers", "Agatston四级分层")


def _reason(reason: NotAssessedReason) -> str:
    return REASON.get(reason, reason.value)


def apart(statement: CalciumStatement) -> str:
    """Calcium that is not coronary, in one sentence; empty when there is none."""
    parts = [f"{SITE[one]}{score(value.agatston)}" for one, value in statement.named_others]
    return f"非冠状动脉钙化（Agatston）：{'、'.join(parts)}。" if parts else ""


def advice(calcium: CalciumScore, mark: str = "") -> str:
    """What follows from the tier, with its source; `mark` follows what was not verified."""
    return ADVICE[calcium.tier].format(mark=mark)


TABLES = SentenceTables(PHRASES)


def variant(calcium: CalciumScore) -> str:
    """By which rules the score was computed."""
    return phrase_text(calcium.variant, TABLES)


def caveats(calcium: CalciumScore) -> str:
    """What a reader of the score should know."""
    parts = [SENTENCE.get(caveat.code, caveat.text) for caveat in calcium.caveats]
    return f"{'；'.join(parts)}。" if parts else ""


def level(level: Level | None) -> str:
    """Low, medium, high, or that it was not assessed."""
    return NOT_ASSESSED if level is None else LEVEL[level]


def why_no_lung(why: NotAssessed) -> str:
    """Why there is no level of the nodules."""
    return f"{_reason(why.reason)}。"


def lung_reason(result: LungLevel) -> str:
    """From which category the level follows."""
    texts = [in_short(one, guidelines) for one in result.said]
    return texts[0] if len(texts) == 1 else f"未说明检查目的，故未选定指南。{''.join(texts)}"


def why_no_heart(why: NotAssessed) -> str:
    """Why there is no level of the calcium."""
    return f"{_reason(why.reason)}。"


def heart_reason(result: HeartLevel) -> str:
    """From which category the level follows."""
    return f"{result.scheme}：{result.category}，非门控估计。"


def nodule_caption(nodule: Nodule) -> str:
    """What the picture of a nodule shows."""
    return f"{chinese.label(nodule)}，{nodule.diameters.mean_mm:.1f} mm"


def slice_caption() -> str:
    """What the picture of calcium shows."""
    return "冠状动脉钙化最多的层面"
