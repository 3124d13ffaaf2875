"""Settings of a small gazette for tests."""

from dataclasses import replace

from examples.gazette.settings import GazetteSettings

SMALL = replace(GazetteSettings.smoke(), train=250, dev_passages=120, test_passages=240, broken_long_line_bytes=50_000)
