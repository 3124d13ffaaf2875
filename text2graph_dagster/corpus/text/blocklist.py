"""A user's block-list of terms and patterns: passages that match go to quarantine.

RE2 matches all terms at once, in time linear in the text for any list. Python's `re` would try the terms one by one and
could hang on a pattern.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import digest
from text2graph_dagster.unicode import HANGUL, IDEOGRAPHS, SUPPLEMENTARY_HAN

_PATTERN = "re:"
_MEMORY = 256 << 20  # bytes for the automaton of RE2, which is slower with less
_CJK = re.compile(f"[{IDEOGRAPHS}{HANGUL}{SUPPLEMENTARY_HAN}]")


@dataclass(frozen=True)
class BlockList:
    """Compiled terms and patterns. Terms match between word boundaries, except in scripts without them."""

    name: str
    terms: Any
    lines: dict[str, int]
    patterns: tuple[tuple[int, Any], ...]

    def find_hit(self, text: str) -> str | None:
        """Return the number of the matching line and the list's name, or None; the term must not be in any table."""
        found = self.terms.search(text) if self.terms is not None else None
        if found is not None:
            return f"line {self.lines.get(_key(next(filter(None, found.groups()))), '?')} of {self.name}"
        for number, pattern in self.patterns:
            if pattern.search(text) is not None:
                return f"line {number} of {self.name}"
        return None


def load_blocklist(path: Path) -> BlockList:
    """Load a UTF-8 list with one term, or one RE2 pattern after `re:`, per line; `#` starts a comment.

    Matching ignores case. The compiled list is cached by content.

    Raises:
        UserError: the file is missing, not UTF-8 or empty, or a pattern is not valid.
    """
    try:
        return _compile(path.name, path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"the block-list {path} cannot be read ({error.strerror}); correct corpus.blocklist.") from None
    except UnicodeDecodeError:
        raise UserError(f"the block-list {path} is not UTF-8; save it as UTF-8.") from None


def digest_blocklist(path: Path | None) -> str:
    """Return a digest of the list's content, or "" without a list; staged passages depend on it."""
    return digest(path.read_text(encoding="utf-8-sig", errors="replace")) if path and path.is_file() else ""


@lru_cache(maxsize=4)
def _compile(name: str, content: str) -> BlockList:
    terms: list[str] = []
    lines: dict[str, int] = {}
    patterns: list[tuple[int, Any]] = []
    for number, line in enumerate(content.splitlines(), 1):
        entry = unicodedata.normalize("NFC", line).strip()
        if entry.startswith(_PATTERN):
            patterns.append((number, _re2(entry.removeprefix(_PATTERN).strip(), f"line {number} of {name}")))
        elif entry and not entry.startswith("#"):
            terms.append(entry)
            lines.setdefault(_key(entry), number)
    if not terms and not patterns:
        raise UserError(f"the block-list {name} has neither terms nor patterns; leave corpus.blocklist empty.")
    return BlockList(name, _re2(_any_of(terms), name) if terms else None, lines, tuple(patterns))


def _any_of(terms: list[str]) -> str:
    import re2

    free: list[str] = []  # terms in scripts without spaces, or that start or end with punctuation
    bound: list[str] = []
    for term in sorted(terms, key=len, reverse=True):
        words = r"\s+".join(re2.escape(word) for word in term.split())
        (free if _CJK.search(term) or not (term[0].isalnum() and term[-1].isalnum()) else bound).append(words)
    # RE2's \b is ASCII only. The match may include the neighbouring characters, because one hit is enough.
    forms = [f"({'|'.join(free)})"] if free else []
    if bound:
        forms.append(rf"(?:^|[^\pL\pN_])({'|'.join(bound)})(?:$|[^\pL\pN_])")
    return "|".join(forms)


def _key(found: str) -> str:
    """Return a term in lower case with single spaces, as the key of its line."""
    return " ".join(found.lower().split())


def _re2(pattern: str, where: str) -> Any:
    import re2

    options = re2.Options()
    options.case_sensitive = False
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise UserError(f"{where} is not a valid RE2 pattern ({reason}); correct it.") from None
