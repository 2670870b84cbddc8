"""Numbers that begin with the chapter's: Theorem 2.1 is the first theorem of `02-gan.md`, in both languages.

Sphinx can number by section only when the table of contents is numbered, and would then count welcome pages, labs and
appendices as chapters. Here the chapter's number is the one its file name begins with.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector

from course.addresses import short

CHAPTER = re.compile(r"(?:lab/)?(\d\d)-")


def chapter(docname: str) -> int | None:
    """The number that a page's file name begins with, or None."""
    match = CHAPTER.match(short(docname))
    return int(match[1]) if match else None


def restore(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Before Sphinx numbers the figures: show it its own numbers of the last build, to compare with."""
    env.toc_fignumbers = getattr(env, "course_plain_numbers", env.toc_fignumbers)
    return []


def renumber(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """After Sphinx numbered the figures: number them again by chapter.

    Returns:
        The pages whose numbers changed and must be written again.
    """
    env.course_plain_numbers = env.toc_fignumbers
    env.toc_fignumbers = getattr(env, "course_numbers", {})
    sections = env.toc_secnumbers
    env.toc_secnumbers = {name: {"": (number,)} for name in env.all_docs if (number := chapter(name)) is not None}
    changed = TocTreeCollector().assign_figure_numbers(env)
    env.toc_secnumbers = sections
    env.course_numbers = env.toc_fignumbers
    return changed


def setup(app: Sphinx) -> dict[str, object]:
    """Run on both sides of Sphinx's own numbering, which has priority 500."""
    app.connect("env-get-updated", restore, priority=100)
    app.connect("env-get-updated", renumber, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
