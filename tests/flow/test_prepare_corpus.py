"""`prepare CORPUS` end to end: from a folder, or from a server on this machine with small files in true layouts."""

import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from builders import tone
from eartune.cli.app import main
from eartune.data.audio import write_audio
from eartune.data.corpora.snips import INTENTS
from eartune.data.utterance import Utterance, read_manifest
from eartune.prepare.download import catalogue, servers
from eartune.prepare.download.http import RemoteFile
from file_server import FileServer, serving

Run = Callable[..., str]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Takes the place of every server in the catalogue, and nobody waits for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("EARTUNE_DATA", raising=False)
    monkeypatch.setattr("eartune.prepare.download.http.time.sleep", lambda seconds: None)
    with serving() as server:
        for base in ("GITHUB", "ZENODO"):
            monkeypatch.setattr(servers, base, server.url)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        monkeypatch.setattr(catalogue, "MASSIVE", RemoteFile(f"{server.url}/massive-1.1.tar.gz", "massive-1.1.tar.gz"))
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


def sent(server: FileServer) -> list[str]:
    """The names of the files that were asked for; listings are none."""
    return [path.rpartition("/")[2] for path, _ in server.requests if not path.startswith("/api/")]


@pytest.fixture
def run(server: FileServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Prepares what a command line says and returns what it printed; on stderr if it ends with another code."""

    def prepare(line: str, code: int = 0) -> str:
        server.requests.clear()
        monkeypatch.setattr(sys, "argv", ["eartune", "prepare", *line.split(), "--to", "prepared", "--headers-only"])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capfd.readouterr()
        assert (end.value.code or 0) == code and bool(err) == bool(code), err
        return err if code else out

    return prepare


def prepared(split: str) -> tuple[Utterance, ...]:
    return read_manifest(Path("prepared") / f"{split}.jsonl")


def sound(seconds: float, suffix: str = ".wav") -> bytes:
    path = Path(f"sound{suffix}")
    write_audio(path, tone(seconds)[:, 0])
    content = path.read_bytes()
    path.unlink()
    return content


def tarball(files: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return whole.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()


def lines(*rows: Mapping[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


# What is on the server


def serve_snips(server: FileServer) -> None:
    folder = "/sonos/nlu-benchmark/b86ac7f1577868c42158d0dec77db50956046696/2017-06-custom-intent-engines"
    for intent in INTENTS:
        for name, words in (("train_{}_full.json", "please "), ("validate_{}.json", "now ")):
            rows = [{"data": [{"text": words}, {"text": f"Do {intent}", "entity": "what"}]}]
            server.files[f"{folder}/{intent}/{name.format(intent)}"] = json.dumps({intent: rows}).encode()


SLURP = "/pswietojanski/slurp/8eb16545762be97ace75334109d73824217311f1/dataset/slurp"


def serve_slurp(server: FileServer) -> None:
    for number, split in enumerate(("train", "train_synthetic", "devel", "test")):
        tokens = [{"id": 0, "surface": "wake"}, {"id": 1, "surface": split}]
        row: dict[str, Any] = {"slurp_id": number, "scenario": "alarm", "action": "set", "tokens": tokens}
        row |= {"recordings": [{"file": f"{split}.flac", "wer": 0.0}], "entities": [{"type": "date", "span": [1]}]}
        server.files[f"{SLURP}/{split}.jsonl"] = lines(row)
    real = {f"slurp_real/{split}.flac": sound(0.5, ".flac") for split in ("train", "devel", "test")}
    synth = {"slurp_synth/train_synthetic.flac": sound(0.75, ".flac")}
    archives = {"slurp_real.tar.gz": tarball(real), "slurp_synth.tar.gz": tarball(synth)}
    server.zenodo(4274930, archives | {"LICENSE.txt": b"non-commercial"})


def massive_row(number: int, partition: str, **more: Any) -> dict[str, Any]:
    row = {"id": str(number), "partition": partition, "scenario": "alarm", "intent": "alarm_set"}
    return row | {"utt": f"um {number} uhr", "annot_utt": f"um [time : {number} uhr]"} | more


def serve_massive(server: FileServer) -> None:
    files = {"1.1/LICENSE": b"CC BY 4.0"}
    for locale in ("de-DE", "it-IT"):
        rows = [massive_row(n, part, locale=locale) for n, part in enumerate(("train", "dev", "test"), start=1)]
        files[f"1.1/data/{locale}.jsonl"] = lines(*rows)
    server.files["/massive-1.1.tar.gz"] = tarball(files)


def serve_italic(server: FileServer) -> None:
    serve_massive(server)
    files = {f"ITALIC/recordings/{number}.wav": sound(number / 2) for number in (1, 2, 3)}
    for number, split in enumerate(("train", "validation", "test"), start=1):
        row = {"id": number, "utt": f"alle {number}", "intent": "alarm_set", "speaker_id": number}
        files[f"ITALIC/massive_{split}.json"] = lines(row)
    server.zenodo(8040649, {"dataset.zip": zipped(files), "README.md": b"ITALIC"})


def parquet(number: int, split: str) -> bytes:
    whole = io.BytesIO()
    row = massive_row(number, split, locale="fr-FR", scenario_str="alarm", intent_str="alarm_set", speaker_id="s")
    row |= {"path": f"{split}/a.wav", "audio": {"bytes": sound(0.5), "path": None}}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), whole)
    return whole.getvalue()


def serve_speech_massive(server: FileServer) -> None:
    for locale, splits in (("fr-FR", ("train", "train_115", "validation")), ("ko-KR", ("train_115", "validation"))):
        shards = {f"{split}-00000-of-00001.parquet": parquet(n, split) for n, split in enumerate(splits, start=1)}
        server.hub("FBK-MT/Speech-MASSIVE", locale, shards)
        server.hub("FBK-MT/Speech-MASSIVE-test", locale, {"test-00000-of-00001.parquet": parquet(9, "test")})


def serve_ravdess(server: FileServer) -> None:
    names = {f"Actor_{actor}/03-01-06-01-02-01-{actor}.wav": sound(actor / 30) for actor in (16, 20, 24)}
    server.zenodo(1188976, {"Audio_Speech_Actors_01-24.zip": zipped(names), "Video_Song_Actor_01.zip": b"not needed"})


def serve_fleurs(server: FileServer) -> None:
    splits = {"train": 1, "dev": 2, "test": 3}
    for language, words in (("de_de", "Ja."), ("en_us", "Yes.")):
        rows = {split: f"{n}\t{n}.wav\t{words}\t{words}\tj a |\t8000\tMALE\n".encode() for split, n in splits.items()}
        sounds = {split: tarball({f"{split}/{n}.wav": sound(n / 2)}) for split, n in splits.items()}
        server.hub("google/fleurs", f"data/{language}", {f"{split}.tsv": row for split, row in rows.items()})
        archives = {f"{split}.tar.gz": archive for split, archive in sounds.items()}
        server.hub("google/fleurs", f"data/{language}/audio", archives)


def serve_xsid(server: FileServer) -> None:
    row = b"# id = 1\n# text-en = wake me at nine\n# text = weck mich um neun\n# intent = alarm/set_alarm\n"
    for number, word in enumerate(("weck", "mich", "um", "neun"), start=1):
        row += f"{number}\t{word}\talarm/set_alarm\t{'B-datetime' if word == 'neun' else 'O'}\n".encode()
    for split in ("valid", "test"):
        server.files[f"/mainlp/xsid/761d926c3f2e9f6bea13192d2f39cec1d04d9777/data/xSID-0.7/de.{split}.conll"] = row


# Fetched, prepared, and not fetched again


@pytest.mark.parametrize(
    ("name", "serve", "splits", "n_files", "n_recordings"),
    [
        ("snips", serve_snips, {"train": 7, "validation": 7}, 14, 0),
        ("slurp", serve_slurp, {"train": 1, "train_synthetic": 1, "devel": 1, "test": 1}, 6, 4),
        ("xsid --with language=de", serve_xsid, {"valid": 1, "test": 1}, 2, 0),
        ("massive --with locale=de-DE", serve_massive, {"train": 1, "dev": 1, "test": 1}, 1, 0),
        ("italic", serve_italic, {"train": 1, "validation": 1, "test": 1}, 3, 3),
        (
            *("fleurs --with language=de_de --with to=en_us", serve_fleurs),
            *({"train": 1, "dev": 1, "test": 1}, 9, 3),
        ),
        ("ravdess", serve_ravdess, {"train": 1, "dev": 1, "test": 1}, 1, 3),
        (
            *("speech-massive --with locale=fr-FR", serve_speech_massive),
            *({"train": 1, "train_115": 1, "validation": 1, "test": 1}, 4, 4),
        ),
    ],
    ids=["snips", "slurp", "xsid", "massive", "italic", "fleurs", "ravdess", "speech-massive"],
)
def test_a_corpus_is_fetched_once_and_prepared(
    server: FileServer, run: Run, name: str, serve: Callable[[FileServer], None], splits: dict[str, int], n_files: int,
    n_recordings: int,
) -> None:  # fmt: skip
    serve(server)
    shown = run(f"{name} --download")
    assert len(sent(server)) == n_files == len({path for path, _ in server.requests if not path.startswith("/api/")})
    assert len(re.findall("^licence: .*CC", shown, re.MULTILINE)) == 1 and "downloading" in shown
    assert {split: len(prepared(split)) for split in splits} == splits
    assert sum(len(row.recordings) for split in splits for row in prepared(split)) == n_recordings
    assert shown.splitlines()[-1] == "eartune check mine.yaml --data prepared"
    manifests = {path: path.read_bytes() for path in Path("prepared").iterdir()}
    run(f"{name} --download")
    assert sent(server) == []
    run(name)
    assert server.requests == [] and {path: path.read_bytes() for path in Path("prepared").iterdir()} == manifests
    assert list(Path().rglob("*.part")) == list(Path().rglob("*.unpacking")) == []


def test_archives_are_not_needed_once_they_are_unpacked(server: FileServer, run: Run) -> None:
    serve_slurp(server)
    run("slurp --download")
    for archive in Path("data/slurp").glob("*.tar.gz"):
        archive.unlink()
    run("slurp --download")
    assert server.requests == []


def test_only_the_splits_and_the_locale_that_are_asked_for_come(server: FileServer, run: Run) -> None:
    serve_speech_massive(server)
    shown = run("speech-massive --with locale=ko-KR --download")
    assert sent(server) == [f"{split}-00000-of-00001.parquet" for split in ("train_115", "validation", "test")]
    assert "data/speech_massive: holds no ko-KR/train-*.parquet, so split train is left out" in shown.splitlines()
    assert {path.name for path in Path("data/speech_massive").iterdir()} == {"ko-KR", "audio", ".claims"}
    run("speech-massive --with locale=fr-FR --with split=test --download")
    assert [path for path, _ in server.requests if "Speech-MASSIVE/" in path] == []
    assert sorted(path.name for path in Path("prepared").glob("t*.jsonl")) == ["test.jsonl", "train_115.jsonl"]


def test_text_alone_neither_brings_sound_nor_misses_it(server: FileServer, run: Run) -> None:
    serve_slurp(server)
    shown = run("slurp --download --text-only")
    assert sent(server) == ["train.jsonl", "train_synthetic.jsonl", "devel.jsonl", "test.jsonl"]
    assert "does not exist" not in shown and not prepared("test")[0].recordings
    shown = run("slurp --with split=test")
    absent = "data/slurp/slurp_real: does not exist, so there are no recordings; add --download"
    assert [line[: len(absent)] for line in shown.splitlines() if "does not exist" in line] == [absent]
    run("slurp --download --with split=test")
    assert len(prepared("test")[0].recordings) == 1
    run("slurp --with split=test --text-only")
    assert not prepared("test")[0].recordings


def test_a_download_that_breaks_off_goes_on_with_the_same_command(server: FileServer, run: Run) -> None:
    serve_slurp(server)
    place = "/records/4274930/slurp_real.tar.gz"
    server.troubles[place] = ["cut 200"] * 6
    assert "5 tries brought nothing more" in run("slurp --download", code=2)
    assert not Path("data/slurp/slurp_real.tar.gz").exists() and not Path("prepared").exists()
    server.troubles.clear()
    run("slurp --download")
    assert server.ranges(place) == ["bytes=200-"]
    assert sent(server) == ["slurp_real.tar.gz", "slurp_synth.tar.gz"] and len(prepared("devel")[0].recordings) == 1


def test_a_file_of_the_wrong_checksum_never_gets_its_name(server: FileServer, run: Run) -> None:
    serve_italic(server)
    server.files["/records/8040649/dataset.zip"] = server.files["/records/8040649/dataset.zip"][:-1] + b"?"
    assert "dataset.zip: the file that was downloaded has the md5 checksum" in run("italic --download", code=2)
    assert [path.name for path in Path("data/italic").iterdir()] == [".claims"]


def test_an_archive_that_is_damaged_leaves_nothing_half_unpacked(server: FileServer, run: Run) -> None:
    serve_massive(server)
    server.files["/massive-1.1.tar.gz"] = server.files["/massive-1.1.tar.gz"][:-20]
    assert "is damaged or incomplete" in run("massive --with locale=de-DE --download", code=2)
    assert sorted(path.name for path in Path("data/massive").iterdir()) == [".claims", "massive-1.1.tar.gz"]


# What is not there


def test_splits_that_are_not_there_are_left_out_and_said(server: FileServer, run: Run) -> None:
    serve_slurp(server)
    Path("data/slurp").mkdir(parents=True)
    for split in ("devel", "test"):
        Path(f"data/slurp/{split}.jsonl").write_bytes(server.files[f"{SLURP}/{split}.jsonl"])
    shown = run("slurp --text-only").splitlines()
    assert [line for line in shown if "left out" in line] == [
        "data/slurp: holds no train.jsonl, so split train is left out",
        "data/slurp: holds no train_synthetic.jsonl, so split train_synthetic is left out",
    ]
    assert sorted(path.name for path in Path("prepared").glob("*l")) == [
        "devel.jsonl",
        "quarantine.jsonl",
        "test.jsonl",
    ]


def test_a_corpus_without_splits_is_one_split(run: Run) -> None:
    row = {"sentence": "wake me", "scenario": "alarm", "action": "set", "entities": []}
    Path("data/nlu_eval").mkdir(parents=True)
    Path("data/nlu_eval/nlu_eval_annotated.jsonl").write_bytes(lines(row))
    run("nlu-eval")
    assert [row.text for row in prepared("train")] == ["wake me"]


def test_a_file_of_that_name_is_a_file_and_a_folder_is_not(server: FileServer, run: Run) -> None:
    Path("snips").mkdir()
    assert "data/snips_cc0: holds no train*.json" in run("snips", code=2)
    Path("snips").rmdir()
    Path("snips").write_text('{"id": "a", "text": "wake me", "intent": "alarm_set"}\n')
    assert "snips: split all, 1 rows" in run("snips --format jsonl")


HAND = "as docs/corpora.md says"
KEYS = "locale (needed), split, folder"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "snips",
            f"data/snips_cc0: holds no train*.json or valid*.json; add --download, or get it from https://.*{HAND}",
        ),
        ("nlu-eval", f"data/nlu_eval: holds no nlu_eval_annotated.jsonl; get it from https://.*{HAND}"),
        ("fluent --download", f"fluent cannot be downloaded by eartune; get it from https://fluent.*{HAND}"),
        ("massive", f"massive needs --with locale=...; its keys are {KEYS}"),
        ("massive --with local=de-DE", f"--with local=de-DE: massive has no such key; it has {KEYS}"),
        ("massive --with locale", "--with locale: must be KEY=VALUE"),
        ("snips --with split=dev", "--with: snips.split: input should be 'train' or 'validation'"),
        ("slurp --with corpus=snips", "--with corpus=snips: slurp has no such key; it has split, recordings, folder"),
        ("snips --with folder=prepared", "data/prepared: holds no train"),
        ("snips --with folder=../prepared", "data/../prepared: holds the corpus itself; name another folder"),
        ("snips --map text=utt", "--split, --format and --map are for files of your own, not for the corpus snips"),
        (
            "rows.csv --download",
            "--with, --download and --text-only are for one corpus by its name: covost2, crema-d, fleurs, fluent",
        ),
        (
            "snipz",
            "snipz: is neither a file nor a corpus; the corpora are covost2, crema-d, fleurs, fluent, iemocap, italic",
        ),
        ("snips --download", "train_AddToPlaylist_full.json: the server answered 404"),
        ("massive --with locale=de-DE --download", "massive-1.1.tar.gz: the server answered 404"),
        ("italic --download", "/api/records/8040649: the server answered 404"),
        ("speech-massive --with locale=xx-XX --download", "folder xx-XX: the Hugging Face Hub answered 404"),
    ],
)
def test_what_a_user_may_get_wrong_is_one_sentence(run: Run, line: str, said: str) -> None:
    *head, last = said.split(".*")
    shown = run(line, code=2).splitlines()[-1]
    assert all(piece in shown for piece in (*head, last))
    assert not Path("prepared").exists()


def test_recordings_without_words_are_not_text(run: Run) -> None:
    folder = Path("data/picovoice_sti")
    write_audio(folder / "recordings" / "a.wav", tone(0.5)[:, 0])
    (folder / "labels.jsonl").write_bytes(lines({"file": "a.wav", "intent": "orderDrink", "slots": {}}))
    run("picovoice")
    assert len(prepared("test")) == 1
    assert "recordings without a transcript; leave --text-only out" in run("picovoice --text-only", code=2)
