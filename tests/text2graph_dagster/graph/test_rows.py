"""Graphs as rows of a table."""

from hypothesis import given

from tests.text2graph_dagster.graph.sample_graphs import graphs
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import from_rows, to_rows


@given(graphs())
def test_rows_are_read_back(graph: Graph) -> None:
    assert from_rows(*to_rows(graph)) == graph
