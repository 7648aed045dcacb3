"""Text from models, files and configuration, made harmless for what shows it."""

import json
import re
import unicodedata

FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""How a cell begins that a spreadsheet runs as a formula (OWASP, CSV injection)."""
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    r"""Return `text` with control and format characters, except newline and tab, written as `\x1b` or `\u202e`."""
    return "".join(
        ascii(each)[1:-1] if unicodedata.category(each) in _HIDDEN and each not in "\n\t" else each
        for each in text
    )


def one_line(text: object) -> str:
    """Return a label as printable text on one line."""
    return printable(" ".join(str(text).split()))


def csv_cell(value: object) -> object:
    """Return a cell of a CSV; a text that a spreadsheet would run as a formula begins with an apostrophe instead."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def rst(text: object) -> str:
    """Return a label on one line for reStructuredText, in which nothing of it is markup."""
    return re.sub(r"([^\w\s]|_)", r"\\\1", one_line(text))


def script_json(value: object) -> str:
    """Return `value` as JSON, mappings in their own order, that cannot close a script element around it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
