"""Word lists written as readable text."""


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


def phrases(text: str) -> tuple[str, ...]:
    """Return the parts of a text that are separated by bars."""
    return tuple(text.split("|"))
