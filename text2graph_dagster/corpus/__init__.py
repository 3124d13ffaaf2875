"""From a folder of documents to passages: reading, cleaning, packing, duplicates, gold annotation."""
