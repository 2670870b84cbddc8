"""Search: Chinese by pairs of characters, and English words of two letters as they are.

Sphinx cuts Chinese text into words for the index but does not cut the query in the browser, so 最优判别器 finds nothing
unless a dictionary holds it as one word. Here text and query are cut alike, by the same rule: each run of Chinese
characters gives its characters and its overlapping pairs; a query of one character looks for that character, a longer
one for all of its pairs. Accents do not count: Frechet finds Fréchet.

`book/_static/search-results.js`, on the search page only, shows what was found and where.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

HAN = r"\u3400-\u9fff"
LATIN = r"A-Za-z0-9_\u00c0-\u024f"


class SearchEnglishWords(SearchEnglish):
    """Sphinx's English with the rule for short words that the browser follows too."""

    def stem(self, word: str) -> str:
        """The word's stem, without accents; a word of two letters is its own."""
        word = "".join(sign for sign in unicodedata.normalize("NFD", word) if not unicodedata.combining(sign))
        return super().stem(word) if len(word) > 2 else word.lower()


class SearchChinese(SearchEnglishWords):
    """Characters and pairs for Chinese, stems for the English words between them."""

    lang = "zh"
    language_name = "Chinese"
    runs = re.compile(f"[{HAN}]+|[{LATIN}]+")
    han = re.compile(f"[{HAN}]")
    js_splitter_code = """
function splitQuery(query) {
  const words = [];
  for (const run of query.match(/[HAN]+|[LATIN]+/g) || []) {
    if (run.length === 1 || !/[HAN]/.test(run)) words.push(run);
    else for (let i = 0; i + 1 < run.length; i++) words.push(run.slice(i, i + 2));
  }
  return words;
}
""".replace("HAN", HAN).replace("LATIN", LATIN)

    def split(self, text: str) -> list[str]:
        """Cut a page's text into the words of the index."""
        words: list[str] = []
        for run in self.runs.findall(text):
            if self.han.match(run):
                words += run
                words += [run[i : i + 2] for i in range(len(run) - 1)]
            else:
                words.append(run)
        return words

    def word_filter(self, word: str) -> bool:
        """Whether a word goes into the index: every Chinese one, and the English ones that Sphinx would keep."""
        return bool(self.han.match(word)) or super().word_filter(word)

    def stem(self, word: str) -> str:
        """The word's stem; a Chinese word is its own."""
        return word if self.han.match(word) else super().stem(word)


def show_results(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the search page the script that shows the results; deferred, it runs behind Sphinx's own."""
    if pagename == "search":
        app.add_js_file("search-results.js", defer="defer")


def setup(app: Sphinx) -> dict[str, object]:
    """Register both languages."""
    app.add_search_language(SearchEnglishWords)
    app.add_search_language(SearchChinese)
    app.connect("html-page-context", show_results)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
