"""Gates: blocking checks on the assets, a module per asset, and their verdicts."""
