"""The lineage: one file per asset. The gates of the assets are in `assets/gates`."""
