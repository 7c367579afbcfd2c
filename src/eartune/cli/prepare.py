"""`eartune prepare`: make manifests of your own files or of a public corpus, with faulty rows set aside."""

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from eartune.cli.console import console as terminal
from eartune.cli.options import DataRoot, data_root
from eartune.cli.prepare_corpus import NamedCorpus, download, named_corpus, read_corpus
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.experiments.progress import RunProgress
from eartune.files import write_text
from eartune.prepare.contents import UNKNOWN, Contents, contents_of, pool
from eartune.prepare.download.catalogue import CATALOGUE
from eartune.prepare.experiment_file import EXPERIMENT, experiment_text
from eartune.prepare.hold_out import TRAIN, HoldOut, check_one_split, parse_hold_out
from eartune.prepare.importers.detect_format import FileFormat, read_utterances
from eartune.prepare.importers.folders import inputs_in, passed_over
from eartune.prepare.importers.hub import save_from_hub
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.messages import write_messages
from eartune.prepare.long_recordings import cut_long_recordings
from eartune.prepare.prepare import PROFILE, QUARANTINE, RECORDINGS, Prepared, count_faults, prepare
from eartune.prepare.profile import terminal_profile
from eartune.prepare.starting_model import starting_model

NO_TEXT = "  # no split has text in every row"
NO_SPEECH = "  # no split has recordings to train on"
NO_TEST = (
    "needed: a test with recordings that are not trained on; add --hold-out 20%, or name its file: --split test=FILE"
)
NO_TRAINING = "needed: rows to train on; name their file with --split train=FILE"


def prepare_files(
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where manifests and profile are written.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE|CORPUS", help="Files of rows, or folders, train or test by name. Or a corpus."),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(metavar="NAME=FILE", help="A file whose split you name.")] = None,
    format: Annotated[FileFormat | None, typer.Option(help="The files' format, if it is not recognised.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OURS=THEIRS", help="Which column is which, as in text=utt; entities= for none."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Write nothing if any row is faulty.")] = False,
    headers_only: Annotated[
        bool, typer.Option("--headers-only", help="Do not check samples for silence, clipping, damage; fast.")
    ] = False,
    messages: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write chats for other fine-tuning tools.")
    ] = None,
    hub: Annotated[
        str | None, typer.Option("--hub", metavar="NAME", help="In place of files: a dataset of the Hugging Face hub.")
    ] = None,
    data: DataRoot = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="KEY=VALUE", help="A corpus: a setting, as in locale=de-DE; or --hub: name=en-US."
        ),
    ] = None,
    is_download: Annotated[bool, typer.Option("--download", help="A corpus: download what is missing.")] = False,
    text_only: Annotated[
        bool,
        typer.Option("--text-only", help="A corpus: its text alone, without recordings."),
    ] = False,
    hold_out: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Rows without a test: make one of 20%, say, by speakers if there are any."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The seed of what --hold-out chooses.")] = 0,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Rows need no intent; a folder of bare recordings is read.")
    ] = False,
    cut_long: Annotated[
        bool,
        typer.Option("--cut-long", help="With --unlabelled: cut recordings of more than 30 s at their pauses."),
    ] = False,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the recordings into FOLDER, which can then be moved by itself.")
    ] = False,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="The language of rows that name none, such as en or de-DE.")
    ] = None,
) -> None:
    """Make manifests of your own files: faulty rows are set aside with reasons, and a profile describes the rest.

    It writes an experiment about them, too, if there is a test and no --unlabelled. The exit code is 2 where no row is
    left.

    Example: eartune prepare train.csv test.csv --to prepared --map text=sentence

    Example: eartune prepare calls.csv --to data/calls --hold-out 20%

    Example: eartune prepare calls --unlabelled --to data/calls-without-labels

    Instead of files you can name a public corpus, which is read from the data root; --download downloads it first.

    Example: eartune prepare massive --with locale=de-DE --download --to prepared

    Example: eartune prepare --hub PolyAI/minds14 --with name=en-US --map intent=intent_class --to prepared
    """
    console, labelled = terminal(), not unlabelled
    if cut_long and labelled:
        raise InputError("--cut-long needs --unlabelled: a row's words and label would be wrong for pieces of it")
    how = None if hold_out is None else parse_hold_out(hold_out, seed)
    root, named = data_root(data), _values("--with", "KEY=VALUE", settings)
    mapped = _values("--map", "OURS=THEIRS", columns, may_be_blank=True)
    if hub is not None:
        if files or split or format or is_download or text_only:
            raise InputError(f"--hub {hub}: is in place of files and of corpora; leave out what is for these")
        with TemporaryDirectory(prefix="eartune-hub-") as downloaded:
            save_from_hub(hub, named, folder := Path(downloaded) / hub)
            splits = _read_files(inputs_in(folder, labelled), to, messages, how, None, mapped, labelled, console)
    elif corpus := _corpus(files or [], named, root, is_download, text_only):
        if split or format or columns:
            raise InputError(f"--split, --format and --map are for files of your own, not for the corpus {corpus.name}")
        _check_outside(corpus.folder, _outputs(_names(list(corpus.splits), how), to, messages))
        splits = _read_corpus(corpus, is_download, how, console)
    else:
        named_files = _pairs("--split", "NAME=FILE", split)
        inputs = _inputs(files or [], named_files, labelled)
        splits = _read_files(inputs, to, messages, how, format, mapped, labelled, console)
        for folder in filter(Path.is_dir, (*(files or []), *(Path(file) for _, file in named_files))):
            _print(console, *passed_over(folder, splits.values(), to / RECORDINGS))
    splits = {split: _in_language(imported, language) for split, imported in splits.items()}
    if cut_long:
        splits, said = cut_long_recordings(splits)
        _print(console, *said)
    prepared = _prepare(splits, to, strict, not headers_only, console, how, copy)
    console.print(terminal_profile(prepared.profile))
    _print(console, *prepared.notes, *_outcome(prepared, to))
    if messages:
        _print(console, _write_messages(messages, prepared.splits))
    if not any(prepared.splits.values()):
        raise InputError(f"nothing is left to train on or to test; {to / QUARANTINE} gives the reasons")
    following = write_experiment if labelled else use_of_unlabelled
    _print(console, "", *following(prepared.splits, to))


