"""What servers list becomes files in the layout that corpora read; a listing that makes no sense is one sentence."""

import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest

from eartune.data.corpora import CORPORA
from eartune.errors import InputError
from eartune.prepare.download import catalogue
from eartune.prepare.download.catalogue import CATALOGUE, GitHubFiles, HubFolder, Part, WebFile, ZenodoRecord, bring
from eartune.prepare.download.http import Progress, RemoteFile

MD5, SHA = 32 * "a", 64 * "b"
ZENODO_FILE = {"key": "a.zip", "size": 5, "checksum": f"md5:{MD5}", "links": {"self": "https://example.org/a/content"}}
HUB_FILE = {"type": "file", "path": "fr-FR/test-0.parquet", "size": 7, "lfs": {"oid": SHA}}
RECORD, HUB = ZenodoRecord(12), HubFolder("us/Spoken", "fr-FR", ("train", "test"))
RECORD_URL = "https://zenodo.org/api/records/12"
HUB_URL = "https://huggingface.co/api/datasets/us/Spoken/tree/main/fr-FR"

Serve = Callable[[str, Any], None]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Puts a text, or what is written as JSON, at an address."""
    pages: dict[str, str] = {}

    def fetch(files: Sequence[RemoteFile], folder: Path, progress: Progress) -> tuple[Path, ...]:
        for file in files:
            (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.name).write_text(pages[file.url], encoding="utf-8")
        return tuple(folder / file.name for file in files)

    monkeypatch.setattr(catalogue, "fetch", fetch)
    return lambda url, page: pages.update({url: page if isinstance(page, str) else json.dumps(page)})


# Listings


def test_a_zenodo_record_gives_all_its_files_or_those_that_are_named(serve: Serve) -> None:
    serve(RECORD_URL, {"id": 12, "files": [ZENODO_FILE, ZENODO_FILE | {"key": "b.txt"}]})
    first, second = RECORD.files()
    assert first == RemoteFile("https://example.org/a/content", "a.zip", 5, f"md5:{MD5}")
    assert ZenodoRecord(12, ("b.txt",)).files() == (second,)
    with pytest.raises(InputError, match=r"records/12: lists no c\.txt; it has a\.zip, b\.txt$"):
        ZenodoRecord(12, ("c.txt",)).files()


def test_a_folder_of_the_hub_gives_the_parquet_files_of_the_splits(serve: Serve) -> None:
    others = [{"path": f"fr-FR/{name}"} for name in ("train_115-0.parquet", "validation-0.parquet", "test-0.txt")]
    folder = {"type": "directory", "path": "fr-FR/test-more.parquet", "size": 0}
    small = {"type": "file", "path": "fr-FR/train-0 1.parquet", "size": 2}
    serve(HUB_URL, [HUB_FILE, *(HUB_FILE | other for other in others), folder, small])
    files = "https://huggingface.co/datasets/us/Spoken/resolve/main/fr-FR"
    assert HUB.files() == (
        RemoteFile(f"{files}/test-0.parquet", "fr-FR/test-0.parquet", 7, f"sha256:{SHA}"),
        RemoteFile(f"{files}/train-0%201.parquet", "fr-FR/train-0 1.parquet", 2, None),
    )


def test_files_of_github_are_pinned_and_put_side_by_side() -> None:
    assert GitHubFiles("us/data", "c0ffee", ("deep/er/a.txt", "b.txt")).files() == (
        RemoteFile("https://raw.githubusercontent.com/us/data/c0ffee/deep/er/a.txt", "a.txt"),
        RemoteFile("https://raw.githubusercontent.com/us/data/c0ffee/b.txt", "b.txt"),
    )


def test_a_file_of_its_own_is_called_as_its_address_ends() -> None:
    assert WebFile("https://example.org/x/a.tar.gz", 3).files() == (
        RemoteFile("https://example.org/x/a.tar.gz", "a.tar.gz", 3),
    )


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        ("not yet", r"\(all: Invalid JSON"),
        ([], r"\(all: Input should be an object\)"),
        ({"message": "gone"}, r"\(files: Field required\)"),
        ({"files": [{"key": "a"}]}, r"\(files\.0\.size: Field required\)"),
        ({"files": [ZENODO_FILE | {"size": "many"}]}, r"\(files\.0\.size: Input should be a valid integer"),
        ({"files": [ZENODO_FILE | {"size": -1}]}, r"\(files\.0\.size: Input should be greater"),
        ({"files": [ZENODO_FILE | {"links": {}}]}, r"\(files\.0\.links\.self: Field required\)"),
    ],
)
def test_a_listing_of_zenodo_that_makes_no_sense_is_named(serve: Serve, listing: Any, said: str) -> None:
    serve(RECORD_URL, listing)
    with pytest.raises(InputError, match=f"^{RECORD_URL}: is not the list of files it should be {said}") as fault:
        RECORD.files()
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("listing", "said"),
    [({"error": "gated"}, r"\(all: Input should be a valid array\)"), ([{"type": "file"}], r"\(0\.path: Field")],
)
def test_a_listing_of_the_hub_that_makes_no_sense_is_named(serve: Serve, listing: Any, said: str) -> None:
    serve(HUB_URL, listing)
    with pytest.raises(InputError, match=f"^{HUB_URL}: is not the list of files it should be {said}"):
        HUB.files()


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


def parts_of(name: str, *splits: str) -> tuple[Part, ...]:
    keys, parts = splits_of(name), CATALOGUE[name].parts
    assert parts is not None
    return parts(next(iter(keys.values())), splits or tuple(keys))


def test_the_catalogue_knows_every_corpus_that_has_a_folder() -> None:
    assert sorted(CATALOGUE) == sorted(name for name, kind in KINDS.items() if "folder" in kind.model_fields)
    assert all(entry.page.startswith("https://") for entry in CATALOGUE.values())


@pytest.mark.parametrize("name", ["slurp", "snips", "speech-massive", "xsid"])
def test_files_come_as_the_corpus_reads_them(serve: Serve, tmp_path: Path, name: str) -> None:
    for dataset, splits in (
        ("Speech-MASSIVE", ["train", "train_115", "validation"]),
        ("Speech-MASSIVE-test", ["test"]),
    ):
        entries = [HUB_FILE | {"path": f"fr-FR/{split}-00000-of-00001.parquet"} for split in splits]
        serve(f"https://huggingface.co/api/datasets/FBK-MT/{dataset}/tree/main/fr-FR", entries)
    entry, keys = CATALOGUE[name], splits_of(name)
    assert not any(entry.is_there(key, tmp_path) for key in keys.values())
    for split, key in keys.items():
        for part in (part for part in parts_of(name, split) if not part.is_sound):
            for file in part.remote.files():
                (tmp_path / part.folder / file.name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / part.folder / file.name).touch()
        assert entry.is_there(key, tmp_path)
    assert len(list(tmp_path.rglob("*.*"))) == {"slurp": 4, "snips": 14, "speech-massive": 4, "xsid": 2}[name]


def test_only_the_sound_of_the_splits_is_asked_for() -> None:
    assert [part.unpacked for part in parts_of("slurp")] == ["", "slurp_real", "slurp_synth"]
    assert [part.unpacked for part in parts_of("slurp", "devel", "test")] == ["", "slurp_real"]
    assert [part.is_sound for part in parts_of("slurp", "train_synthetic")] == [False, True]
    assert [part.remote for part in parts_of("speech-massive", "test")] == [
        HubFolder("FBK-MT/Speech-MASSIVE-test", "fr-FR", ("test",))
    ]


def test_italic_brings_massive_for_its_slots() -> None:
    assert [(part.folder, part.unpacked) for part in parts_of("italic")] == [
        ("massive", "1.1"),
        ("italic", "recordings"),
    ]


@pytest.mark.parametrize("name", ["snips", "xsid", "nlu-eval", "picovoice"])
def test_a_corpus_is_seen_where_it_is(data_root: Path, tmp_path: Path, name: str) -> None:
    for keys in splits_of(name).values():
        assert CATALOGUE[name].is_there(keys, data_root)
        assert not CATALOGUE[name].is_there(keys, tmp_path)


@pytest.mark.parametrize("place", ["fr-FR.jsonl", "data/fr-FR.jsonl", "1.1/data/fr-FR.jsonl"])
def test_massive_is_seen_in_each_of_its_places(tmp_path: Path, place: str) -> None:
    path = tmp_path / "massive" / place
    path.parent.mkdir(parents=True)
    path.touch()
    there = [CATALOGUE["massive"].is_there(keys, tmp_path) for keys in splits_of("massive").values()]
    assert there == [True, True, True]
    assert not CATALOGUE["massive"].is_there({"folder": "massive", "locale": "de-DE"}, tmp_path)


# Archives


@contextmanager
def unwatched(what: str) -> Iterator[Progress]:
    yield lambda done, total: None


def archive(folder: Path, *names: str) -> Part:
    """The part of an archive with these files, which has come."""
    (folder / "made").mkdir(parents=True)
    with tarfile.open(folder / "all.tar", "w") as tar:
        for name in names:
            (folder / "made" / "file").write_text(name)
            tar.add(folder / "made" / "file", name)
    return Part(WebFile("https://example.org/all.tar"), "italic", "recordings")


@pytest.fixture
def came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Part]:
    """An archive that needs not be fetched, in the folder of ITALIC."""
    monkeypatch.setattr(catalogue, "fetch", lambda files, folder, progress: (folder / "all.tar",))

    def come(*names: str) -> Part:
        part = archive(tmp_path / "made", *names)
        (tmp_path / "italic").mkdir(exist_ok=True)
        (tmp_path / "made" / "all.tar").replace(tmp_path / "italic" / "all.tar")
        return part

    return come


def there(tmp_path: Path) -> list[str]:
    folder = tmp_path / "italic"
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".tar"
    )


@pytest.mark.parametrize("top", ["", "ITALIC/", "some/where/deep/"])
def test_the_folder_and_what_lies_beside_it_come_to_their_place(
    tmp_path: Path, came: Callable[..., Part], top: str
) -> None:
    part = came(f"{top}recordings/1.wav", f"{top}train.json", f"{top}more/recordings/2.wav", f"{top}zz.json")
    assert not part.is_unpacked(tmp_path)
    bring([part], tmp_path, unwatched)
    assert part.is_unpacked(tmp_path)
    assert there(tmp_path) == ["more/recordings/2.wav", "recordings/1.wav", "train.json", "zz.json"]
    (tmp_path / "italic" / "all.tar").unlink()
    bring([part], tmp_path, unwatched)  # it needs the archive no more


def test_what_was_there_before_is_left_alone(tmp_path: Path, came: Callable[..., Part]) -> None:
    (tmp_path / "italic" / "recordings").mkdir(parents=True)
    (tmp_path / "italic" / "train.json").write_text("mine")
    bring([came("recordings/1.wav", "train.json", "test.json")], tmp_path, unwatched)
    assert there(tmp_path) == ["recordings/1.wav", "test.json", "train.json"]
    assert (tmp_path / "italic" / "train.json").read_text() == "mine"


def test_an_unpacking_that_is_stopped_goes_on(
    tmp_path: Path, came: Callable[..., Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    part, replace = came("recordings/1.wav", "a.json", "b.json"), Path.replace

    def stop(path: Path, target: Path) -> Path:
        if path.name == "b.json":
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        bring([part], tmp_path, unwatched)
    assert not part.is_unpacked(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(catalogue, "fetch", lambda files, folder, progress: (folder / "all.tar",))
    bring([part], tmp_path, unwatched)
    assert there(tmp_path) == ["a.json", "b.json", "recordings/1.wav"]


def test_an_archive_of_another_layout_is_named_and_nothing_of_it_stays(
    tmp_path: Path, came: Callable[..., Part]
) -> None:
    part = came("sounds/1.wav", "recordings")
    with pytest.raises(InputError, match=r"all\.tar: holds no folder recordings; unpack it by hand"):
        bring([part], tmp_path, unwatched)
    assert there(tmp_path) == []
