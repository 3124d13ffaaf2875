"""Settings of raw_corpus: from files to passages."""

from pathlib import Path

from pydantic import Field

from text2graph_dagster.settings.section import Section


class QualitySettings(Section):
    """Filters for text that is not worth training on (corpus/text); a maximum of 1 or a minimum of 0 is no filter."""

    min_document_tokens: int = Field(2, ge=0, description="tokens; shorter documents are quarantined")
    max_repeated_lines: float = Field(0.3, ge=0, le=1, description="share of a document's characters in repeated lines")
    max_repeated_runs: float = Field(
        0.5, ge=0, le=1, description="share of a document's tokens in repeated runs of ten tokens"
    )
    max_list_lines: float = Field(
        0.95, ge=0, le=1, description="share of a document's lines that are list items or table rows"
    )
    max_symbols: float = Field(
        0.5, ge=0, le=1, description="share of a passage's characters that are not letters, digits or spaces"
    )
    min_distinct_words: float = Field(
        0.2, ge=0, le=1, description="distinct words of a passage as a share of its words"
    )


class CorpusSettings(Section):
    """How files become passages."""

    passage_tokens: int = Field(
        32, ge=8, description="maximum length of a passage, in words and punctuation marks; short passages suit nano"
    )
    overlap_sentences: int = Field(
        0, ge=0, description="sentences that a passage repeats from the one before; gold passages never overlap"
    )
    max_document_bytes: int = Field(20_000_000, ge=1_000, description="bytes; larger files are quarantined")
    max_page_bytes: int = Field(
        5_000_000, ge=1_000, description="bytes; larger web pages are quarantined: they parse slowly"
    )
    max_expansion: int = Field(200, ge=1, description="maximum size of an unpacked file, as a multiple of its size")
    max_reading_seconds: float = Field(60.0, gt=0, description="seconds; PDFs that take longer are quarantined")
    text_field: str = Field("text", min_length=1, description="name of the field or column that has a row's text")
    max_passage_characters: int = Field(4_000, ge=200, description="characters; longer sentences are split at a space")
    quality: QualitySettings = QualitySettings()
    blocklist: Path | None = Field(
        None, description="file of terms and patterns; passages that match are quarantined; null: no block-list"
    )
    near_duplicate_jaccard: float = Field(
        0.8,
        gt=0,
        le=1,
        description="minimum Jaccard similarity of 5-character shingles for two passages to be near duplicates",
    )
