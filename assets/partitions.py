"""A corpus is a partition: `text2graph corpora add` and the sensor register its name."""

import dagster as dg

corpora = dg.DynamicPartitionsDefinition(name="corpora")
all_corpora = dg.AllPartitionMapping()
