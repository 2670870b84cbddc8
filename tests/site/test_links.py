"""The links of every page, read without a browser: inside the site each leads somewhere, and labs open in Colab."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, file):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        self.links += [attributes[key] for key in ("href", "src") if attributes.get(key)]


read = cache(Page)


def test_links_inside_the_site_lead_somewhere(page, site):
    file = site / page
    dead = []
    for link in read(file).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
        if target.is_dir():
            target = target / "index.html"
        if not target.is_file() or not target.is_relative_to(site):
            dead.append(link)
        elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).anchors:
            dead.append(link)
    assert dead == []


def test_labs_open_in_colab(page, site):
    if "lab/" not in page:
        return
    repository = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["repository"]
    path = repository["url"].removeprefix("https://github.com/")
    notebook = f"notebooks/{'zh' if page.startswith('zh/') else 'en'}/{Path(page).stem}.ipynb"
    assert (ROOT / notebook).is_file()
    address = f"https://colab.research.google.com/github/{path}/blob/{repository['branch']}/{notebook}"
    assert address in read(site / page).links


def test_labs_open_in_kaggle(page, site):
    if "lab/" not in page:
        assert not [link for link in read(site / page).links if "kaggle" in link]
        return
    repository = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["repository"]
    notebook = f"notebooks/{'zh' if page.startswith('zh/') else 'en'}/{Path(page).stem}.ipynb"
    assert (ROOT / notebook).is_file()
    source = f"{repository['url']}/blob/{repository['branch']}/{notebook}"
    assert f"https://kaggle.com/kernels/welcome?src={source}" in read(site / page).links


def test_no_page_outside_the_table_of_contents(site):
    from_toc = {"index.html", "search.html"}
    short = {path.relative_to(site).as_posix() for path in site.rglob("*.html") if "_static" not in path.parts}
    assert from_toc < short
    assert not [page for page in short if page.startswith(("book/", "notebooks/", "zh/book/", "zh/notebooks/"))]
    assert {page for page in short if not page.startswith("zh/")} == {p[3:] for p in short if p.startswith("zh/")}
