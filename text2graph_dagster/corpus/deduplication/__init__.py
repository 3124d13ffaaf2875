"""Find equal passages and near-duplicates (MinHash candidates, exact verification)."""
