"""The site's own words in the page's language, where Sphinx and the theme ship none or a poor one.

`course_words` in `book/zh/_config.yml` maps a message catalogue (`sphinx`, `booktheme`, `proof`, …) to words: the
English message and its translation. What is not listed stays as the package translates it.
"""

from __future__ import annotations

from gettext import NullTranslations
from pathlib import Path
from typing import Any

from sphinx import locale
from sphinx.addnodes import toctree
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.locale import get_translation

CAPTIONS = "toc"  # the catalogue of the captions in `_toc.yml`


class Words(NullTranslations):
    """A message catalogue of a few words in front of a package's own.

    Args:
        words: English message → translation.
        package: the catalogue that answers for everything else.
    """

    def __init__(self, words: dict[str, str], package: NullTranslations) -> None:
        super().__init__()
        self.words = words
        self.add_fallback(package)

    def gettext(self, message: str) -> str:
        """The translation of a message."""
        return self.words.get(message) or super().gettext(message)


def install(app: Sphinx, config: Config) -> None:
    """Put the words of `course_words` in front of the catalogues that the packages registered."""
    for catalog, words in config.course_words.items():
        key = ("general", catalog)
        locale.translators[key] = Words(words, locale.translators.get(key, NullTranslations()))
    app.translator = locale.translators["general", "sphinx"]  # the templates have their own way to this one


def translate_captions(app: Sphinx, doctree: Any) -> None:
    """Translate the captions of `_toc.yml`, which both languages share."""
    translate = get_translation(CAPTIONS)
    for node in doctree.findall(toctree):
        if node.get("caption"):
            node["caption"] = str(translate(node["caption"]))


def translate_toggles(app: Sphinx, error: Exception | None) -> None:
    """Translate what screen readers say of a button that unfolds a box: sphinx-togglebutton writes it in its script."""
    script = Path(app.outdir, "_static", "togglebutton.js")
    if error is None and script.is_file():
        label = str(get_translation("sphinx")("Toggle hidden content"))
        script.write_text(script.read_text("utf-8").replace("Toggle hidden content", label), "utf-8")


def title_once(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """The home page is called like the site: its tab need not say so twice."""
    if context.get("title") == context.get("docstitle"):
        context["docstitle"] = ""


def setup(app: Sphinx) -> dict[str, object]:
    """Register the setting and the steps."""
    app.add_config_value("course_words", {}, "env", [dict])
    app.connect("config-inited", install, priority=100)  # before Sphinx hands its catalogue to the templates
    app.connect("doctree-read", translate_captions)
    app.connect("html-page-context", title_once)
    app.connect("build-finished", translate_toggles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
