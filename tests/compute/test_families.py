"""Every case of tests/compute/families/*.yaml; what only one family has is in `families/test_*.py`."""

import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.config_json import UnknownArchitecture
from support.family_cases import SOURCE, case, read_case, rows
from support.real_modules import (
    CONFIGS,
    check_decoding,
    check_hybrid,
    check_parameters,
    check_square,
    facts,
    full_size,
)

CHECKS = {
    "decoding": (check_parameters, check_square, check_decoding),
    "square": (check_parameters, check_square),
    "hybrid": (check_parameters, check_hybrid),
    "parameters": (check_parameters,),
}


def cases(kind):
    return pytest.mark.parametrize("row", rows(kind), ids=lambda row: "-".join(map(str, row[:2])))


@cases("cases")
def test_a_small_model_equals_its_module(row):
    family, name, settings = row
    for check in CHECKS[settings.get("check", "decoding")]:
        check(*case(family, name))


@cases("checkpoints")
def test_a_checkpoint_has_its_published_size(row):
    _, name, sizes = row
    if "--" in name and not CONFIGS.exists():
        pytest.skip("needs the model configurations in shared/")
    ours = read_architecture(full_size(name) if "--" in name else facts(name))
    found = ours.parameters(), ours.parameters(active=True), ours.parameters(active=True, embedding=False)
    assert list(found[: len(sizes)]) == sizes


@pytest.mark.parametrize("row", rows("refused"), ids=lambda row: f"{row[0]}-{row[1]}-{'-'.join(row[2])}")
def test_fields_that_cannot_be_counted_are_errors(row):
    family, name, fields, message = row
    with pytest.raises(UnknownArchitecture, match=message) as error:
        read_case(family, name, **fields)
    assert case(family, name)[0] in str(error.value) and SOURCE in str(error.value)