def use_of_unlabelled(splits: Mapping[str, Sequence[Utterance]], to: Path) -> list[str]:
    """Return what manifests without labels are for: `eartune tune`, or an experiment of the user's own."""
    names = [split for split, rows in splits.items() if rows]
    return [
        f"Next: eartune tune FOLDER --unlabelled {_quoted(to)}, where FOLDER holds your labelled rows; or, in an "
        f"experiment of your own, with --data {_quoted(to)}:",
        f"unlabelled: {pool(names)}",
    ]


def write_experiment(splits: Mapping[str, Sequence[Utterance]], to: Path) -> list[str]:
    """Write an experiment about the manifests of a folder, if they permit one; return what the user can do now.

    One that is there already is kept, as the user may have changed it. The last line is a command to copy.
    """
    contents, path = contents_of(splits), to / EXPERIMENT
    written = experiment_text(contents, to, starting_model())
    if written is None:
        return [
            *contents.not_used,
            "No experiment is written, as something is missing from its data:",
            *data_section(contents),
            _needed(contents),
        ]
    if path.exists() and path.read_text(encoding="utf-8") != written:
        said = f"{path} is there already and stays as it is; delete it to have a new one"
    else:
        write_text(path, written)
        said = f"An experiment about them is in {path}, with comments; change what you like."
    return [
        *contents.not_used,
        said,
        "Next, to see what it would do, and then with run in place of check:",
        f"eartune check {_quoted(path)}",
    ]


def data_section(contents: Contents) -> list[str]:
    """Return the lines of an experiment's `data` for these manifests, with a comment where something is missing."""
    pools = (("text", contents.text, NO_TEXT), ("speech", contents.speech, NO_SPEECH), ("test", contents.test, ""))
    return ["data:", *(f"  {key}: {pool(names)}{'' if names else comment}" for key, names, comment in pools)]


