"""Finding equal and near-equal passages (MinHash, verified exactly)."""
