"""Guidelines as pure functions: nodules as `GuidelineNodule` in, one `Recommendation` for the examination out."""