def _needed(contents: Contents) -> str:
    """What would be right where an experiment cannot be written."""
    if contents.test:
        return NO_TRAINING
    if not contents.lacks_voices:
        return NO_TEST
    if contents.language == UNKNOWN:
        return "needed: recordings of the test, or the language in which voices are to speak it, as in --language en"
    return (
        f"needed: recordings of the test, or voices for the language {contents.language!r}, and none is installed; "
        "pip install 'eartune[pocket]' brings those of a hundred languages, which are named as en or de-DE"
    )


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _names(splits: Sequence[str], how: HoldOut | None) -> Sequence[str]:
    """The splits that will be written; raises InputError if a test is to be held out of what is split already."""
    if how is None:
        return splits
    check_one_split(splits)
    return TRAIN, how.name


def _in_language(imported: Imported, language: str | None) -> Imported:
    """The rows, of which those that name no language are of this one."""
    if language is None:
        return imported
    rows = (replace(row, language=language) if row.language == UNKNOWN else row for row in imported.utterances)
    return replace(imported, utterances=tuple(rows))


def _corpus(
    files: Sequence[Path], settings: Mapping[str, str], data: Path, is_download: bool, text_only: bool
) -> NamedCorpus | None:
    """The corpus that the arguments name; None if they name files."""
    if len(files) == 1 and str(files[0]) in CATALOGUE and not files[0].is_file():
        return named_corpus(str(files[0]), settings, data, text_only)
    known = ", ".join(CATALOGUE)
    if settings or is_download or text_only:
        raise InputError(f"--with, --download and --text-only are for one corpus by its name: {known}")
    if len(files) == 1 and not files[0].suffix and not files[0].exists():
        raise InputError(f"{files[0]}: is neither a file nor a corpus; the corpora are {known}")
    return None


def _read_corpus(corpus: NamedCorpus, is_download: bool, how: HoldOut | None, console: Console) -> dict[str, Imported]:
    """Read a public corpus, downloaded first if that is asked for; all of it is train if a test is to be held out."""
    if is_download:
        download(corpus, console, partial(_print, console))
    found = read_corpus(corpus, partial(_print, console))
    return {TRAIN if how else name: imported for name, imported in found.items()}


def _inputs(files: Sequence[Path], named: Iterable[tuple[str, str]], labelled: bool) -> list[tuple[str, Path]]:
    """The files to read, each with its split; a folder stands for the files in it."""
    found = [one for file in files for one in inputs_in(file, labelled)]
    return found + [(name, inside) for name, file in named for _, inside in inputs_in(Path(file), labelled)]


def _check_outside(corpus: Path, outputs: Iterable[Path]) -> None:
    """Raise InputError if an output would be written among the files of a corpus, some of which have such names."""
    if any(path.is_relative_to(corpus.resolve()) for path in outputs):
        raise InputError(f"{corpus}: holds the corpus itself; name another folder to write to")


def _pairs(option: str, form: str, values: Iterable[str] | None, may_be_blank: bool = False) -> list[tuple[str, str]]:
    parts = [value.partition("=") for value in values or []]
    for left, equals, right in parts:
        if not (left and equals and (right or may_be_blank)):
            raise InputError(f"{option} {left}{equals}{right}: must be {form}")
    return [(left, right) for left, _, right in parts]


def _values(option: str, form: str, values: Iterable[str] | None, may_be_blank: bool = False) -> dict[str, str]:
    """The value of each key; raises InputError for a key that is given twice, as one of its values would be lost."""
    found: dict[str, str] = {}
    for key, value in _pairs(option, form, values, may_be_blank):
        if key in found:
            raise InputError(f"{option} {key}={value}: {key} is {found[key]} already; give it once")
        found[key] = value
    return found


def _outputs(splits: Collection[str], to: Path, messages: Path | None) -> set[Path]:
    chats = _message_files(messages, splits).values() if messages else ()
    written = (*(f"{split}.jsonl" for split in splits), QUARANTINE, EXPERIMENT)
    return {path.resolve() for path in (*(to / name for name in written), *chats)}


def _check_inputs(inputs: Sequence[tuple[str, Path]], outputs: Collection[Path]) -> None:
    """Raise InputError if there is no file, if one is given twice, and if one would be overwritten."""
    if not inputs:
        raise InputError("name the files to prepare: FILE, or --split NAME=FILE")
    seen = set()
    for _, file in inputs:
        if file.resolve() in seen:
            raise InputError(f"{file}: is given twice; a file belongs to one split")
        if file.resolve() in outputs:
            raise InputError(f"{file}: would be overwritten; name another folder or file to write to")
        seen.add(file.resolve())


