"""The teacher behind an OpenAI-compatible endpoint (vLLM, Ollama, hosted services).

In the order of a call: `endpoint` sends prompts and retries. `retry` decides what an error means and how long to wait,
`rate_limit` how many concurrent calls a server gets, and `load_balancer` which server is called. `completion` reads a
response, `label_mapping` maps its labels to the ontology, and `fuzzy_grounding` finds its surfaces in the passage.
`teacher` combines these steps.

To support a new endpoint, change `completion.py` if its responses look different, `endpoint.py` (`build_body`) if it
needs other requests, and `retry.py` if it signals errors differently.
"""
