"""Measured nodules and recommendations → sentences as a radiologist writes them, in English and Chinese.

Pure. `english` and `chinese` have equal shape, that of `words.Words`; what is said is decided once, in `said`.
"""
