"""Coronary calcium: suitability of a scan, slices of 3 mm, candidate lesions and their scores."""
