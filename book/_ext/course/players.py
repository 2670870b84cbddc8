"""`{player} FILE`: a figure that moves. The file is a sprite sheet written by `ganlib.viz.player(…).save`.

    :::{player} ../_static/figures/01-distances-slide-en.png
    :name: fig-distances-slide
    :alt: What the frames show, for those who cannot see them.

    The caption, as under any figure.
    :::

It is numbered and referred to as a figure. Without JavaScript the last frame stands there.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.directives.patches import Figure

from ganlib.errors import GanlibError
from ganlib.sprites import Player


class player(nodes.image):  # noqa: N801 (docutils names nodes so)
    """The picture of such a figure; being an image, its file is found and copied as one."""


class PlayerDirective(Figure):
    """The figure, with a `player` in the place of its image."""

    option_spec = {key: Figure.option_spec[key] for key in ("alt", "class", "name")}

    def run(self) -> list[nodes.Node]:
        """Make the nodes."""
        _, path = self.state.document.settings.env.relfn2path(self.arguments[0])
        if not Path(path).is_file():
            raise self.error(f"There is no file {self.arguments[0]}; expected a PNG that viz.player(…).save wrote.")
        try:
            Player.load(path)
        except GanlibError:
            raise self.error(
                f"{self.arguments[0]} is no sprite sheet; expected a PNG that viz.player(…).save wrote."
            ) from None
        made = super().run()
        for image in [image for node in made for image in node.findall(nodes.image)]:
            image.replace_self(player("", **image.attributes))
        return made


def visit_player(writer: Any, node: player) -> None:
    """Write the player with the address of its file."""
    builder = writer.builder
    source = posixpath.join(builder.imgpath, builder.images[node["uri"]])
    writer.body.append(Player.load(Path(builder.srcdir, node["uri"])).markup(source, node.get("alt")))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive."""
    app.add_node(player, html=(visit_player, None))
    app.add_directive("player", PlayerDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
