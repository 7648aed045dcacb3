"""The page of answers, and the files of its folder that hold the texts.

A file is a script that hands one compressed text to the page: scripts are what a browser also loads from a disk, without
a server. It holds base64 alone, so that nothing of what a model wrote can act in it.
"""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from frontiers.core.escapes import script_json
from frontiers.report.explorer.page import content_policy

TEMPLATE = Path(__file__).with_name("page.html.jinja")
SCRIPT = Path(__file__).with_name("page.js")
FOLDER = "answers"
"""Folder of the files, next to the page."""


def file(name: str, content: object) -> bytes:
    """Return the file `name`.js that hands `content`, a JSON value, to the page; the same content gives the same bytes."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    packed = gzip.compress(text.encode("utf-8", "replace"), mtime=0)
    return f'take("{name}","{base64.b64encode(packed).decode()}");\n'.encode()


def page(title: str, series: Sequence[Mapping], labels: Mapping[str, Mapping[str, str]], most: int) -> str:
    """Return the page as HTML.

    `series` has for each model, benchmark and strategy these names, the file that holds its texts and the one of its
    questions, and its caps; `labels` gives models, benchmarks and strategies their labels; `most` is the limit of
    characters of a trace. The page runs its own script and the files of its folder, and requests nothing else.
    """
    script = SCRIPT.read_text()
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(TEMPLATE.read_text()).render(
        title=title,
        # A page on a disk has no origin that 'self' would name.
        policy=content_policy([script]).replace("script-src ", "script-src 'self' file: "),
        script=script,
        data=script_json({"series": series, "labels": labels, "folder": FOLDER}),
        most=most,
    )
