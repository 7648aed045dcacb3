"""A checkpoint that is no longer what its manifest names decodes nothing."""

import json
import os
import shutil
import time

import pytest

from frontiers.core import files
from frontiers.core.cli import UserError
from frontiers.data import manifests
from support.downloads import run_model
from support.paths import ROOT

SHIPPED = ROOT / "data/pocket/models"


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Files are recorded however new they are; the tests below change none twice within a tick of the clock."""
    monkeypatch.setattr(manifests, "FRESH", 0)
    monkeypatch.delenv(manifests.HASH_ALL, raising=False)


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(SHIPPED / "medium", tmp_path / "medium")


@pytest.fixture
def manifest(folder, tmp_path):
    run_model({"path": str(folder)}, tmp_path / "out" / "m.json", "m")
    return tmp_path / "out" / "m.json"


@pytest.fixture
def hashed(monkeypatch):
    """Names of the files hashed from now on."""
    names, whole = [], files.sha256_of
    monkeypatch.setattr(manifests, "sha256_of", lambda path: (names.append(path.name), whole(path))[1])
    return names


def refused(manifest, *wanted):
    with pytest.raises(UserError) as error:
        manifests.verified(manifest)
    for text in (*wanted, str(manifest), "rerun snakemake"):
        assert text in str(error.value)


def test_an_untouched_checkpoint_is_not_hashed_again(manifest, hashed, folder):
    assert manifests.verified(manifest) == json.loads(manifest.read_text())
    assert hashed == []


def test_a_replaced_weight_file_is_found_though_it_has_its_old_size_and_time(manifest, folder):
    """With other weights of the same shape, under the modification time of the old ones."""
    weights = folder / "model.safetensors"
    before = weights.stat()
    shutil.copy(SHIPPED / "medium-v2/model.safetensors", weights)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = weights.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    refused(manifest, str(weights), "changed: its sha256 is", "Restore it")
    shutil.copy(SHIPPED / "medium/model.safetensors", weights)
    manifests.verified(manifest)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"]
)
def test_a_flipped_bit_is_found_in_any_file(manifest, folder, name):
    path = folder / name
    content, before = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    time.sleep(0.02)  # a tick of the kernel's clock after the record
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    refused(manifest, str(path), "changed")


def test_touched_and_moved_files_are_hashed_once_and_are_right(manifest, hashed, folder):
    os.utime(folder / "model.safetensors", (1, 1))
    manifests.verified(manifest)
    assert hashed == ["model.safetensors"]
    manifests.verified(manifest)
    assert hashed == ["model.safetensors"]
    # As on another machine: the same bytes in other files, and no record.
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)
    hashed.clear()
    manifests.verified(manifest)
    assert sorted(hashed) == sorted(json.loads(manifest.read_text())["files"])


def test_missing_and_added_files_are_named(manifest, folder):
    (folder / "added.safetensors").write_bytes(b"")
    refused(manifest, str(folder / "added.safetensors"), "added")
    (folder / "added.safetensors").unlink()
    (folder / "README.md").write_text("another card")
    manifests.verified(manifest)
    (folder / "tokenizer.json").rename(folder / "elsewhere.json")
    refused(manifest, str(folder / "tokenizer.json"), "missing")
    shutil.rmtree(folder)
    refused(manifest, str(folder), "missing")


def test_a_job_that_decodes_nothing_needs_no_weights_but_the_right_tokenizer(manifest, folder):
    (folder / "model.safetensors").unlink()
    refused(manifest, "model.safetensors: missing")
    assert manifests.verified(manifest, weights=False)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=r"tokenizer\.json: changed"):
        manifests.verified(manifest, weights=False)


def test_everything_is_hashed_on_request(manifest, hashed, monkeypatch):
    monkeypatch.setenv(manifests.HASH_ALL, "1")
    manifests.verified(manifest)
    assert sorted(hashed) == sorted(json.loads(manifest.read_text())["files"])


def test_a_forged_record_of_other_hashes_is_not_believed(manifest, folder, hashed):
    """The record says that these facts had a hash; of another hash than the manifest's it says nothing."""
    record = manifest.with_suffix(".checked.json")
    content = json.loads(record.read_text())
    content["files"]["config.json"][0] = "0" * 64
    record.write_text(json.dumps(content))
    manifests.verified(manifest)
    assert hashed == ["config.json"]


@pytest.mark.parametrize("content", [None, b"", b'{"files": 1}', b"[]", b'{"files": {"config.json": 7}}'])
def test_without_a_whole_record_files_are_hashed(manifest, hashed, content):
    record = manifest.with_suffix(".checked.json")
    record.unlink() if content is None else record.write_bytes(content)
    manifests.verified(manifest)
    assert "model.safetensors" in hashed
    assert json.loads(record.read_text())["files"].keys() == json.loads(manifest.read_text())["files"].keys()


def test_a_file_that_has_just_changed_is_not_recorded(folder, tmp_path, monkeypatch):
    """It may change once more within the same tick of the clock."""
    monkeypatch.setattr(manifests, "FRESH", 10**12)
    run_model({"path": str(folder)}, tmp_path / "m.json", "m")
    assert json.loads((tmp_path / "m.checked.json").read_text())["files"] == {}


def test_facts_of_one_machine_are_in_no_manifest(manifest, folder, tmp_path):
    again = run_model({"path": str(folder)}, tmp_path / "again.json", "m")
    assert again == json.loads(manifest.read_text())
    assert not {str(fact) for fact in manifests.facts_of(folder, ["config.json"])["config.json"][1:]} & {
        *manifest.read_text().replace(",", " ").split()
    }


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"folder": 1, "files": {}}'])
def test_a_damaged_manifest_is_one_message(tmp_path, content):
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(UserError, match=r"m\.json: .*delete it and rerun snakemake"):
        manifests.verified(tmp_path / "m.json")
