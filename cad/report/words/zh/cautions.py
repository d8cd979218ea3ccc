"""What a reader of a result should know, in Chinese, by the code of the caution.

Figures and names stand in findings.json.
"""

from __future__ import annotations

from collections.abc import Mapping

from cad.domain import Caution

SENTENCE: Mapping[str, str] = {
    "search-limited": "结节检出受限：可检索的肺野不完整，或噪声、层厚、肺野密度使小结节不易显示",
    "opacity-not-assessed": "肺内有较大的致密影，未按结节评估：实变、不张、积液或肿块",
    "lung-completed": "阈值法仅画出部分肺，其余由网络补充",
    "lungs-uncertain": "两种方法得到的肺轮廓不一致，请查看",
    "space-unlike-lung-left-out": "有不在肺部位置的含气区，未计入肺",
    "odd-images-left-out": "序列中有不属于该组的图像，未被采用",
    "several-stacks-in-series": "序列包含多组图像（多次采集、期相或重建），仅分析了最完整的一组",
    "unusable-files-left-out": "序列之外有无法使用的文件，未被采用",
    "undeclared-character-set": "患者文字的字符集与文件头所述不符，结果按原字节重复或不予重复",
    "score-range": "层面位置不同或同日再次扫描可使积分落入另一等级",
    "slices-of-others": "层面由较厚层面插值或重叠重建而成，按原有层面间距测量",
    "slices-interpolated": "部分层面偏离等间距，已插值",
    "gantry-tilt-corrected": "机架倾斜，各层面已在平面内移位校正",
    "values-inverted": "图像像素值反转存储，已还原",
    "acquisition-date-unknown": "图像无采集日期，无法区分更早与更晚的检查",
    "change-of-the-protocol": "两次扫描的层厚、像素、重建核或吸气程度不同，足以解释部分结节的大小变化",
    "change-of-the-mark": "部分结节当前或既往未找到边界，其大小变化仅为粗略值",
    "date-not-of-acquisition": "采集日期未知，检查间隔按文件头中的其他日期计算",
    "gaps-between-slices": "层间有间隙，间隙中的病灶可能遗漏",
    "generated-identifiers": "文件头缺少标识，已补充生成",
    "lossy-compression": "图像经有损压缩，测量值可能受影响",
    "lung-dense": "肺野内有较大的致密区，其中的结节可能遗漏",
    "lung-side-uncertain": "视野内未见气管和脊柱，肺的左右仅按位置推测",
    "lungs-cut": "肺到达图像边界，未完整显示",
    "lungs-unequal": "两肺容积相差悬殊",
    "no-lungs": "未分割出肺",
    "nodule-split": "既往的一个结节现为数个，计算变化时其体积相加",
    "nodule-merged": "既往的数个结节现为一个，计算变化时其既往体积相加",
    "observation-without-nodule": "所给的观察中有的未对应任何检出的结节，未被采用",
    "one-lung-only": "仅找到一侧肺",
    "patient-factors-differ": "所给的患者信息与文件头不符，采用了所给信息",
    "patient-id-missing": "图像无患者编号，未查找既往检查",
    "place-outside-current": "当前图像未包含某既往结节的部位，未能随访",
    "place-outside-prior": "既往检查未包含某结节的部位，不能确定其为新发",
    "prior-archive-unavailable": "无法使用存有既往检查的归档，其中的检查未作对比",
    "prior-date-unknown": "部分检查无日期，未作对比",
    "prior-incomplete": "某既往检查仍在接收中，尚缺的部分未作对比",
    "prior-not-earlier": "作为既往检查给出的序列并不早于当前检查，未作对比",
    "prior-not-registered": "某既往检查无法与当前检查配准，未作对比",
    "prior-of-another-patient": "另一患者的检查未被采用",
    "prior-other-patient": "作为既往检查给出的序列属于另一患者，未作对比",
    "prior-other-version": "某既往检查的报告由另一版本的lungcad生成，其结节沿用当时的测量",
    "prior-patient-unknown": "作为既往检查给出的序列未注明患者，按同一患者处理",
    "prior-report-unusable": "某既往检查的报告无法读取，其结节由图像重新分析",
    "prior-same-series": "作为既往检查给出的序列即当前序列，未作对比",
    "prior-search-unavailable": "无法使用PACS，其中的既往检查未作对比",
    "prior-unsuitable": "某既往检查不适合分析，未作对比",
    "registration-affine": "未采用两次扫描间的形变配准，位置仅为粗略值",
    "registration-not-available": "未与既往检查对比：没有可用的配准",
    "several-studies": "输入包含多项检查，仅分析了其中一项",
    "size-of-the-mark": "部分结节未找到边界，其大小及由此得出的分类仅为检测标记的大小",
    "slice-thickness-unknown": "文件头未注明层厚",
    "unfit-series-left-out": "部分序列不适合分析，未被采用",
    "unusable-attributes": "文件头中有无法使用的值，结果中未予重复",
    "calcium-non-gated": "积分为无心电门控扫描的估计值，可能不同于门控扫描",
    "calcium-kvp": "管电压未知或不是积分所规定的管电压，未作校正",
    "calcium-sharp-kernel": "重建核锐利，边缘和噪声可使积分偏高",
    "calcium-averaged-slices": "薄层图像经平均后计分",
    "calcium-thick-slices": "层厚较大，可能遗漏小斑块",
    "calcium-contrast-in-header": "文件头注明使用对比剂，但血液CT值未见强化",
    "calcium-dense-blood": "血液CT值高于通常的平扫值",
    "calcium-noise": "噪声较大，小病灶不确定",
    "calcium-metal-near": "心脏旁有金属；搭桥术后积分无意义",
    "calcium-coverage": "心脏未完全位于扫描野内，积分可能偏低",
}


def caution(one: Caution) -> str:
    """What a reader should know, in one sentence; a code that has none here is quoted."""
    return f"{SENTENCE[one.code]}。" if one.code in SENTENCE else one.text
