"""From rows of filtered_dataset to the tokens of a training schedule."""
