"""How the tables of an installation become those of this version, by Alembic: one file in `versions` for a change."""
