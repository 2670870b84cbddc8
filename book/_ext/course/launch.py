"""The Kaggle button of a lab, which sphinx-book-theme does not have: one more entry under the rocket.

`launch_buttons.kaggle_url` in `_config.yml` switches it on; the notebook's address follows from `repository` there.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.locale import get_translation

MENU = "launch-buttons"  # the theme's name of the menu under the rocket; only notebooks have it
translate = get_translation("booktheme")


def add_kaggle(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Put Kaggle behind the theme's own buttons."""
    options = app.config.html_theme_options
    kaggle = options.get("launch_buttons", {}).get("kaggle_url", "").rstrip("/")
    menu = next((button for button in context.get("header_buttons", []) if button.get("label") == MENU), None)
    if not kaggle or menu is None:
        return
    folder = options.get("path_to_docs", "").strip("/")
    notebook = f"{folder}/{pagename}.ipynb".lstrip("/")
    source = f"{options['repository_url'].rstrip('/')}/blob/{options['repository_branch']}/{notebook}"
    menu["buttons"].append(
        {
            "type": "link",
            "text": "Kaggle",
            "tooltip": translate("Launch on") + " Kaggle",
            "icon": "fab fa-kaggle",
            "url": f"{kaggle}/kernels/welcome?src={source}",
        }
    )


def setup(app: Sphinx) -> dict[str, object]:
    """Run after the theme, which adds its buttons at 501."""
    app.connect("html-page-context", add_kaggle, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
