"""A synthetic chest CT made of analytic shapes, so that every truth about it is known by construction."""
