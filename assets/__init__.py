"""The lineage: one file per asset, its gates under it."""
