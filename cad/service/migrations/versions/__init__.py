"""Every change of the tables since the first revision, in order."""
