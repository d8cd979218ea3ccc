"""What the guidelines of `cad.policy` say, in Chinese: categories, management, and why one applies.

Phrases are replaced where they stand, the longest first, so that combined texts are translated too. What is not in the
table stays as it is, in English; a test holds the table against every row of the policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

MANAGEMENT: Mapping[str, str] = {
    # Lung-RADS and C-Lung-RADS
    "12-month screening LDCT": "12个月后筛查LDCT",
    "6-month LDCT": "6个月后LDCT随访",
    "3-month LDCT; PET/CT may be considered if there is a solid nodule or solid component of 8 mm or more": (
        "3个月后LDCT随访；实性结节或实性成分8 mm及以上时可考虑PET/CT"
    ),
    "Referral for further clinical evaluation: diagnostic chest CT with or without contrast, PET/CT if there is a "
    "solid nodule or solid component of 8 mm or more, tissue sampling": (
        "转诊进一步临床评估：诊断性胸部CT（平扫或增强），实性结节或实性成分8 mm及以上时行PET/CT，组织取样"
    ),
    "Comparison with the prior chest CT before a category is assigned": "先与既往胸部CT对比，再定分类",
    "Additional lung cancer screening CT images": "补做肺癌筛查CT图像",
    "1- to 3-month LDCT": "1–3个月后LDCT随访",
    "S: as appropriate to the other finding": "S：按其他异常发现相应处理",
    "Annual screening LDCT in 12 months": "12个月后年度筛查LDCT",
    "6-month CT": "6个月后CT随访",
    "3-month CT; high-resolution CT or PET/CT may be considered": "3个月后CT随访；可考虑高分辨率CT或PET/CT",
    "Immediate clinical assessment: diagnostic CT with or without contrast, PET/CT if there is a solid nodule or solid "
    "component of 8 mm or more, tissue sampling or referral": (
        "立即临床评估：诊断性CT（平扫或增强），实性结节或实性成分8 mm及以上时行PET/CT，组织取样或转诊"
    ),
    # Fleischner
    "No follow-up": "无需随访",
    "No routine follow-up": "无需常规随访",
    "Optional CT at 12 months": "可选择12个月后CT随访",
    "CT at 6–12 months to confirm persistence, then CT every 2 years until 5 years": (
        "6–12个月后CT确认是否持续存在，此后每2年CT随访至5年"
    ),
    "CT at 6–12 months, then consider CT at 18–24 months": "6–12个月后CT随访，此后考虑18–24个月CT",
    "CT at 6–12 months, then CT at 18–24 months": "6–12个月后CT随访，此后18–24个月CT",
    "CT at 3–6 months; if stable, consider CT at 2 and 4 years": "3–6个月后CT随访；如稳定，考虑第2年和第4年CT",
    "CT at 3–6 months, then consider CT at 18–24 months": "3–6个月后CT随访，此后考虑18–24个月CT",
    "CT at 3–6 months, then CT at 18–24 months": "3–6个月后CT随访，此后18–24个月CT",
    "CT at 3–6 months to confirm persistence; if unchanged and the solid component is <6 mm, annual CT for 5 years": (
        "3–6个月后CT确认是否持续存在；如无变化且实性成分<6 mm，每年CT随访5年"
    ),
    "Annual CT for 5 years": "每年CT随访5年",
    "CT at 3–6 months, then by the most suspicious nodule": "3–6个月后CT随访，此后按最可疑的结节处理",
    "Consider CT at 3 months, PET/CT or tissue sampling": "考虑3个月后CT、PET/CT或组织取样",
    "Consider PET/CT or tissue sampling": "考虑PET/CT或组织取样",
    "Consider resection": "考虑手术切除",
    "PET/CT, biopsy or resection": "PET/CT、活检或手术切除",
    # BTS
    "Discharge: no follow-up": "结束随访",
    "CT follow-up is merited if it is definitely new since a CT of the last 1–2 years": (
        "如确为近1–2年CT后新出现，应CT随访"
    ),
    "Discharge (if by volumetry) or annual CT": "结束随访（体积测量时）或每年CT",
    "CT at 24 months": "24个月后CT",
    "CT at 12 months": "12个月后CT",
    "CT at 3 months": "3个月后CT",
    "CT at 3 months; if stable or VDT >400 days, CT at 12 months": (
        "3个月后CT随访；如稳定或体积倍增时间>400天，12个月后CT"
    ),
    "CT surveillance: CT at 3 months; if stable or VDT >400 days, CT at 12 months": (
        "CT随访：3个月后CT；如稳定或体积倍增时间>400天，12个月后CT"
    ),
    "CT at 1, 2 and 4 years from baseline": "自基线起第1、2、4年CT随访",
    "Biopsy or further CT, by preference": "按意愿活检或继续CT随访",
    "CT surveillance": "CT随访",
    "PET-CT, then the Herder model": "PET-CT，再用Herder模型评估",
    "Image-guided biopsy; excision or CT surveillance by risk and preference": (
        "影像引导下活检；按风险和意愿切除或CT随访"
    ),
    "Observation, biopsy or resection by risk and preference": "按风险和意愿观察、活检或手术切除",
    "Further work-up: biopsy, resection or treatment": "进一步检查：活检、手术切除或治疗",
    "Resection or other treatment favoured": "倾向手术切除或其他治疗",
    "Resection or other treatment": "手术切除或其他治疗",
    # NELSON and the European position statement
    "Next screening round": "下一轮筛查",
    "CT at 3 months for volume and doubling time": "3个月后CT，测量体积和倍增时间",
    "Referral for work-up": "转诊进一步检查",
    "Multidisciplinary team": "多学科团队讨论",
    # the Chinese consensus
    "Optional follow-up": "可选择随访",
    "CT at 6 months, then every year": "6个月后CT，此后每年",
    "CT at 6–12, then 18–24 months": "6–12个月，此后18–24个月CT",
    "CT at 3–6, 9–12 and 24 months": "第3–6、9–12和24个月CT",
    "CT at 3 months, then 6 months": "3个月后CT，此后6个月CT",
    "CT at 3, 6, 12 and 24 months, then every year": "第3、6、12和24个月CT，此后每年",
    "CT at 3 months; if persistent, biopsy or surgery": "3个月后CT；如持续存在，活检或手术",
    "CT at 3 months, then PET/CT, biopsy or surgery": "3个月后CT，此后PET/CT、活检或手术",
    "PET/CT or biopsy": "PET/CT或活检",
    "Surgery or biopsy": "手术或活检",
    # of both kinds of risk, and of none
    "low risk:": "低危：",
    "without high risk:": "非高危：",
    "with high risk:": "高危：",
    "high risk:": "高危：",
    "none given": "无",
}
"""Management; a mark of what was not verified stays as it is."""

CATEGORIES: Mapping[str, str] = {
    "no nodule": "无结节",
    "benign": "良性",
    "not applicable": "不适用",
    "single ground-glass <6 mm": "单发磨玻璃结节<6 mm",
    "single part-solid <6 mm": "单发部分实性结节<6 mm",
    "single solid <6 mm": "单发实性结节<6 mm",
    "multiple solid <6 mm": "多发实性结节<6 mm",
    "single ground-glass 6 mm or more": "单发磨玻璃结节6 mm及以上",
    "single solid 6–8 mm": "单发实性结节6–8 mm",
    "multiple subsolid <6 mm": "多发亚实性结节<6 mm",
    "multiple solid 6–8 mm": "多发实性结节6–8 mm",
    "multiple solid >8 mm": "多发实性结节>8 mm",
    "single part-solid 6 mm or more, persistent, solid component <6 mm": (
        "单发部分实性结节6 mm及以上，持续存在，实性成分<6 mm"
    ),
    "single part-solid 6 mm or more": "单发部分实性结节6 mm及以上",
    "multiple subsolid 6 mm or more": "多发亚实性结节6 mm及以上",
    "single solid >8 mm": "单发实性结节>8 mm",
    "solid, growing": "实性结节，增大",
    "ground-glass, growing": "磨玻璃结节，增大",
    "part-solid, solid component 6 mm or more, or growing": "部分实性结节，实性成分6 mm及以上或增大",
    "discharge": "结束随访",
    "new and small": "新发小结节",
    "VDT >600 days": "体积倍增时间>600天",
    "Brock <10 %": "Brock<10 %",
    "subsolid, Brock <10 %": "亚实性结节，Brock<10 %",
    "VDT 400–600 days": "体积倍增时间400–600天",
    "Herder <10 %": "Herder<10 %",
    "Brock 10 % or more": "Brock 10 %及以上",
    "Herder 10–70 %": "Herder 10–70 %",
    "subsolid, Brock 10 % or more or concerning": "亚实性结节，Brock 10 %及以上或形态可疑",
    "VDT 400 days or less": "体积倍增时间400天及以内",
    "Herder >70 %": "Herder>70 %",
    "subsolid, growing or altered": "亚实性结节，增大或形态改变",
    "negative": "阴性",
    "indeterminate": "不确定",
    "positive": "阳性",
    "solid up to 4 mm": "实性结节4 mm及以下",
    "ground-glass up to 5 mm": "磨玻璃结节5 mm及以下",
    "solid >4 to 6 mm": "实性结节>4–6 mm",
    "solid >6 to 8 mm": "实性结节>6–8 mm",
    "ground-glass >5 to 10 mm": "磨玻璃结节>5–10 mm",
    "part-solid up to 8 mm": "部分实性结节8 mm及以下",
    "solid >8 mm, probability <5 %": "实性结节>8 mm，概率<5 %",
    "ground-glass >10 mm": "磨玻璃结节>10 mm",
    "part-solid >8 mm": "部分实性结节>8 mm",
    "solid >8 mm, probability 5–65 %": "实性结节>8 mm，概率5–65 %",
    "solid >8 mm, probability >65 %": "实性结节>8 mm，概率>65 %",
}

CHOICE: Mapping[str, str] = {
    "it was not stated whether this is a screening or an incidental finding": "未说明是筛查还是偶然发现",
    "no region given, so as in region": "未说明地区，按地区",
    "an incidental finding": "偶然发现",
    "screening": "筛查",
    "region": "地区",
}
"""Why a guideline applies, or none."""


def translated(text: str) -> str:
    """The text with every phrase of the tables in Chinese."""
    return _phrases().sub(lambda match: _all()[match[0]], text)


@cache
def _all() -> dict[str, str]:
    return {**MANAGEMENT, **CATEGORIES, **CHOICE}


@cache
def _phrases() -> re.Pattern[str]:
    """Any phrase as a whole word, the longest first."""
    longest_first = sorted(_all(), key=len, reverse=True)
    alternatives = "|".join(re.escape(phrase) for phrase in longest_first)
    return re.compile(rf"(?<![\w-])(?:{alternatives})(?![\w-])")
