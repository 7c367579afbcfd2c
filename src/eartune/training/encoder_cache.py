"""Disk cache of frozen-encoder states, shared by the epochs, models, tests and processes of a run.

runs/coffee/encoded/<key>.safetensors     the states of one recording; the key is a digest of recording and weights
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from eartune.claims import Claims
from eartune.data.audio import Wave, load_audio
from eartune.data.example import Example
from eartune.data.recording_index import RecordingIndex
from eartune.data.utterance import Recording
from eartune.files import atomic, remove_leftovers
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip
from eartune.processes import ONE, Processes
from eartune.progress import Progress
from eartune.training.stage import Stage

HEADER_BYTES = 220  # size of a file without its states
FREE_SHARE = 0.5  # the fraction of the free disk that the cache may take, as checkpoints need space too

Clips = Callable[[Recording], Clip]


class EncoderCache:
    """A folder of encoder states, of bounded size, shared by all models of a run.

    Recordings are identified by the digests of `index`; `print_line` is called with a sentence if a stage or test does
    not fit. While others have `claims` in the run, nothing is deleted that they may count on. Of several processes of
    one model, the first says what is encoded and removes files; they deal out what is to be encoded.
    """

    def __init__(
        self,
        folder: Path,
        most_gb: float,
        cut_silence: bool,
        index: RecordingIndex,
        claims: Claims,
        print_line: Callable[[str], None],
        processes: Processes = ONE,
    ) -> None:
        self.folder = folder
        self.most_gb = most_gb
        self.cut_silence = cut_silence
        self.index = index
        self.claims = claims
        self.print_line = print_line
        self.processes = processes

    def stage_clips(self, model: AudioLLM, stage: Stage, progress: Progress) -> Clips | None:
        """Return the clips of a stage; None if it trains components that encode them, or if they do not fit.

        A stage that changes recordings at each showing has none either.
        """
        if set(stage.trainable) & set(model.encoded_by) or stage.augment is not None:
            return None
        # Those to be labelled have a transcript, and are heard all the same.
        heard = [replace(example, transcript=None) for example in stage.most_examples]
        return self.clips(model, [*heard, *(stage.dev.examples if stage.dev else ())], progress)

    def test_clips(self, model: AudioLLM, examples: Iterable[Example], progress: Progress) -> Clips | None:
        """Return the clips of a test; None if a stage trained what encodes them: no other model can share them."""
        if model.components.has_trained(model.encoded_by):
            return None
        return self.clips(model, examples, progress)

    def clips(self, model: AudioLLM, examples: Iterable[Example], progress: Progress) -> Clips | None:
        """Encode recordings that are not cached; return a function from recording to clip, None if they do not fit."""
        spoken = (example.recording for example in examples if example.transcript is None)
        paths = {recording.path for recording in spoken if recording is not None}
        if not paths or not self.most_gb:
            return None
        files = self._files(model, sorted(paths))
        missing = self.processes.of_first(lambda: self._begin(model, files))
        if missing is None:
            return None
        own = self.processes.share_of(missing)
        for done, path in enumerate(own, start=1):
            if not is_whole(files[path]):  # another worker may have encoded it meanwhile
                write_clip(files[path], encoded(model, load_audio(path, self.cut_silence)))
            progress(done, len(own))
        self.processes.wait_for_all()
        return lambda recording: read_clip(files[recording.path])

    def _begin(self, model: AudioLLM, files: dict[Path, Path]) -> list[Path] | None:
        """The recordings that are to be encoded, after room is made for them; None if there is none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.folder)
        with self.claims.hold(self.folder.name, wait=True):
            there = {path for path, file in files.items() if is_whole(file)}
            missing = list({file: path for path, file in files.items() if path not in there}.values())  # a file once
            if not self._make_room(set(files.values()), self._bytes_of(model, missing)):
                return None
            for path in there:
                files[path].touch()  # files used most recently are deleted last
        return in_turn(missing)

    def _files(self, model: AudioLLM, paths: Iterable[Path]) -> dict[Path, Path]:
        """The file of each recording's states, which may not exist yet."""
        by = f"{type(model).__name__} {model.components.fingerprint(model.encoded_by)} {self.cut_silence}"
        found = {}
        for path in paths:
            key = hashlib.sha256(f"{by} {self.index.digest(path)}".encode()).hexdigest()[:32]
            found[path] = self.folder / f"{key}.safetensors"
        return found

    def _bytes_of(self, model: AudioLLM, paths: list[Path]) -> float:
        """The estimated bytes of the states of some recordings, from those of the longest."""
        if not paths:
            return 0.0
        longest = encoded(model, load_audio(max(paths, key=self.index.seconds), self.cut_silence))
        assert longest.states is not None
        n_tokens = sum(model.tokens.of(self.index.seconds(path)) for path in paths)
        return n_tokens * longest.states.nbytes / longest.n_tokens + HEADER_BYTES * len(paths)

    def _make_room(self, needed: set[Path], new_bytes: float) -> bool:
        """Delete the least recently used files until the needed ones fit; if they cannot, return False."""
        there = {file: file.stat() for file in self.folder.glob("[!.]*.safetensors")}
        taken = sum(stat.st_size for stat in there.values())
        most = min(self.most_gb * 1e9, taken + FREE_SHARE * shutil.disk_usage(self.folder).free)
        may_go = set() if self.claims.of_others() else there.keys() - needed
        others = sorted(may_go, key=lambda file: there[file].st_mtime)
        others_bytes = sum(there[file].st_size for file in others)
        if (needed_bytes := taken - others_bytes + new_bytes) > most:
            self.print_line(
                f"encoder cache off: it needs about {needed_bytes / 1e9:.2g} GB, and {most / 1e9:.2g} GB is allowed "
                "(training.encoded_gb or half of the free disk); recordings will be re-encoded every epoch"
            )
            return False
        for file in others:
            if needed_bytes + others_bytes > most:
                others_bytes -= there[file].st_size
                file.unlink()
        return True


def in_turn(missing: list[Path]) -> list[Path]:
    """Return what to encode, beginning at another place in each process, so that these seldom do the same."""
    start = os.getpid() % max(1, len(missing))
    return missing[start:] + missing[:start]


@torch.no_grad()
def encoded(model: AudioLLM, wave: Wave) -> Clip:
    """Return the clip with its states instead of its mel; it is encoded alone, so that no other clip changes it."""
    model.module.eval()
    clip = model.features(wave)
    assert clip.mel is not None
    states = model.encode(clip.mel[None].to(model.device), torch.tensor([clip.n_frames], device=model.device))
    return replace(clip, mel=None, states=states.cpu())


def write_clip(file: Path, clip: Clip) -> None:
    """Write the states and lengths of a clip; the file is written whole or not at all."""
    assert clip.states is not None
    counts = {"n_frames": torch.tensor(clip.n_frames), "n_tokens": torch.tensor(clip.n_tokens)}
    with atomic(file) as half_written:
        half_written.write_bytes(save(counts | {"states": clip.states.contiguous()}))


def read_clip(file: Path) -> Clip:
    """Return a clip from its file."""
    stored = load_file(file)
    return Clip(None, int(stored["n_frames"]), int(stored["n_tokens"]), stored["states"])


def is_whole(file: Path) -> bool:
    """Return whether the file exists and is complete according to its header."""
    try:
        with safe_open(file, "pt") as stored:
            return {"n_frames", "n_tokens", "states"} == set(stored.keys())
    except (OSError, SafetensorError):
        return False
