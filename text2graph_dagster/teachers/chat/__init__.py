"""The teacher behind an OpenAI-compatible endpoint (vLLM, Ollama, hosted services).

In the order of a call: `endpoint` sends prompts and tries again, by the rules of `retry` (what an error means, how long
to wait), `rate_limit` (concurrent calls per server) and `load_balancer` (which server); `completion` reads a response;
`label_mapping` maps its labels to the ontology and `fuzzy_grounding` finds its surfaces in the passage; `teacher` puts
this together.

Where to handle a new endpoint's peculiarity: in `completion.py` if its response looks different, in `endpoint.py`
(`build_body`) if it needs another request, in `retry.py` if it signals errors differently.
"""
