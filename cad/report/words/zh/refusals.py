"""Why a series was not analysed, in Chinese."""

from __future__ import annotations

from collections.abc import Mapping

from cad.errors import Reason

REASON: Mapping[Reason, str] = {
    Reason.EMPTY_INPUT: "无输入",
    Reason.NOT_DICOM: "不是DICOM文件",
    Reason.UNREADABLE_FILES: "文件无法读取",
    Reason.UNREADABLE_ARCHIVE: "压缩包无法读取",
    Reason.DECOMPRESSION_BOMB: "解压后数据过大",
    Reason.CORRUPT_FILE: "文件损坏",
    Reason.TRUNCATED_FILE: "文件不完整",
    Reason.NOT_CT: "不是CT图像",
    Reason.LOCALIZER_ONLY: "仅有定位像",
    Reason.SECONDARY_CAPTURE_ONLY: "仅有二次采集图像",
    Reason.PROJECTIONS_ONLY: "仅有投影图像",
    Reason.MULTI_FRAME_CT_IMAGE: "不支持的多帧CT图像",
    Reason.AMBIGUOUS_ACQUISITIONS: "一个序列内有多次采集，无法区分",
    Reason.BROKEN_IDENTIFIERS: "标识符无效",
    Reason.MISSING_IDENTIFIERS: "缺少标识符",
    Reason.MISSING_GEOMETRY: "缺少几何信息",
    Reason.INVALID_GEOMETRY: "几何信息无效",
    Reason.MISSING_RESCALE: "缺少CT值换算参数",
    Reason.INVALID_RESCALE: "CT值换算参数无效",
    Reason.NO_PIXEL_DATA: "无像素数据",
    Reason.UNSUPPORTED_PIXELS: "不支持的像素格式",
    Reason.PIXEL_SIZE_MISMATCH: "像素数据大小不符",
    Reason.UNSUPPORTED_TRANSFER_SYNTAX: "不支持的传输语法",
    Reason.TOO_FEW_SLICES: "层数过少",
    Reason.MISSING_SLICES: "缺少层面",
    Reason.DUPLICATE_SLICES: "层面重复",
    Reason.UNEVEN_SPACING: "层间距不均匀",
    Reason.GANTRY_TILT: "机架倾斜过大",
    Reason.MIXED_SERIES: "混有其他序列的图像",
    Reason.MIXED_PATIENTS: "混有其他患者的图像",
    Reason.MIXED_ORIENTATIONS: "图像方向不一致",
    Reason.MIXED_GEOMETRY: "图像几何信息不一致",
    Reason.NOT_AXIAL: "不是横断面图像",
    Reason.SLICES_TOO_THICK: "层厚过大",
    Reason.PIXELS_TOO_COARSE: "像素过大",
    Reason.HU_OUT_OF_RANGE: "CT值超出范围",
    Reason.NO_LUNGS_IN_VIEW: "视野内未见肺",
    Reason.INVALID_PATIENT_FACTORS: "患者信息无效",
    Reason.NOT_NODULE_CROPS: "不是结节图像块",
    Reason.NOT_IN_PACS: "影像归档系统中无此序列",
}
"""Each reason in a few words."""

NO_RESULT = "无结果不表示无结节。"


def not_analysed(reason: Reason, text: str) -> tuple[str, ...]:  # noqa: ARG001 - the refusal's own text is English
    """What a note in the archive says."""
    return f"本序列未分析：{REASON[reason]}。", NO_RESULT


def failed() -> tuple[str, ...]:
    """The same where the analysis itself failed."""
    return "本序列未分析：分析程序出错。", NO_RESULT
