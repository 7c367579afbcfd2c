"""A quote of CSV holds a cell together and swallows no other rows; in TSV it is a letter."""

import csv
import io
import time
from pathlib import Path

import pytest

from eartune.prepare.importers.csv_rows import read_header, read_rows, split_lines
from eartune.prepare.importers.row import Row


def read(content: str) -> list[Row]:
    lines = split_lines(content)
    return read_rows(lines, *read_header(lines, Path("rows")), Path("rows"))


def texts(rows: list[Row]) -> list[str]:
    """The texts of rows without faults."""
    assert [row.fault for row in rows if row.fault] == []
    return [row.content["text"] for row in rows]


SENTENCES = [
    *('"Hey Jude" by the Beatles', 'play "Hey Jude" now', '"Hey Jude by the Beatles', "wake me at six"),
    *('"wake me" at nine', 'play Purple Rain"', '"Hey Jude"', '6" long'),
]


def test_in_a_tsv_a_quote_is_a_letter() -> None:
    """A lone quote glued six rows to three, with the labels of later rows, and nothing was set aside."""
    rows = read("id\ttext\tintent\n" + "".join(f"a{n}\t{text}\tplay\n" for n, text in enumerate(SENTENCES)))
    assert texts(rows) == SENTENCES
    assert [row.place for row in rows] == [f"rows, row {n}" for n in range(2, 2 + len(SENTENCES))]


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_a_header_among_the_rows_is_none_of_them(delimiter: str) -> None:
    """`cat a.csv b.csv` gave an utterance of the words "text" with the intent "intent"."""
    rows = read("id,text,intent\na1,go,drive\nid,text,intent\nb1,text,intent\n".replace(",", delimiter))
    assert [row.fault for row in rows] == ["", "is the header once more, as where files are joined; leave it out", ""]


@pytest.mark.parametrize(
    ("header", "delimiter", "names"),
    [
        ('"id";"text (a, b, c, d)";"intent"', ";", ["id", "text (a, b, c, d)", "intent"]),
        ('id,"text; as | heard; by; us",intent', ",", ["id", "text; as | heard; by; us", "intent"]),
        ('id,"text\n (words)\n",intent', ",", ["id", "text (words)", "intent"]),
        ('id;"text,\r\nas heard";intent', ";", ["id", "text, as heard", "intent"]),
    ],
)
def test_a_quoted_header_is_read_as_it_is_meant(header: str, delimiter: str, names: list[str]) -> None:
    """It was divided at commas in quotes, and at the end of its first line."""
    lines = split_lines(f"{header}\na1{delimiter}go{delimiter}drive\n")
    assert read_header(lines, Path("rows")) == (delimiter, names)
    (row,) = read_rows(lines, delimiter, names, Path("rows"))
    assert (row.place, row.content) == ("rows, row 2", dict(zip(names, ["a1", "go", "drive"], strict=True)))


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_long_cell_is_a_cell(quote: str) -> None:
    assert texts(read(f"id,text,intent\na1,{quote}{'so ' * 100_000}go{quote},drive\n")) == ["so " * 100_000 + "go"]


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "SEP=\t\n", ""])
def test_a_line_for_excel_names_no_columns(first: str) -> None:
    (row,) = read(f"{first}text;intent\nstop, now;halt\n")
    assert row == Row("rows, row 2", {"text": "stop, now", "intent": "halt"})


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL], ids=["minimal", "all"])
@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|"])
def test_what_pandas_writes_is_read_back(delimiter: str, quoting: int) -> None:
    sentences = ["wake me", 'play "Hey Jude" now', '"Hey', '{"a": "b"}', "well, ok; now | then"]
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([["id", "text", "intent"], *(["1", sentence, "x"] for sentence in sentences)])
    assert texts(read(written.getvalue())) == sentences


@pytest.mark.parametrize("head", ["id,text,intent", "text,intent", "text,intent,note"])
def test_a_lone_quote_in_a_csv_swallows_no_rows(head: str) -> None:
    sentences = ["play jazz", '"Hey Jude', "wake me", "set an alarm", "lights off", 'Purple Rain"', "stop", '"open']
    values = {"id": "a", "intent": "play", "note": "x"}
    body = "".join(",".join((values | {"text": text})[name] for name in head.split(",")) + "\n" for text in sentences)
    rows = read(f"{head}\n{body}")
    assert [row.place for row in rows] == [f"rows, row {n}" for n in range(2, 2 + len(sentences))]
    assert [row.fault.partition(" (")[0] for row in rows if row.fault] == [
        "has a quote that is left open",
        "is not a row of CSV",
    ]
    assert [row.content["text"] for row in rows if not row.fault] == [
        text for text in sentences if not text.startswith('"')
    ]
    assert [row.content for row in rows if row.fault] == [
        line for line in split_lines(body) if '"Hey' in line or '"open' in line
    ]


@pytest.mark.parametrize(
    "text",
    ["Dear Bob,\nplay jazz", "one\ntwo\nthree", "well, ok\nfine, then\ngo", 'a "b",\nc', "x\n\ny", "line one\n"],
)
@pytest.mark.parametrize("head", ["text,intent", "id,text,intent", "id,intent,text"])
def test_a_cell_of_several_lines_is_one_cell(text: str, head: str) -> None:
    written = io.StringIO()
    values = {"id": "a1", "intent": "play", "text": text}
    rows = [[(values | {"text": each})[name] for name in head.split(",")] for each in (text, "stop")]
    csv.writer(written).writerows([head.split(","), *rows])
    assert texts(read(written.getvalue())) == [text.strip(), "stop"]


def test_quotes_after_a_backslash_are_read() -> None:
    r"""`"play \"Hey Jude\" now"` was kept as `play \Hey Jude\" now"`."""
    rows = [r'b1,"play \"Hey Jude\" now",play', r'b2,"say \"hi, there\" to Bob",say', "b3,lights off,light"]
    rows += [r'b4,"\"hi\", he said",say', r'b5,"go to C:\new",go', r'b6,"a backslash \\",say']
    assert texts(read("id,text,intent\n" + "\n".join(rows) + "\n")) == [
        *('play "Hey Jude" now', 'say "hi, there" to Bob', "lights off", '"hi", he said', r"go to C:\new"),
        "a backslash \\\\",
    ]


def test_a_backslash_before_a_closing_quote_stays_where_quotes_are_doubled() -> None:
    assert texts(read('text,intent\n"C:\\",a\n"say ""hi""",b\n"{""a"": ""\\""b\\""""}",c\n')) == [
        *("C:\\", 'say "hi"', '{"a": "\\"b\\""}'),
    ]


def test_text_behind_a_closing_quote_is_named() -> None:
    (row, other) = read('id,text,intent\na1,"Hey Jude" by the Beatles,play\na2,stop,play\n')
    assert row.fault.startswith("is not a row of CSV (") and row.content == 'a1,"Hey Jude" by the Beatles,play\n'
    assert other.content["text"] == "stop"


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_many_lone_quotes_take_no_longer(delimiter: str) -> None:
    line = delimiter.join(["a", '"Hey Jude', "play"]) + "\n"
    started = time.process_time()
    rows = read(delimiter.join(["id", "text", "intent"]) + "\n" + line * 20_000)
    assert len(rows) == 20_000 and time.process_time() - started < 5
