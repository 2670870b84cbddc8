"""Two languages in one site: each page knows its twin, and the English build is followed by the Chinese one.

`jupyter-book build .` reads `_config.yml` and builds English. When that is done, the settings are merged with
`book/zh/_config.yml`, the table of contents is turned to the Chinese folders, and the Chinese site is built beside and
copied to `zh/`.
"""

from __future__ import annotations

import copy
import html
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.errors import SphinxError

from course.addresses import FOLDER, short

# language → its tag in HTML, the folder of its pages in the site, its own name
LANGUAGES = {"en": ("en", "", "English"), "zh": ("zh-CN", "zh/", "中文")}


class TwinError(SphinxError):
    """The Chinese site could not be built."""

    category = "Chinese site"


def language_of(app: Sphinx) -> str:
    """The language of this build, `en` or `zh`."""
    return "zh" if (app.config.language or "en").startswith("zh") else "en"


def other_than(language: str) -> str:
    """The other one of the two languages."""
    return "zh" if language == "en" else "en"


def twin_name(docname: str, language: str) -> str:
    """The name of a page's twin in the given language (`book/en/02-gan` → `book/zh/02-gan`)."""
    return FOLDER.sub(rf"\1/{language}/", docname)


def site_address(app: Sphinx) -> str:
    """Where the site is published, with a slash at its end, or nothing if that is not known.

    `html.baseurl` in `_config.yml`, else the GitHub Pages of the repository that stands there.
    """
    if app.config.html_baseurl:
        return app.config.html_baseurl.rstrip("/") + "/"
    match = re.fullmatch(
        r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?", app.config.html_theme_options.get("repository_url", "")
    )
    return f"https://{match[1].lower()}.github.io/{match[2]}/" if match else ""


def add_twin(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Give a page the link to its twin for the header, its `hreflang` links and its own full address."""
    language = language_of(app)
    other = other_than(language)
    twin = twin_name(pagename, other)
    if pagename in app.env.all_docs and not any(
        Path(app.srcdir, twin + suffix).is_file() for suffix in app.config.source_suffix
    ):
        twin = f"book/{other}/index"  # not translated yet: rather the front page than a dead link
    pages = {language: LANGUAGES[language][1] + short(pagename), other: LANGUAGES[other][1] + short(twin)}
    here = posixpath.dirname(pages[language]) or "."
    tag, _, name = LANGUAGES[other]
    href = posixpath.relpath(pages[other], here) + ".html"
    context["twin"] = {"href": href, "lang": tag, "name": name}

    base = site_address(app)
    context["pageurl"] = f"{base}{pages[language]}.html" if base else None
    links = [(LANGUAGES[code][0], pages[code]) for code in LANGUAGES] + [("x-default", pages["en"])]
    for hreflang, page in links:
        address = (base + page if base else posixpath.relpath(page, here)) + ".html"
        context["metatags"] = (
            context.get("metatags", "")
            + f'\n<link rel="alternate" hreflang="{hreflang}" href="{html.escape(address, quote=True)}" />'
        )


def link_to_twin(app: Sphinx, doctree: Any) -> None:
    """Resolve links into the other language's folder (`[中文](../zh/index.md)`), which is no part of this build."""
    language = language_of(app)
    here = posixpath.dirname(LANGUAGES[language][1] + short(app.env.docname)) or "."
    for node in list(doctree.findall(pending_xref)):
        match = FOLDER.match(node.get("reftarget", ""))
        if node.get("refdomain") != "doc" or match is None or match[2] == language:
            continue
        page = LANGUAGES[match[2]][1] + short(node["reftarget"])
        href = posixpath.relpath(page, here) + ".html"
        children = node.children or [nodes.Text(LANGUAGES[match[2]][2])]
        node.replace_self(nodes.reference("", "", *children, refuri=href, internal=True))


def merge(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The shared settings with what one language says itself: maps are merged, everything else is replaced."""
    merged = copy.deepcopy(shared)
    for key, value in own.items():
        both_maps = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both_maps else value
    return merged


def build_twin(app: Sphinx, error: Exception | None) -> None:
    """After the English site: build the Chinese one and put it under `zh/`."""
    if error or language_of(app) != "en" or app.builder.name != "html":
        return
    root = Path(app.srcdir)
    work = Path(app.outdir).parent / "zh"
    work.mkdir(parents=True, exist_ok=True)
    own = root / "book" / "zh" / "_config.yml"
    settings = merge(yaml.safe_load((root / "_config.yml").read_text("utf-8")), yaml.safe_load(own.read_text("utf-8")))
    # The merged file lies elsewhere, and Jupyter Book looks for local extensions from its folder.
    extensions = settings["sphinx"]["local_extensions"]
    settings["sphinx"]["local_extensions"] = {name: str(root / path) for name, path in extensions.items()}
    config, toc = work / "_config.yml", work / "_toc.yml"
    config.write_text(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False), "utf-8")
    contents = (root / "_toc.yml").read_text("utf-8")
    toc.write_text(re.sub(r"\b(book|notebooks)/en/", r"\1/zh/", contents), "utf-8")

    options = {
        "sourcedir": str(root),
        "outputdir": str(work / "html"),
        "noconfig": True,
        "path_config": str(config),
        "confoverrides": {
            "external_toc_path": str(toc),
            "nitpicky": app.config.nitpicky,
            "latex_individualpages": False,  # Jupyter Book asks for it whatever it builds
        },
        "freshenv": bool(app.fresh_env_used),
        "force_all": bool(app.fresh_env_used),
        "warningiserror": app.warningiserror or app.keep_going,
        "keep_going": app.keep_going,
        "verbosity": app.verbosity,
        "quiet": app.quiet,
    }
    # A process of its own: Sphinx and docutils keep their languages and directives in global variables.
    done = subprocess.run([sys.executable, "-c", CHILD, json.dumps(options)], cwd=root, env={**os.environ}, check=False)
    if done.returncode and not (app.keep_going and done.returncode == WARNED):
        raise TwinError(f"the Chinese build ended with exit status {done.returncode}; its messages stand above")
    target = Path(app.outdir) / "zh"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(work / "html", target)
    app.statuscode = app.statuscode or done.returncode


WARNED = 1  # Sphinx's exit status when `-W --keep-going` met warnings: the pages are there
CHILD = """
import json, sys
from jupyter_book.sphinx import build_sphinx
result = build_sphinx(**json.loads(sys.argv[1]), builder="html")
sys.exit(2 if isinstance(result, Exception) else result)
"""


def setup(app: Sphinx) -> dict[str, object]:
    """Connect the steps."""
    app.connect("doctree-read", link_to_twin)
    app.connect("html-page-context", add_twin, priority=100)  # the theme tries its templates at 500
    app.connect("build-finished", build_twin, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
