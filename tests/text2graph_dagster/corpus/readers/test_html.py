"""Web pages: the main text is kept, boilerplate is dropped."""

from pathlib import Path

from tests.text2graph_dagster.corpus.readers.document_files import outcomes, read_corpus
from text2graph_dagster.corpus.readers.documents import Document

PAGE = """<html><head><title>T</title><script>var x = 1;</script></head><body>
<nav><ul><li><a href=/>Home</a></li><li><a href=/a>About us</a></li></ul></nav><article><h1>Ana Berg</h1>
<p>Ana Berg &amp; her brother live in <b>Oslo</b>. She was born in <a href=/b>Bergen</a> in 1970, and studied there.</p>
<h2>Work</h2><p>She founded Example Ltd, and designed the library of Trondheim, which opened in 2003.</p>
<ul><li>Library</li><li>Bridge of Voss</li></ul><table><tr><th>Year</th><th>Work</th></tr><tr><td>2003</td>
<td>Library</td></tr></table></article><footer>Copyright Example. All rights reserved. <a href=/p>Privacy</a></footer>
</body></html>"""


def test_main_text_is_kept_and_boilerplate_dropped(corpus: Path) -> None:
    (corpus / "a.html").write_text(PAGE)
    (corpus / "b.htm").write_bytes(
        "<meta charset=gb2312><p>这家公司成立于一九八五年，总部位于北京。创始人是一位大学教授。</p>".encode("gb18030")
    )
    (corpus / "c.html").write_text("<html><body><script>load()</script></body></html>")
    (corpus / "d.html").write_text("")
    page, chinese, *empty = read_corpus(corpus)
    assert isinstance(page, Document)
    assert page.text.split("\n\n") == [
        "# Ana Berg",
        "Ana Berg & her brother live in Oslo. She was born in Bergen in 1970, and studied there.",
        "## Work",
        "She founded Example Ltd, and designed the library of Trondheim, which opened in 2003.",
        "- Library\n- Bridge of Voss",
        "| Year | Work |\n| 2003 | Library |",
    ]
    assert outcomes([chinese]) == [("b.htm", "这家公司成立于一九八五年，总部位于北京。创始人是一位大学教授。")]
    assert outcomes(empty) == [("c.html", "no_text"), ("d.html", "empty")]
