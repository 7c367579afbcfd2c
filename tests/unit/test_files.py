"""Files are read with the place of every fault, and written whole or not at all."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import left_half_written
from eartune.errors import InputError
from eartune.files import (
    RepeatedKeyError,
    YamlLoader,
    atomic,
    disk_fault,
    link_or_copy,
    object_of_pairs,
    read_json,
    read_lines,
    remove_leftovers,
    write_json,
    write_lines,
    write_text,
)


def test_rows_come_with_their_place_and_blank_lines_count_but_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":1}\n\n  \n{"a":2}\r\n{"a":3}')  # Windows' line ends, no newline at the end
    assert list(read_lines(path)) == [
        (f"{path}, row 1", {"a": 1}),
        (f"{path}, row 4", {"a": 2}),
        (f"{path}, row 5", {"a": 3}),
    ]


@pytest.mark.parametrize("read", [lambda path: [row for _, row in read_lines(path)], lambda path: [read_json(path)]])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, read: Callable[[Path], list[Any]]) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"\xef\xbb\xbf" + b'{"a":1}\n')
    assert read(tmp_path / "rows.jsonl") == [{"a": 1}]


def test_a_key_that_stands_twice_is_read_by_nobody_and_all_its_values_are_there() -> None:
    found = object_of_pairs([("a", 1), ("b", 2), ("a", 3)])
    assert list(found.items()) == [("a", 1), ("b", 2), ("a", 3)] and found["b"] == found.get("b") == 2
    assert found.get("c") is None and json.loads(json.dumps(found), object_pairs_hook=list) == list(found.items())
    for read in (found.__getitem__, found.get):
        with pytest.raises(RepeatedKeyError, match=r"^has the key 'a' twice; write it once$"):
            read("a")
    assert type(object_of_pairs([("a", 1), ("b", 2)])) is dict


def test_rows_are_split_at_newlines_only(tmp_path: Path) -> None:
    """str.splitlines would cut a row at U+2028, which JSON may hold unescaped."""
    rows = [{"text": "one\u2028row\u0085still\nthe same"}]
    write_lines(tmp_path / "rows.jsonl", rows)
    assert [row for _, row in read_lines(tmp_path / "rows.jsonl")] == rows


def test_text_is_written_as_it_reads(tmp_path: Path) -> None:
    write_lines(tmp_path / "rows.jsonl", [{"text": "Köln 東京"}])
    assert (tmp_path / "rows.jsonl").read_text(encoding="utf-8") == '{"text":"Köln 東京"}\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a":1}\n{"a":', "row 2: is not JSON (Expecting value"),
        (b'{"a":1}\n[1]', "row 2: must be a JSON object, {...}, not list"),
        (b'{"a":1}\nnull', "row 2: must be a JSON object, {...}, not NoneType"),
        (b'{"a":' + b"9" * 5000 + b"}", "row 1: is not JSON"),
        (b"[" * 100_000, "row 1: is not JSON"),
        (b'{"a":"\xff"}', "is not UTF-8 (byte 6) but looks like text of an older encoding, such as Windows-1252"),
        ('{"a":1}'.encode("utf-16"), "is not UTF-8 but looks like UTF-16; save it as UTF-8"),
        (b'{"a":1}\n{"b":[{"a":1,"b":2,"a":1}]}', "row 2: has the key 'a' twice; write it once"),
    ],
    ids=["cut", "list", "null", "huge integer", "deep", "latin-1", "utf-16", "a key twice"],
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError) as fault:
        list(read_lines(path))
    assert str(fault.value).startswith(str(path)) and said in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{", "is not JSON"), (b"[]", "must be a JSON object"), (b'{"a":"\xff"}', "is not UTF-8")],
    ids=["cut", "list", "latin-1"],
)
def test_a_json_file_that_does_not_fit_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as fault:
        read_json(path)
    assert str(fault.value).startswith(f"{path}: ") and said in str(fault.value)


def test_a_key_may_stand_once_in_each_mapping_of_yaml_and_change_what_is_merged_in() -> None:
    merged = "one: &one {rate: 1, size: 2}\ntwo: &two {<<: *one, rate: 3}\nthree: {<<: *two, size: 4}\nfour: {<<: *two}"
    loaded = yaml.load(merged, YamlLoader)
    assert (loaded["three"], loaded["four"]) == ({"rate": 3, "size": 4}, {"rate": 3, "size": 2})
    with pytest.raises(yaml.YAMLError, match="the key 'a' stands twice"):
        yaml.load("one: {two: [{a: 1, b: 2, a: 1}]}", YamlLoader)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (read_json, lambda path: list(read_lines(path))):
        with pytest.raises(InputError, match=r"nothing\.json: no such file"):
            read(tmp_path / "nothing.json")


def _breaks_off() -> Iterator[dict[str, Any]]:
    yield {"a": 1}
    raise RuntimeError("the power is gone")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_lines(path, _breaks_off()),
        lambda path: write_json(path, {"a": object()}),
        lambda path: write_text(path, "half of it \ud800"),  # half a surrogate pair, which UTF-8 cannot hold
    ],
    ids=["rows break off", "no JSON", "no UTF-8"],
)
def test_a_writer_that_fails_leaves_the_file_as_it_was(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("before")
    with pytest.raises((RuntimeError, TypeError, UnicodeEncodeError)):
        write(path)
    assert path.read_text() == "before"
    with pytest.raises((RuntimeError, TypeError, UnicodeEncodeError)):
        write(tmp_path / "new.jsonl")
    assert not (tmp_path / "new.jsonl").exists()


def test_a_write_leaves_no_other_file_and_makes_its_folder(tmp_path: Path) -> None:
    write_json(tmp_path / "runs" / "result.json", {"n": 1})
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["result.json"]
    assert read_json(tmp_path / "runs" / "result.json") == {"n": 1}


def test_a_path_is_untouched_until_its_block_ends_and_stays_so_if_that_raises(tmp_path: Path) -> None:
    path = tmp_path / "new" / "weights.safetensors"
    with atomic(path) as half_written:
        half_written.write_text("whole")
        assert half_written.parent == path.parent and half_written.suffix == path.suffix and not path.exists()
    with pytest.raises(KeyboardInterrupt), atomic(path) as half_written:
        half_written.write_text("half")
        raise KeyboardInterrupt
    assert [found.name for found in path.parent.iterdir()] == [path.name] and path.read_text() == "whole"


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def write(text: str) -> None:
        with atomic(tmp_path / "model") as half_written:
            half_written.mkdir()
            (half_written / "config.json").write_text(text)

    write("first")
    with pytest.raises(OSError):
        write("second, where a folder stands already")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "config.json").read_text() == "first"


def test_two_writers_of_one_path_do_not_share_a_temporary_name(tmp_path: Path) -> None:
    with atomic(tmp_path / "1.flac") as first, atomic(tmp_path / "1.flac") as second:
        first.write_text("first")
        second.write_text("second")
    assert first != second and str(os.getpid()) in first.name
    assert (tmp_path / "1.flac").read_text() == "first"  # whose block ended last
    assert [path.name for path in tmp_path.iterdir()] == ["1.flac"]


def test_what_killed_processes_left_is_removed_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    ended = left_half_written(tmp_path / "1.flac").name
    with atomic(tmp_path / "1.flac") as being_written:
        being_written.touch()
        elsewhere = being_written.name.replace(f"-{os.getpid()}-", "x-7-")  # on another machine
        left = [tmp_path / name for name in (ended, f"{elsewhere}.old", f"{elsewhere}.new")]
        for path in (*left, tmp_path / "2.flac", tmp_path / ".hidden.flac"):
            path.touch()
        for path in (left[1], tmp_path / "2.flac"):
            os.utime(path, (0, 0))
        remove_leftovers(tmp_path)
        kept = {being_written.name, f"{elsewhere}.new", "1.flac", "2.flac", ".hidden.flac"}
        assert {path.name for path in tmp_path.iterdir()} == kept


def test_a_folder_that_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = left_half_written(tmp_path / "model")
    (left / "inside").mkdir(parents=True)
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "w.pt"), "runs: the disk is full"),
        (RuntimeError("[enforce fail] . PytorchStreamWriter failed writing file data/3"), "runs: the disk is full"),
        (OSError(errno.EROFS, "Read-only file system", "runs/a.json"), "runs/a.json: may not be written or read"),
        (OSError(errno.ESTALE, "Stale file handle", "x.wav"), "x.wav: the disk or the network file system fails"),
        (RuntimeError("out of memory"), None),
        (FileNotFoundError(errno.ENOENT, "No such file", "x.wav"), None),
    ],
)
def test_a_fault_of_a_disk_is_known_by_its_number_or_its_text(error: Exception, sentence: str | None) -> None:
    found = disk_fault(error, Path("runs"))
    assert found is None if sentence is None else str(found).startswith(sentence)


def test_a_file_is_copied_where_the_file_system_has_no_second_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("weights")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").samefile(tmp_path / "a")

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "c").read_text() == "weights" and not (tmp_path / "c").samefile(tmp_path / "a")
