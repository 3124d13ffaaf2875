"""Text in, graphs out: what a trained student is for; `extractor` is the way in from Python, `command` from a shell."""
