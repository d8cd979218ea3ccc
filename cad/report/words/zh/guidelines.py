"""What guidelines say, in Chinese: tables of codes."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from cad.domain import (
    AirwaySite,
    Composition,
    CystChange,
    CystKind,
    GrowthVerdict,
    Guideline,
    Region,
    Sighting,
)
from cad.policy.guidelines.bts import BtsRow
from cad.policy.guidelines.chinese_consensus import ConsensusRow
from cad.policy.guidelines.fleischner import FleischnerRow
from cad.policy.guidelines.lung_rads import Incomplete
from cad.policy.guidelines.rows import VolumeResult
from cad.policy.guidelines.rules import (
    NOT_APPLICABLE,
    BtsRule,
    ChoiceRule,
    FleischnerRule,
    LungRadsRule,
    Outcome,
    Rule,
)
from cad.report.words.guidelines import JoinedTexts, Texts
from cad.science.guidelines.lung_rads.growth import Pace

SCHEMES: Mapping[Guideline, str] = {
    Guideline.LUNG_RADS: "Lung-RADS",
    Guideline.FLEISCHNER: "Fleischner学会",
    Guideline.BTS: "BTS",
    Guideline.C_LUNG_RADS: "C-Lung-RADS",
    Guideline.NELSON: "NELSON",
    Guideline.EU_POSITION: "欧洲立场声明",
    Guideline.CHINESE_CONSENSUS: "中国专家共识",
}
"""The names of the guidelines."""

EDITIONS: Mapping[str, str] = {"trial-protocol": "试验方案", "2018-and-2024-draft": "2018和2024版，草案"}
"""Editions that are not a year or a number."""

CATEGORIES: Mapping[str, str] = {
    NOT_APPLICABLE: "不适用",
    FleischnerRow.NO_NODULE: "无结节",
    FleischnerRow.BENIGN: "良性",
    FleischnerRow.SINGLE_GROUND_GLASS_BELOW_6: "单发磨玻璃结节<6 mm",
    FleischnerRow.SINGLE_PART_SOLID_BELOW_6: "单发部分实性结节<6 mm",
    FleischnerRow.SINGLE_SOLID_BELOW_6: "单发实性结节<6 mm",
    FleischnerRow.MULTIPLE_SOLID_BELOW_6: "多发实性结节<6 mm",
    FleischnerRow.SINGLE_GROUND_GLASS_6_OR_MORE: "单发磨玻璃结节6 mm及以上",
    FleischnerRow.SINGLE_SOLID_6_TO_8: "单发实性结节6–8 mm",
    FleischnerRow.MULTIPLE_SUBSOLID_BELOW_6: "多发亚实性结节<6 mm",
    FleischnerRow.MULTIPLE_SOLID_6_TO_8: "多发实性结节6–8 mm",
    FleischnerRow.SINGLE_PART_SOLID_PERSISTENT_SMALL_COMPONENT: "单发部分实性结节6 mm及以上，持续存在，实性成分<6 mm",
    FleischnerRow.SINGLE_PART_SOLID_6_OR_MORE: "单发部分实性结节6 mm及以上",
    FleischnerRow.MULTIPLE_SUBSOLID_6_OR_MORE: "多发亚实性结节6 mm及以上",
    FleischnerRow.SOLID_ABOVE_8: "实性结节>8 mm",
    FleischnerRow.PART_SOLID_LARGE_COMPONENT: "部分实性结节，实性成分>8 mm或形态可疑",
    FleischnerRow.FOLLOW_UP_COMPLETE: "稳定，随访完成",
    FleischnerRow.SOLID_STABLE: "实性结节6–8 mm，稳定",
    FleischnerRow.GROUND_GLASS_PERSISTENT: "亚实性结节6 mm及以上，持续存在且稳定",
    FleischnerRow.MULTIPLE_SUBSOLID_STABLE: "多发亚实性结节<6 mm，稳定",
    FleischnerRow.SOLID_GROWING: "实性结节，增大",
    FleischnerRow.GROUND_GLASS_GROWING: "磨玻璃结节，增大",
    FleischnerRow.PART_SOLID_LARGE_COMPONENT_OR_GROWING: "部分实性结节，实性成分6 mm及以上或增大",
    BtsRow.NO_NODULE: "无结节",
    BtsRow.DISCHARGE: "结束随访",
    BtsRow.NEW_AND_SMALL: "新发小结节",
    BtsRow.VDT_ABOVE_600: "体积倍增时间>600天",
    BtsRow.CT_AT_24_MONTHS: "24个月后CT",
    BtsRow.CT_AT_12_MONTHS: "12个月后CT",
    BtsRow.CT_AT_3_MONTHS: "3个月后CT",
    BtsRow.BROCK_BELOW_10: "Brock<10%",
    BtsRow.SUBSOLID_BROCK_BELOW_10: "亚实性结节，Brock<10%",
    BtsRow.VDT_400_TO_600: "体积倍增时间400–600天",
    BtsRow.HERDER_BELOW_10: "Herder<10%",
    BtsRow.BROCK_10_OR_MORE: "Brock 10%及以上",
    BtsRow.HERDER_10_TO_70: "Herder 10–70%",
    BtsRow.SUBSOLID_BROCK_10_OR_MORE: "亚实性结节，Brock 10%及以上或形态可疑",
    BtsRow.VDT_400_OR_LESS: "体积倍增时间400天及以内",
    BtsRow.HERDER_ABOVE_70: "Herder>70%",
    BtsRow.SUBSOLID_GROWING_OR_ALTERED: "亚实性结节，增大或形态改变",
    ConsensusRow.NO_NODULE: "无结节",
    ConsensusRow.BENIGN: "良性",
    ConsensusRow.SOLID_UP_TO_4: "实性结节4 mm及以下",
    ConsensusRow.GROUND_GLASS_UP_TO_5: "磨玻璃结节5 mm及以下",
    ConsensusRow.SOLID_ABOVE_4_TO_6: "实性结节>4–6 mm",
    ConsensusRow.SOLID_ABOVE_6_TO_8: "实性结节>6–8 mm",
    ConsensusRow.GROUND_GLASS_ABOVE_5_TO_10: "磨玻璃结节>5–10 mm",
    ConsensusRow.PART_SOLID_UP_TO_8: "部分实性结节8 mm及以下",
    ConsensusRow.SOLID_ABOVE_8_PROBABILITY_BELOW_5: "实性结节>8 mm，概率<5%",
    ConsensusRow.GROUND_GLASS_ABOVE_10: "磨玻璃结节>10 mm",
    ConsensusRow.PART_SOLID_ABOVE_8: "部分实性结节>8 mm",
    ConsensusRow.SOLID_ABOVE_8_PROBABILITY_5_TO_65: "实性结节>8 mm，概率5–65%",
    ConsensusRow.SOLID_ABOVE_8_PROBABILITY_ABOVE_65: "实性结节>8 mm，概率>65%",
    VolumeResult.NEGATIVE: "阴性",
    VolumeResult.INDETERMINATE: "不确定",
    VolumeResult.POSITIVE: "阳性",
}
"""The categories that are not written as they are, as those of Lung-RADS."""

MANAGEMENT: Mapping[Guideline, Mapping[str, Texts]] = {
    Guideline.FLEISCHNER: {
        FleischnerRow.NO_NODULE: "无需随访",
        FleischnerRow.BENIGN: "无需随访",
        FleischnerRow.SINGLE_GROUND_GLASS_BELOW_6: "无需常规随访",
        FleischnerRow.SINGLE_PART_SOLID_BELOW_6: "无需常规随访",
        FleischnerRow.SINGLE_SOLID_BELOW_6: ("无需常规随访", "可选择12个月后CT随访"),
        FleischnerRow.MULTIPLE_SOLID_BELOW_6: ("无需常规随访", "可选择12个月后CT随访"),
        FleischnerRow.SINGLE_GROUND_GLASS_6_OR_MORE: "6–12个月后CT确认是否持续存在，此后每2年CT随访至5年",
        FleischnerRow.SINGLE_SOLID_6_TO_8: (
            "6–12个月后CT随访，此后考虑18–24个月CT",
            "6–12个月后CT随访，此后18–24个月CT",
        ),
        FleischnerRow.MULTIPLE_SUBSOLID_BELOW_6: "3–6个月后CT随访；如稳定，考虑第2年和第4年CT",
        FleischnerRow.MULTIPLE_SOLID_6_TO_8: (
            "3–6个月后CT随访，此后考虑18–24个月CT",
            "3–6个月后CT随访，此后18–24个月CT",
        ),
        FleischnerRow.SINGLE_PART_SOLID_PERSISTENT_SMALL_COMPONENT: "每年CT随访5年",
        FleischnerRow.SINGLE_PART_SOLID_6_OR_MORE: "3–6个月后CT确认是否持续存在；如无变化且实性成分<6 mm，每年CT随访5年",
        FleischnerRow.MULTIPLE_SUBSOLID_6_OR_MORE: "3–6个月后CT随访，此后按最可疑的结节处理",
        FleischnerRow.SOLID_ABOVE_8: "考虑3个月后CT、PET/CT或组织取样",
        FleischnerRow.PART_SOLID_LARGE_COMPONENT: "PET/CT、活检或手术切除",
        FleischnerRow.FOLLOW_UP_COMPLETE: "无需继续随访",
        FleischnerRow.SOLID_STABLE: (
            "考虑自首次CT起18–24个月CT，此后无需继续随访",
            "自首次CT起18–24个月CT，此后无需继续随访",
        ),
        FleischnerRow.GROUND_GLASS_PERSISTENT: "每2年CT随访至5年",
        FleischnerRow.MULTIPLE_SUBSOLID_STABLE: "考虑自首次CT起第2年和第4年CT",
        FleischnerRow.SOLID_GROWING: "考虑PET/CT或组织取样",
        FleischnerRow.GROUND_GLASS_GROWING: "考虑手术切除",
        FleischnerRow.PART_SOLID_LARGE_COMPONENT_OR_GROWING: "PET/CT、活检或手术切除",
    },
    Guideline.BTS: {
        BtsRow.NO_NODULE: "无需随访",
        BtsRow.DISCHARGE: "结束随访",
        BtsRow.NEW_AND_SMALL: "如确为近1–2年CT后新出现，应CT随访",
        BtsRow.VDT_ABOVE_600: "结束随访（体积测量时）或每年CT",
        BtsRow.CT_AT_24_MONTHS: "24个月后CT",
        BtsRow.CT_AT_12_MONTHS: "12个月后CT",
        BtsRow.CT_AT_3_MONTHS: "3个月后CT随访；如稳定或体积倍增时间>400天，12个月后CT",
        BtsRow.BROCK_BELOW_10: "CT随访：3个月后CT；如稳定或体积倍增时间>400天，12个月后CT",
        BtsRow.SUBSOLID_BROCK_BELOW_10: "自基线起第1、2、4年CT随访",
        BtsRow.VDT_400_TO_600: "按意愿活检或继续CT随访",
        BtsRow.HERDER_BELOW_10: "CT随访",
        BtsRow.BROCK_10_OR_MORE: "PET-CT，再用Herder模型评估",
        BtsRow.HERDER_10_TO_70: "影像引导下活检；按风险和意愿切除或CT随访",
        BtsRow.SUBSOLID_BROCK_10_OR_MORE: "按风险和意愿观察、活检或手术切除",
        BtsRow.VDT_400_OR_LESS: "进一步检查：活检、手术切除或治疗",
        BtsRow.HERDER_ABOVE_70: "手术切除或其他治疗",
        BtsRow.SUBSOLID_GROWING_OR_ALTERED: "倾向手术切除或其他治疗",
    },
    Guideline.CHINESE_CONSENSUS: {
        ConsensusRow.NO_NODULE: "无需随访",
        ConsensusRow.BENIGN: "无需随访",
        ConsensusRow.SOLID_UP_TO_4: ("可选择随访", "12个月后CT"),
        ConsensusRow.GROUND_GLASS_UP_TO_5: "6个月后CT，此后每年",
        ConsensusRow.SOLID_ABOVE_4_TO_6: ("12个月后CT", "6–12个月，此后18–24个月CT"),
        ConsensusRow.SOLID_ABOVE_6_TO_8: ("6–12个月，此后18–24个月CT", "第3–6、9–12和24个月CT"),
        ConsensusRow.GROUND_GLASS_ABOVE_5_TO_10: "3个月后CT，此后6个月CT",
        ConsensusRow.PART_SOLID_UP_TO_8: "第3、6、12和24个月CT，此后每年",
        ConsensusRow.SOLID_ABOVE_8_PROBABILITY_BELOW_5: "CT随访",
        ConsensusRow.GROUND_GLASS_ABOVE_10: "3个月后CT；如持续存在，活检或手术",
        ConsensusRow.PART_SOLID_ABOVE_8: "3个月后CT，此后PET/CT、活检或手术",
        ConsensusRow.SOLID_ABOVE_8_PROBABILITY_5_TO_65: "PET/CT或活检",
        ConsensusRow.SOLID_ABOVE_8_PROBABILITY_ABOVE_65: "手术或活检",
    },
    Guideline.LUNG_RADS: {
        "1": "12个月后筛查LDCT",
        "2": "12个月后筛查LDCT",
        "3": "6个月后LDCT随访",
        "4A": "3个月后LDCT随访；实性结节或实性成分8 mm及以上时可考虑PET/CT",
        "4B": "转诊进一步临床评估：诊断性胸部CT（平扫或增强），实性结节或实性成分8 mm及以上时行PET/CT，组织取样",
        "4X": "转诊进一步临床评估：诊断性胸部CT（平扫或增强），实性结节或实性成分8 mm及以上时行PET/CT，组织取样",
        Incomplete.PRIOR_AWAITED: "先与既往胸部CT对比，再定分类",
        Incomplete.NOT_EVALUABLE: "补做肺癌筛查CT图像",
        Incomplete.INFECTION: "1–3个月后LDCT随访",
    },
    Guideline.C_LUNG_RADS: {
        "0": "12个月后年度筛查LDCT",
        "1": "12个月后年度筛查LDCT",
        "2": "6个月后CT随访",
        "3": "3个月后CT随访；可考虑高分辨率CT或PET/CT",
        "4": "立即临床评估：诊断性CT（平扫或增强），实性结节或实性成分8 mm及以上时行PET/CT，组织取样或转诊",
    },
    Guideline.NELSON: {
        VolumeResult.NEGATIVE: "下一轮筛查",
        VolumeResult.INDETERMINATE: "3个月后CT，测量体积和倍增时间",
        VolumeResult.POSITIVE: "转诊进一步检查",
    },
    Guideline.EU_POSITION: {
        VolumeResult.NEGATIVE: "下一轮筛查",
        VolumeResult.INDETERMINATE: "3个月后CT，测量体积和倍增时间",
        VolumeResult.POSITIVE: "多学科团队讨论",
    },
}
"""What follows from each row: one text, or one for low and one for high risk."""

RISKS: Mapping[Guideline, tuple[str, str]] = {
    Guideline.FLEISCHNER: ("低危：{text}", "；高危：{text}"),
    Guideline.CHINESE_CONSENSUS: ("非高危：{text}", "；高危：{text}"),
}
"""Both recommendations where the risk is not known."""

PHRASES: Mapping[enum.StrEnum, str] = {
    Rule.NO_NODULE: "未见肺结节",
    Rule.BENIGN_FEATURES: "{label}：良性特征",
    Rule.BENIGN_OR_PROVEN: "{label}：良性钙化、脂肪或已证实为良性",
    Rule.EVERY_BENIGN: "所有结节均为良性特征（{nodules}个）",
    Rule.EITHER: "{parts}",
    Rule.OF_CATEGORY: "{category}：{because}",
    Rule.NODULE: "{nodule}：{rule}",
    Rule.OF_KIND: "{label}，{composition}，{mm:g} mm",
    Rule.KIND_OF_BAND: "{composition}，{band}",
    Rule.RAISED_BY_MODEL: "{because}（{category}类），模型概率{percent:.0f}%",
    Rule.BELOW: "<{limit:g} {unit}",
    Rule.BETWEEN: "{low:g}至<{high:g} {unit}",
    Rule.FROM: "{limit:g} {unit}及以上",
    Rule.UP_TO_INCLUDED: "{low:g}–{high:g} {unit}",
    Rule.ABOVE: ">{limit:g} {unit}",
    Rule.CALCIFIED: "{label}有钙化，钙化形态未知，按实性结节处理；如为完全性、中央、爆米花样或同心环状钙化，则{outcome}",
    Rule.PROBABILITY_UNKNOWN: "{label}的恶性概率取决于未知的信息",
    Rule.COMPONENT_DECIDES_ROW: "{label}的实性成分大小未知，而处理取决于它",
    Rule.COMPONENT_DECIDES_CATEGORY: "{label}的实性成分大小未知，而分类取决于它",
    Rule.MODEL_NOT_APPLIED: "未对{label}使用该文献自带的模型；其概率达50%及以上时为4类",
    Rule.NOT_COVERED: "{guideline} {edition}不涵盖所见",
    Rule.NOT_SOLID: "{label}为{composition}结节：该方案的体积界值仅适用于实性结节",
    Rule.VOLUME_UNKNOWN: "{label}的体积未知",
    Rule.VOLUME_CHANGE: "{days:.0f}天内体积变化{percent:+.0f}%",
    Rule.VOLUME_NOT_GROWN: "{change}：{verdict}",
    Rule.VOLUME_DOUBLING: "{change}，倍增时间{days:.0f}天",
    Rule.BY_VOLUME: "{label}，{composition}，{mm3:g} mm³",
    Rule.SPICULATION: "毛刺",
    Rule.NAME: "{label}",
    Rule.MEAN: "{label}，{composition}，平均直径{mm} mm",
    Rule.MEAN_AND_GAIN: "{label}，{composition}，平均直径{mm} mm，最大变化{gain:+.1f} mm",
    Rule.ROW: "{row}",
    Rule.PART_SOLID_COMPONENT: "部分实性结节{limit:g} mm及以上，实性成分{band}",
    Rule.COMPONENT_IN_BAND: "{band}，{when}",
    Rule.MEASURED_BENIGN_PATTERN: "{label}的良性形态钙化或脂肪为自动测量结果，未经医师确认",
    Rule.MEASURED_JUXTAPLEURAL: "{label}的光滑近胸膜形态为自动测量结果，未经医师确认",
    Rule.LEFT_OPEN: "有结节不在其涵盖范围内，故不能排除",
    Rule.STAYS_POSITIVE: "{change}，仍>{limit:g} mm³",
    LungRadsRule.BENIGN: "{label}：良性特征（良性钙化或脂肪）",
    LungRadsRule.PROVEN_BENIGN: "{label}：经检查证实为良性",
    LungRadsRule.SIZE: "{label}，{composition}，{size} {unit}",
    LungRadsRule.SIZE_AND_COMPONENT: "{label}，{composition}，{size} {unit}，实性成分{component} {unit}",
    LungRadsRule.SIZE_WITHOUT_COMPONENT: "{label}，{composition}，{size} {unit}，实性成分未测量",
    LungRadsRule.JUXTAPLEURAL: "光滑的近胸膜结节，<{limit:g} mm，基线或新发",
    LungRadsRule.GROUND_GLASS: "磨玻璃结节{band}，基线或新发",
    LungRadsRule.SOLID_BASELINE: "实性结节{band}，基线",
    LungRadsRule.SOLID_NEW: "新发实性结节{band}",
    LungRadsRule.SOLID_GROWING: "增大的实性结节{band}，{pace}",
    LungRadsRule.PART_SOLID_SMALL: "部分实性结节，总大小{total}，基线",
    LungRadsRule.PART_SOLID_BASELINE: "部分实性结节，总大小{total}，实性成分{band}，基线",
    LungRadsRule.PART_SOLID_NEW_SMALL: "新发部分实性结节，总大小{total}",
    LungRadsRule.COMPONENT: "新发或增大的实性成分{band}",
    LungRadsRule.SLOW: "缓慢增大（注8{mark}）：{pace}",
    LungRadsRule.SLOW_ONCE: "{row}，按其大小（注5）：{pace}，间隔超过12个月且仅有一次既往CT，而注8要求多次检查均增大",
    LungRadsRule.STANDS: "{because}，但不改变已发现的结果",
    LungRadsRule.IN_TOTAL: "{row}；整体{pace}，但实性成分未增大，分类表未列出此情形",
    LungRadsRule.GROUND_GLASS_FOLLOWED: "磨玻璃结节{band}，{pace}",
    LungRadsRule.GROUND_GLASS_GROWING: "磨玻璃结节{band}，{pace}，分类表未列出此情形",
    LungRadsRule.EARLIER_SAYS_NOTHING: "{row}；既往分类{category}与该结节无关",
    LungRadsRule.BY_SIZE: "{row}，虽未增大，仍按其大小",
    LungRadsRule.STEPPED: "{days:.0f}天前为{category}类，{pace}",
    LungRadsRule.PACE: "{pace}（{days:.0f}天内{gain:+.1f} mm）",
    LungRadsRule.RAISED: "{because}（{category}类），伴{features}",
    LungRadsRule.DOUBLED: "12个月内增大一倍的磨玻璃结节",
    LungRadsRule.LYMPHADENOPATHY: "淋巴结肿大",
    LungRadsRule.METASTATIC_DISEASE: "转移",
    LungRadsRule.NOT_SPICULATED: "假定{label}无毛刺；有毛刺则为4X类",
    LungRadsRule.NOT_JUXTAPLEURAL: "未将{label}视为光滑的近胸膜结节；如是则为2类",
    LungRadsRule.EARLIER_DERIVED: "{label}的既往分类未知，由其既往大小推出",
    LungRadsRule.DOUBLED_STAYS: "{label}在12个月内增大一倍，按其大小的磨玻璃结节仍为2类",
    LungRadsRule.BASELINE: "按基线检查解读：未与既往CT对比",
    LungRadsRule.NOT_RULED_OUT: "未同时排除淋巴结肿大和转移；任一存在则为4X类",
    LungRadsRule.NOT_INFECTION: "新发{nodules}：未将感染视为其原因；如为感染则为0类（注10a）",
    LungRadsRule.CANCER_FAVOURED: "怀疑感染但更倾向于癌：大小达4B类的结节为4B类（注10b）",
    LungRadsRule.INFECTION: "所见提示感染或炎症",
    LungRadsRule.MANY_NEW: "{new}个新发结节，多于{limit}个，提示感染（注10a）",
    LungRadsRule.NOT_EVALUABLE: "部分或全部肺不能评估",
    LungRadsRule.PRIOR_LOCATED: "正在调取既往胸部CT（暂定，注9{mark}）",
    LungRadsRule.WITHOUT_THAT: "否则为{found}类：{because}",
    LungRadsRule.OTHER_FINDING: "{because}；另有重要的其他异常发现",
    LungRadsRule.ANY_OF: "{categories}",
    LungRadsRule.AIRWAY: "气道结节，{site}，{status}",
    LungRadsRule.AIRWAY_AIR: "{where}：含气，倾向分泌物",
    LungRadsRule.AIRWAY_AIR_STAYS: "{where}：含气，但持续存在（注11d）",
    LungRadsRule.AIRWAY_TUBULAR: "{where}：多发管状",
    LungRadsRule.AIRWAY_TUBULAR_BENIGN: "{where}：多发管状，视为良性；如怀疑感染则为0类",
    LungRadsRule.CYST: "囊腔，{kind}，{change}",
    LungRadsRule.CYST_NOT_CLASSIFIED: "{where}：不予分类",
    LungRadsRule.CYST_INTERVAL_UNKNOWN: "{where}：间隔时间未知，故维持{category}类",
    LungRadsRule.CYST_STEPPED: "{where}：{days:.0f}天前为{category}类",
    FleischnerRule.NOT_FOR: "Fleischner学会{edition}不适用于{reasons}",
    FleischnerRule.SCREENING: "筛查检查",
    FleischnerRule.YOUNGER: "{years:g}岁以下的患者",
    FleischnerRule.CANCER: "已知原发癌的患者",
    FleischnerRule.IMMUNOSUPPRESSION: "免疫抑制的患者",
    FleischnerRule.IS_OLD_ENOUGH: "患者{years:g}岁及以上",
    FleischnerRule.NO_CANCER: "无已知原发癌",
    FleischnerRule.NOT_IMMUNOSUPPRESSED: "患者无免疫抑制",
    FleischnerRule.INCIDENTAL: "结节为偶然发现，非筛查所见",
    BtsRule.FOR_ADULTS: "BTS {edition}适用于成人",
    BtsRule.PERIFISSURAL: "{label}：典型的叶间裂旁或胸膜下结节",
    BtsRule.VOLUME: "{label}，{composition}，{mm3:.0f} mm³",
    BtsRule.DIAMETER: "{label}，{composition}，最大直径{mm:.1f} mm",
    BtsRule.AND_ALSO: "{first}；{second}",
    BtsRule.BROCK: "Brock {probability}",
    BtsRule.HERDER: "Herder {probability}",
    BtsRule.PROBABILITY: "{percent}%",
    BtsRule.PROBABILITY_RANGE: "{low}–{high}%",
    BtsRule.BUT_NEW: "{band}，但为新发",
    BtsRule.FIRST_SEEN: "{change}，{days:.0f}天前首次发现",
    BtsRule.STABLE_BY_VOLUME: "{change}：按体积稳定{days:.0f}天",
    BtsRule.STABLE_BY_DIAMETER: "{change}：按直径稳定{days:.0f}天",
    BtsRule.SUBSOLID: "亚实性结节{band}",
    BtsRule.SUBSOLID_BUT_NEW: "亚实性结节{band}，但为新发",
    BtsRule.ALTERED: "{gain:+.1f} mm，或实性成分新发或增大",
    BtsRule.SUBSOLID_SMALL: "亚实性结节<{limit:g} mm，{gain:+.1f} mm",
    BtsRule.CONCERNING: "持续存在，形态可疑（{features}）",
    BtsRule.PERSISTENT: "持续存在，稳定（{gain:+.1f} mm）；{model}",
    BtsRule.NOT_PERIFISSURAL: "未将{label}视为典型的叶间裂旁结节；如是则结束随访",
    BtsRule.NOT_CONCERNING: "假定{label}的形态不可疑",
    ChoiceRule.NOT_STATED: "未说明是筛查还是偶然发现",
    ChoiceRule.APPLIES: "{context}，{where}",
    ChoiceRule.EXCLUDED: "{context}，{where}：Fleischner学会2017，不适用于{reasons}",
    ChoiceRule.SCREENING: "筛查",
    ChoiceRule.INCIDENTAL: "偶然发现",
    ChoiceRule.REGION: "地区：{region}",
    ChoiceRule.NO_REGION: "未说明地区，按{region}",
}
"""Rules and assumptions; facts stand in braces. `mark` follows what was not verified."""

TERMS: Mapping[str, str] = {
    Outcome.CATEGORY_0: "为0类",
    Outcome.CATEGORY_1: "为1类",
    Outcome.DISCHARGE: "结束随访",
    Outcome.NEGATIVE: "为阴性",
    Outcome.WITHOUT_FOLLOW_UP: "无需随访",
    AirwaySite.SUBSEGMENTAL: "亚段",
    AirwaySite.PROXIMAL: "段或更近端",
    Sighting.BASELINE: "基线",
    Sighting.NEW: "新发",
    Sighting.FOLLOWED: "随访",
    Pace.GROWING: "增大",
    Pace.SLOW: "缓慢增大",
    Pace.STABLE: "稳定",
    Pace.DECREASED: "缩小",
    CystKind.THIN_WALLED: "薄壁",
    CystKind.THICK_WALLED: "厚壁",
    CystKind.MULTILOCULAR: "多房",
    CystKind.FLUID_CONTAINING: "含液",
    CystKind.MULTIPLE: "多发",
    CystChange.FIRST_SEEN: "首次发现",
    CystChange.WALL: "壁增厚或结节样",
    CystChange.BECAME_MULTILOCULAR: "变为多房",
    CystChange.LOCULES_OR_OPACITY: "分房增多或密度增高",
    GrowthVerdict.INCREASE: "增大",
    GrowthVerdict.DECREASE: "缩小",
    Region.USA: "美国",
    Region.EUROPE: "欧洲",
    Region.UK: "英国",
    Region.CHINA: "中国",
    Region.OTHER: "其他",
    Composition.SOLID: "实性",
    Composition.PART_SOLID: "部分实性",
    Composition.GROUND_GLASS: "磨玻璃",
    Composition.CALCIFIED: "钙化",
    Composition.FAT: "含脂肪",
    **{guideline.value: name for guideline, name in SCHEMES.items()},
}
"""Facts in words. Members of different enums that are written alike, as "new" and "stable", have one word."""

JOINT = "、"
JOINTS: Mapping[enum.StrEnum, str] = {
    Rule.EITHER: "；或",
    LungRadsRule.ANY_OF: "或",
    JoinedTexts.MANAGEMENT: "；",
}
"""Between the parts of a list."""

OF_CATEGORY = "{category}：{text}"
NO_MANAGEMENT = "无"
OTHER_FINDING = "；S：按其他异常发现相应处理"
IN_SHORT = "{scheme} {edition}：{category}。{management}。"
ONE_OF = "可能为{categories}"
OR = "、"
NOTHING = "无"
DUE_ON = "；下次CT日期：{early}"
DUE_BETWEEN = "；下次CT日期：{early}至{late}"
OF_NODULE = "{label}：{category}{due}{dominant}。{because}。"
DOMINANT = "；决定本次检查的分类"

CHOSEN, NOT_CHOSEN = "适用", "未选为适用指南"
IN_FULL = "{scheme} {edition}（{chosen}）{short}依据：{because}。"
ASSUMED, AND = "假定：{}。", "；"
NO_GUIDELINE, APPLIES = "无", "{name}：{because}。"
"""What a structured report says of each guideline, in one paragraph."""


def name(label: str) -> str:
    """The name of a nodule."""
    return label.replace("Nodule ", "结节")
