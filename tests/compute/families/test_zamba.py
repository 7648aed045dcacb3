from dataclasses import replace

import pytest

from support.family_cases import case, read_case
from support.real_modules import build, stored


@pytest.mark.parametrize("name", ["one-block", "two-blocks", "adapters-of-attention"])
def test_without_tied_embeddings_the_class_copies_each_shared_block(name):
    """Its `tie_word_embeddings` switches every kind of tying: what it holds more are the blocks of later uses.

    Each copy also has the adapters of all uses of its block.
    """
    architecture, config = case("zamba", name)
    module, _ = build(architecture, config | {"tie_word_embeddings": False})
    ours = read_case("zamba", name, tie_word_embeddings=False)
    hybrid = [layer.parts for layer in ours.layers if len(layer.parts) > 1]
    count, copies = config.get("num_mem_blocks", 1), 0
    for use, parts in enumerate(hybrid[count:], count):
        shared = [replace(part, tied=False) for part in parts if part.tied]
        adapters = parts[-2].size - ours.width**2
        copies += sum(part.parameters() for part in shared) + adapters * len(hybrid[use % count :: count])
    assert copies > 0 and stored(module) == ours.parameters() + copies
    tied = read_case("zamba", name)
    assert ours.parameters() - tied.parameters() == ours.vocabulary * ours.width
