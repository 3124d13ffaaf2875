"""Turn a folder of documents into passages: reading, cleaning, packing, deduplication, gold annotation."""
