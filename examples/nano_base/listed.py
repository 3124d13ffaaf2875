"""Lists written as text, so that they can be read."""


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


def phrases(text: str) -> tuple[str, ...]:
    """The parts of a text between its bars."""
    return tuple(text.split("|"))
