"""The vocabularies of the pocket models' tasks, and their tokenizers."""

import re

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from frontiers.pocket import judge, world


def words_of(task: str) -> list[str]:
    """Return the vocabulary of a task, the id being the position; the tokens of thoughts come last."""
    if task == "judge":
        return judge.vocabulary()
    return world.vocabulary() + ([*world.THOUGHT] if task == "thoughts" else [])


def build_tokenizer(task: str = "solve") -> PreTrainedTokenizerFast:
    """Return the tokenizer of a task, one id per token of the vocabulary, with the chat template."""
    words = words_of(task)
    longest_first = sorted(map(re.escape, words), key=len, reverse=True)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=world.PAD))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex("|".join(longest_first) + r"|\S+"), behavior="removed", invert=True
    )
    gaps = (decoders.Replace(gap, closed) for gap, closed in world.GAPS)
    tokenizer.decoder = decoders.Sequence(
        [decoders.WordPiece(prefix="##", cleanup=False), decoders.Fuse(), *gaps]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=world.PAD,
        eos_token=world.EOS,
        additional_special_tokens=[
            word for word in (world.THINK, world.END_THINK, *world.THOUGHT) if word in words
        ],
        chat_template=judge.CHAT_TEMPLATE if task == "judge" else world.CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
