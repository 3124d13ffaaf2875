"""Dagster resources of the assets: settings, warehouse, teacher, reasoner and training launcher."""
