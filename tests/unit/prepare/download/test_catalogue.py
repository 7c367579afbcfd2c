"""Corpora are downloaded as their classes read them; what servers list wrongly is one sentence."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest

from eartune.claims import CLAIMS, Claims
from eartune.data.corpora import CORPORA
from eartune.errors import InputError
from eartune.prepare.download import catalogue, servers
from eartune.prepare.download.catalogue import CATALOGUE, CorpusPart, download_parts
from eartune.prepare.download.http import FractionDone, RemoteFile
from eartune.prepare.download.servers import github_files, hub_files, zenodo_files
from file_server import FileServer, serving

FOLDER = "fr-FR"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Takes the place of Zenodo and of the Hub."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setattr("eartune.prepare.download.http.time.sleep", lambda seconds: None)
    with serving() as server:
        monkeypatch.setattr(servers, "ZENODO", server.url)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


@contextmanager
def unwatched(what: str) -> Iterator[FractionDone]:
    yield lambda share: None


# Servers


def test_a_zenodo_record_gives_all_its_files_or_those_that_are_named(server: FileServer) -> None:
    server.zenodo(12, {"a.zip": b"12345", "b.txt": b""})
    first, second = zenodo_files(12)
    checksum = "md5:827ccb0eea8a706c4c34a16891f84e7b"
    assert first == RemoteFile(f"{server.url}/records/12/a.zip", "a.zip", 5, checksum)
    assert zenodo_files(12, ["b.txt"]) == [second]
    with pytest.raises(InputError, match=r"records/12: lists no c\.txt; it has a\.zip, b\.txt$"):
        zenodo_files(12, ["c.txt"])


@pytest.mark.parametrize(
    "listing", ["not yet", "[]", '{"message": "gone"}', '{"files": [{"key": "a"}]}', '{"files": 1}']
)
def test_a_listing_of_zenodo_that_makes_no_sense_is_one_sentence(server: FileServer, listing: str) -> None:
    server.files["/api/records/12"] = listing.encode()
    with pytest.raises(InputError, match=r"record.* (is not|must be)") as error:
        zenodo_files(12)
    assert "\n" not in str(error.value)


def test_a_folder_of_the_hub_gives_the_files_that_fit_with_checksum_and_token(server: FileServer) -> None:
    names = ("train-0.parquet", "train_115-0.parquet", "test-0 1.parquet", "test-0.txt")
    server.hub("us/Spoken", FOLDER, dict.fromkeys(names, b"12345"))
    train, test = hub_files("us/Spoken", FOLDER, ["train-*.parquet", "test-*.parquet"])
    assert test.url == f"{server.url}/datasets/us/Spoken/resolve/main/fr-FR/test-0%201.parquet"
    assert (train.name, train.n_bytes, train.authorization) == ("fr-FR/train-0.parquet", 5, "Bearer secret")
    assert train.checksum == "sha256:5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"
    listing = f"/api/datasets/us/Spoken/tree/main/{FOLDER}"
    assert [h["Authorization"] for path, h in server.requests if path == listing] == ["Bearer secret"]


TERMS = "; accept the terms on https://huggingface.co/datasets/us/Spoken and set HF_TOKEN to a token of your account"


@pytest.mark.parametrize(("status", "hint"), [(401, TERMS), (403, TERMS), (404, "")])
def test_a_gated_or_missing_folder_of_the_hub_is_one_sentence(server: FileServer, status: int, hint: str) -> None:
    server.hub("us/Spoken", FOLDER, {"train-0.parquet": b""})
    server.troubles[f"/api/datasets/us/Spoken/tree/main/{FOLDER}"] = [status]
    with pytest.raises(InputError) as error:
        hub_files("us/Spoken", FOLDER, ["train-*"])
    assert str(error.value) == f"us/Spoken, folder fr-FR: the Hugging Face Hub answered {status}{hint}"


def test_a_gated_file_of_the_hub_says_what_to_do(server: FileServer, tmp_path: Path) -> None:
    server.hub("us/Spoken", FOLDER, {"train-0.parquet": b"x"})
    server.troubles["/datasets/us/Spoken/resolve/main/fr-FR/train-0.parquet"] = [403]
    part = CorpusPart(lambda: hub_files("us/Spoken", FOLDER, ["train-*"]), "spoken")
    with pytest.raises(
        InputError, match=r"answered 403 \(Forbidden\); accept the terms on .*us/Spoken and set HF_TOKEN"
    ):
        download_parts([part], tmp_path, unwatched)


def test_without_the_hub_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"^us/Spoken, folder fr-FR: the Hugging Face Hub: .*offline"):
        hub_files("us/Spoken", FOLDER, ["train-*"])


def test_files_of_github_are_pinned_and_put_side_by_side() -> None:
    assert github_files("us/data", "c0ffee", ["deep/er/a 1.txt", "b.txt"]) == [
        RemoteFile("https://raw.githubusercontent.com/us/data/c0ffee/deep/er/a%201.txt", "a 1.txt"),
        RemoteFile("https://raw.githubusercontent.com/us/data/c0ffee/b.txt", "b.txt"),
    ]


# Downloads


def test_two_processes_do_not_download_at_once(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.txt"] = b"x"
    part = CorpusPart(lambda: [RemoteFile(f"{server.url}/a.txt", "a.txt")], "corpus")
    (tmp_path / "corpus").mkdir()
    thread = threading.Thread(target=download_parts, args=([part], tmp_path, unwatched))
    with Claims(tmp_path / "corpus" / CLAIMS).hold("download"):
        thread.start()
        thread.join(0.2)
        assert thread.is_alive() and server.requests == []
    thread.join()
    assert (tmp_path / "corpus" / "a.txt").exists()


def test_room_for_everything_is_looked_for_before_anything_comes(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed: list[int] = []
    monkeypatch.setattr(catalogue, "check_space", lambda folder, n_bytes: needed.append(n_bytes))
    files = [RemoteFile("http://127.0.0.1:1/a.zip", "a.zip", 1000), RemoteFile("http://127.0.0.1:1/b", "b", 10)]
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.zip.part").write_bytes(bytes(400))
    with pytest.raises(InputError):
        download_parts([CorpusPart(lambda: files, "corpus", "inner")], tmp_path, unwatched)
    assert needed == [600 + 1000 + 10]  # the rest of the archive, what it unpacks to, and the other file


def test_a_folder_that_cannot_be_made_is_named(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "corpus").touch()
    with pytest.raises(InputError, match=r"corpus: cannot be created \(File exists\)"):
        download_parts([CorpusPart(lambda: [], "corpus")], tmp_path, unwatched)


# Entries


SETTINGS: dict[str, dict[str, str]] = {
    "massive": {"locale": "fr-FR"},
    "speech-massive": {"locale": "fr-FR"},
    "xsid": {"language": "de"},
}
KINDS = {get_args(kind.model_fields["corpus"].annotation)[0]: kind for kind in CORPORA}


def splits_of(name: str) -> dict[str, dict[str, Any]]:
    """The settings of a corpus, for each of its splits."""
    field = KINDS[name].model_fields.get("split")
    splits = get_args(field.annotation) if field else ()
    settings = {"corpus": name} | SETTINGS.get(name, {})
    return {
        split: KINDS[name].model_validate(settings | ({"split": split} if field else {})).model_dump()
        for split in splits or ("train",)
    }


def parts_of(name: str, *splits: str) -> tuple[CorpusPart, ...]:
    keys, parts = splits_of(name), CATALOGUE[name].parts
    assert parts is not None
    return parts(next(iter(keys.values())), splits or tuple(keys))


def test_the_catalogue_knows_every_corpus_that_has_a_folder() -> None:
    assert sorted(CATALOGUE) == sorted(name for name, kind in KINDS.items() if "folder" in kind.model_fields)
    assert all(entry.page.startswith("https://") for entry in CATALOGUE.values())


def test_only_the_sound_of_the_splits_is_asked_for() -> None:
    assert [part.unpacked for part in parts_of("slurp")] == ["", "slurp_real", "slurp_synth"]
    assert [part.unpacked for part in parts_of("slurp", "devel", "test")] == ["", "slurp_real"]
    assert [part.is_audio for part in parts_of("slurp", "train_synthetic")] == [False, True]


def test_italic_brings_massive_for_its_slots() -> None:
    assert [(part.folder, part.unpacked) for part in parts_of("italic")] == [
        ("massive", "1.1"),
        ("italic", "recordings"),
    ]


@pytest.mark.parametrize("name", ["snips", "xsid", "nlu-eval", "picovoice"])
def test_a_corpus_is_seen_where_it_is(data_root: Path, tmp_path: Path, name: str) -> None:
    for keys in splits_of(name).values():
        assert CATALOGUE[name].is_present(keys, data_root)
        assert not CATALOGUE[name].is_present(keys, tmp_path)


@pytest.mark.parametrize("place", ["fr-FR.jsonl", "data/fr-FR.jsonl", "1.1/data/fr-FR.jsonl"])
def test_massive_is_seen_in_each_of_its_places(tmp_path: Path, place: str) -> None:
    path = tmp_path / "massive" / place
    path.parent.mkdir(parents=True)
    path.touch()
    there = [CATALOGUE["massive"].is_present(keys, tmp_path) for keys in splits_of("massive").values()]
    assert there == [True, True, True]
    assert not CATALOGUE["massive"].is_present({"folder": "massive", "locale": "de-DE"}, tmp_path)