def _read_files(
    inputs: Sequence[tuple[str, Path]],
    to: Path,
    messages: Path | None,
    how: HoldOut | None,
    format: FileFormat | None,
    columns: Mapping[str, str],
    labelled: bool,
    console: Console,
) -> dict[str, Imported]:
    """Read files or folders, each of one split, once it is clear that none is overwritten by what will be written."""
    names = _names(list(dict.fromkeys(name for name, _ in inputs)), how)
    inputs = [(TRAIN if how else name, file) for name, file in inputs]
    _check_inputs(inputs, _outputs(names, to, messages))
    return _read(inputs, to / RECORDINGS, format, columns, labelled, console)


def _read(
    inputs: Iterable[tuple[str, Path]],
    written: Path,
    format: FileFormat | None,
    columns: Mapping[str, str],
    labelled: bool,
    console: Console,
) -> dict[str, Imported]:
    """Read the files of each split, in their order, and print how each was read."""
    splits: dict[str, list[Imported]] = {}
    for split, file in inputs:
        imported = read_utterances(file, format, columns, labelled)
        if not labelled:
            imported = _without_own(imported, file, written)
        splits.setdefault(split, []).append(imported)
        _print(console, _read_as(file, split, imported), *(f"{file}: {note}" for note in imported.notes))
    return {split: _joined(parts) for split, parts in splits.items()}


def _without_own(imported: Imported, folder: Path, written: Path) -> Imported:
    """The rows of a folder without those of recordings that an earlier call wrote into a folder below it."""
    own = written.resolve()
    if folder.resolve() not in own.parents:
        return imported
    rows = [row for row in imported.utterances if not any(own in one.path.resolve().parents for one in row.recordings)]
    return replace(imported, utterances=tuple(rows))


def _read_as(file: Path, split: str, imported: Imported) -> str:
    rows = len(imported.utterances) + len(imported.rejected)
    named = {ours: " or ".join([theirs, *imported.others.get(ours, ())]) for ours, theirs in imported.columns.items()}
    columns = ", ".join(f"{ours}={theirs}" for ours, theirs in named.items())
    ignored = f"; not read: {', '.join(imported.ignored)}" if imported.ignored else ""
    return f"{file}: split {split}, {rows:,} rows" + (
        f", columns {columns}{ignored} (change them with --map)" if columns else ""
    )


def _joined(parts: Sequence[Imported]) -> Imported:
    utterances = chain.from_iterable(part.utterances for part in parts)
    rejected = chain.from_iterable(part.rejected for part in parts)
    right_rows = chain.from_iterable(part.right_row for part in parts)
    return Imported(tuple(utterances), tuple(rejected), {}, right_row=tuple(right_rows))


def _prepare(
    splits: Mapping[str, Imported],
    to: Path,
    strict: bool,
    samples: bool,
    console: Console,
    how: HoldOut | None,
    copy: bool,
) -> Prepared:
    with RunProgress(console, 1) as bar:
        show = partial(_show, bar)
        return prepare(splits, to, strict, samples, show, how, copy)


def _show(bar: RunProgress, done: int, total: int) -> None:
    bar.within("measuring", 1, done / total)


def _outcome(prepared: Prepared, to: Path) -> list[str]:
    lines = [f"set aside: {count_faults(prepared.quarantined)}, see {to / QUARANTINE}"] if prepared.quarantined else []
    lines += [f"nothing is left of split {split}" for split, rows in prepared.splits.items() if not rows]
    return [*lines, f"written: {', '.join(f'{to / split}.jsonl' for split in prepared.splits)} and {to / PROFILE}"]


def _message_files(path: Path, splits: Collection[str]) -> dict[str, Path]:
    """The chats of each split get a file of their own, as chats of a test must not be trained on."""
    return {split: path if len(splits) == 1 else path.with_stem(f"{path.stem}-{split}") for split in splits}


def _write_messages(path: Path, splits: Mapping[str, Sequence[Utterance]]) -> str:
    files = _message_files(path, splits)
    for split, file in files.items():
        write_messages(file, splits[split])
    return f"chats: {', '.join(map(str, files.values()))}"


def _print(console: Console, *lines: str) -> None:
    """Print lines unchanged: without markup in file names, and without line breaks in what may be copied."""
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
