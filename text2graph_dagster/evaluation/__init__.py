"""Evaluation: predictions of every system on the same held-out passages, their scores with intervals, the report.

- `predict`: the program that answers prompts with a student; `predictions`: its input and output as table rows.
- `figures`: the list of all figures and how each follows from counts; `score`: figures with bootstrap intervals.
- `headline`: the main figures as text; `report`: the HTML page, with `charts`, `graph_svg`, `example_panels`, `funnel`.
- `model_card`: the README.md of a checkpoint.

To add a metric, compute its counts per passage in `text2graph_dagster.metrics`, then add them to `count_blocks` and the
figure to `list_figures`, both in `figures`. To show it in the headline, add it to `METRIC_LABELS` there.
"""
