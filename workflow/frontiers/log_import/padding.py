"""Special tokens that tools leave at the end of a text: the end of the sequence, and the padding of a batch."""

import re
from collections.abc import Mapping
from dataclasses import replace

from frontiers.log_import.entry import Entry

_SPECIAL = re.compile(
    r"(?:<\|[a-z0-9_]{1,40}\|>|</s>|<unk>|<eos>|<pad>|<end_of_turn>|\[PAD\]|<｜[a-z▁]{1,40}｜>)\s*\Z"
)


def without_padding(entry: Entry, thinking: Mapping) -> tuple[Entry, int]:
    """Return an entry without the special tokens at the end of its text, and how many there were.

    A marker of the model's `thinking` stays. A total that the log gives for a text with more than the one token
    that ends a sequence counts the padding too, and so do its tokens of the answer: both are left out.
    """
    text, removed = entry.completion, 0
    while (match := _SPECIAL.search(text, max(0, len(text) - 60))) and match[
        0
    ].strip() not in thinking.values():
        text, removed = text[: match.start()], removed + 1
    if not removed:
        return entry, 0
    known = {} if removed == 1 else {"output_tokens": None, "answer_tokens": None}
    return replace(entry, completion=text, **known), removed
