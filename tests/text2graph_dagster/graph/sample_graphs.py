"""A hypothesis strategy that generates graphs."""

from hypothesis import strategies as st

from text2graph_dagster.graph.model import Entity, Graph, Relation, Span


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Generate graphs whose entities have different texts, so that head and tail are unambiguous when serialised."""
    texts = draw(st.lists(st.text(min_size=1), max_size=5, unique=True))
    types = st.sampled_from(["person", "company", 'odd "type"'])
    entities = tuple(Entity(i, t, draw(types), (Span(i, i + 1),)) for i, t in enumerate(texts))
    if not entities:
        return Graph()
    ids = st.integers(0, len(entities) - 1)
    edges = draw(st.lists(st.tuples(ids, ids, st.sampled_from(["founded", "born in"])), max_size=5, unique=True))
    return Graph(entities, tuple(Relation(h, t, k) for h, t, k in edges))
