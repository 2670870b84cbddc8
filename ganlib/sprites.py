"""Players: frames in one PNG, a slider and a button; plain HTML that needs no kernel. `ganlib.viz.player` makes them.

The PNG, a sprite sheet, carries its captions and its language with it. A notebook has it inside the page; a theory page
has it as a file, shown by ``{player}`` (`book/_ext/course/players.py`). Nothing here needs PyTorch.
"""

from __future__ import annotations

import base64
import html
import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ganlib import labels
from ganlib.errors import GanlibError

PAPER, INK, LINE = "#fbfaf7", "#22252b", "#d9d5cc"  # a light page of their own: figures are read in dark mode too
KEY = "ganlib-player"  # of the text in the PNG

MARKUP = """<div id="{id}" class="ganlib-player" role="group" aria-label="{about}" style="display:inline-block;\
max-width:100%;box-sizing:border-box;padding:8px;background:{paper};color:{ink};border:1px solid {line};\
border-radius:6px;font:14px/1.4 sans-serif">
<div style="width:{width}px;max-width:100%;aspect-ratio:{w}/{h};overflow:hidden">
<img src="{src}" alt="{alt}" class="dark-ok" style="display:block;width:100%;max-width:none;margin:0;padding:0;\
background:none;filter:none;image-rendering:{rendering};transform:translateY(-{last}%)"></div>
<div style="display:flex;gap:8px;align-items:center;margin-top:6px;max-width:{width}px">
<button type="button" aria-label="{play}" style="min-width:40px;min-height:32px;color:{ink};background:{paper};\
border:1px solid {ink};border-radius:4px">&#9654;</button>
<input type="range" min="0" max="{end}" value="{end}" step="1" aria-label="{position}" style="flex:1;min-width:60px">
<output style="min-width:7em;text-align:right">{caption}</output></div>
<script>(function () {{
  var root = document.getElementById("{id}"), captions = {captions}, timer = null;
  var image = root.querySelector("img"), button = root.querySelector("button");
  var slider = root.querySelector("input"), output = root.querySelector("output");
  function show(i) {{
    slider.value = i;
    image.style.transform = "translateY(-" + (100 * i / captions.length) + "%)";
    output.textContent = captions[i];
    slider.setAttribute("aria-valuetext", captions[i]);
  }}
  function stop() {{
    clearInterval(timer);
    timer = null;
    button.innerHTML = "&#9654;";
    button.setAttribute("aria-label", {play_js});
  }}
  function step() {{ if (+slider.value >= captions.length - 1) stop(); else show(+slider.value + 1); }}
  button.onclick = function () {{
    if (timer) {{ stop(); return; }}
    if (+slider.value >= captions.length - 1) show(0);
    timer = setInterval(step, {wait});
    button.innerHTML = "&#10074;&#10074;";
    button.setAttribute("aria-label", {pause_js});
  }};
  slider.oninput = function () {{ stop(); show(+slider.value); }};
}})();</script></div>"""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class About:
    """What a sprite sheet says of itself.

    Attributes:
        captions: the words below each frame.
        width: of a frame on the screen, in CSS pixels.
        seconds: how long one run through all frames takes.
        drawn: whether the frames are drawings, to be smoothed where the screen's pixels differ, or images of few pixels
            that stay squares.
        lang: of the captions and of the buttons, "en" or "zh".
    """

    captions: Sequence[str]
    width: int
    seconds: float
    drawn: bool
    lang: str


class Player:
    """Frames with a slider and a button.

    Args:
        sheet: a PNG made by `pack`.

    Raises:
        GanlibError: the bytes are no such PNG.
    """

    def __init__(self, sheet: bytes):
        from PIL import Image

        try:
            with Image.open(io.BytesIO(sheet)) as image:
                self.about = About(**json.loads(image.text[KEY]))
                self.size = image.width, image.height // len(self.about.captions)
        except (AttributeError, KeyError, OSError, SyntaxError, TypeError, ValueError) as error:
            raise GanlibError(
                f"{len(sheet)} bytes were given that are no sprite sheet; expected a PNG that viz.player(…).save wrote"
            ) from error
        self.sheet = sheet

    @property
    def captions(self) -> list[str]:
        """The words below each frame."""
        return list(self.about.captions)

    def markup(self, src: str | None = None, alt: str | None = None) -> str:
        """The player as HTML.

        Args:
            src: where the page finds the PNG; by default it holds the PNG itself.
            alt: what the frames show, for those who cannot see them.
        """
        (w, h), n = self.size, len(self.about.captions)
        word = lambda key: labels.t(key, self.about.lang)
        about = labels.t("player", self.about.lang, n=n)
        return MARKUP.format(
            id=f"ganlib-player-{next(_numbers)}",
            src=html.escape(src or "data:image/png;base64," + base64.b64encode(self.sheet).decode(), quote=True),
            alt=html.escape(alt or about, quote=True),
            about=html.escape(about, quote=True),
            play=html.escape(word("play"), quote=True),
            position=html.escape(word("position"), quote=True),
            play_js=_js(word("play")),
            pause_js=_js(word("pause")),
            captions=_js(self.captions),
            caption=html.escape(self.about.captions[-1]),
            rendering="auto" if self.about.drawn else "pixelated",
            width=self.about.width,
            w=w,
            h=h,
            last=100 * (n - 1) / n,
            end=n - 1,
            wait=round(1000 * self.about.seconds / n),
            paper=PAPER,
            ink=INK,
            line=LINE,
        )

    def save(self, path: str | Path) -> Path:
        """Write the sprite sheet, for ``{player}`` on a theory page; returns the path."""
        path = Path(path)
        path.write_bytes(self.sheet)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Player:
        """The player of a file that `save` wrote.

        Raises:
            GanlibError: the file is no sprite sheet.
        """
        try:
            return cls(Path(path).read_bytes())
        except GanlibError as error:
            raise GanlibError(
                f"{path} is no sprite sheet; expected a PNG that viz.player(…).save wrote"
            ) from error.__cause__

    def _repr_html_(self) -> str:
        return self.markup()

    def __repr__(self) -> str:
        return labels.t("player", self.about.lang, n=len(self.about.captions))


def pack(frames: Sequence[np.ndarray], about: About) -> bytes:
    """Frames one below the other in a PNG with few colours: a hundred small digits cost 15 kB a frame otherwise.

    Args:
        frames: uint8 (H, W, C), C 1 or 3, all of one shape. Grey ones keep 16 levels, coloured ones 256 colours.
        about: what the sheet says of itself.
    """
    return png(np.concatenate(frames), json.dumps(asdict(about), ensure_ascii=False))


def png(image: np.ndarray, text: str | None = None) -> bytes:
    """A PNG of few colours from uint8 (H, W, C), with a text inside if one is given."""
    from PIL import Image, PngImagePlugin

    if image.shape[2] == 1:
        picture = Image.fromarray(((image[..., 0].astype(np.uint16) * 15 + 127) // 255).astype(np.uint8), "P")
        picture.putpalette([value for level in range(16) for value in [level * 17] * 3])
        options: dict[str, object] = {"bits": 4}
    else:
        picture, options = Image.fromarray(image, "RGB").quantize(256), {}
    if text is not None:
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(KEY, text)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True, **options)
    return out.getvalue()


def _js(value: object) -> str:
    # "</" would end the script element whatever the quotes around it.
    return json.dumps(value, ensure_ascii=False).replace("</", "<\\/")
