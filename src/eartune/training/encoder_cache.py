"""What a frozen encoder makes of each recording, kept on disk: epochs, models of a grid and their tests encode it once.

runs/coffee/encoded/<key>.safetensors     the states of one recording; the key says what is heard, and by which weights
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from eartune.data.audio import Wave, load_audio
from eartune.data.example import Example
from eartune.data.recording_index import RecordingIndex
from eartune.data.utterance import Recording
from eartune.files import atomic, remove_leftovers
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip
from eartune.training.schemes import Stage

HEADER_BYTES = 220  # of a file, beside the states
FREE_SHARE = 0.5  # of what is free on the disk, which checkpoints need as well

Clips = Callable[[Recording], Clip]
Progress = Callable[[int, int], None]


class EncoderCache:
    """A folder of encoder states, of bounded size, shared by all models of a run.

    Recordings are known by the digests of `index`; `tell` is called with a sentence when something does not fit.
    """

    def __init__(
        self, folder: Path, most_gb: float, cut_silence: bool, index: RecordingIndex, tell: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self.most_gb = most_gb
        self.cut_silence = cut_silence
        self.index = index
        self.tell = tell

    def of_stage(self, model: AudioLLM, stage: Stage, progress: Progress) -> Clips | None:
        """The clips of a stage; None where it trains their encoder, or where they do not fit on the disk."""
        if set(stage.trainable) & set(model.encoded_by):
            return None
        return self.of(model, stage.examples, progress)

    def of_test(self, model: AudioLLM, examples: Iterable[Example], progress: Progress) -> Clips | None:
        """The clips of a test; None where a stage trained their encoder, as no other model could use their states."""
        if model.components.has_trained(model.encoded_by):
            return None
        return self.of(model, examples, progress)

    def of(self, model: AudioLLM, examples: Iterable[Example], progress: Progress) -> Clips | None:
        """All clips of spoken examples, encoded where they were not yet; None where they do not fit on the disk."""
        spoken = (example.recording for example in examples if example.transcript is None)
        paths = {recording.path for recording in spoken if recording is not None}
        if not paths or not self.most_gb:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.folder)
        files = self._files(model, sorted(paths))
        missing = {file: path for path, file in files.items() if not is_whole(file)}
        if not self._make_room(set(files.values()), self._bytes_of(model, list(missing.values()))):
            return None
        for done, (file, path) in enumerate(missing.items(), start=1):
            write_clip(file, encoded(model, load_audio(path, self.cut_silence)))
            progress(done, len(missing))
        for file in files.values():
            file.touch()  # what was used last goes last
        return lambda recording: read_clip(files[recording.path])

    def _files(self, model: AudioLLM, paths: Iterable[Path]) -> dict[Path, Path]:
        """Where the states of each recording are, or will be."""
        by = f"{type(model).__name__} {model.components.fingerprint(model.encoded_by)} {self.cut_silence}"
        found = {}
        for path in paths:
            key = hashlib.sha256(f"{by} {self.index.digest(path)}".encode()).hexdigest()[:32]
            found[path] = self.folder / f"{key}.safetensors"
        return found

    def _bytes_of(self, model: AudioLLM, paths: list[Path]) -> float:
        """About how many bytes the states of some recordings take, from those of the longest."""
        if not paths:
            return 0.0
        longest = encoded(model, load_audio(max(paths, key=self.index.seconds), self.cut_silence))
        assert longest.states is not None
        n_tokens = sum(model.tokens.of(self.index.seconds(path)) for path in paths)
        return n_tokens * longest.states.nbytes / longest.n_tokens + HEADER_BYTES * len(paths)

    def _make_room(self, needed: set[Path], new_bytes: float) -> bool:
        """Delete the least recently used files until all that is needed fits; delete nothing where it cannot fit."""
        there = {file: file.stat() for file in self.folder.glob("[!.]*.safetensors")}
        taken = sum(stat.st_size for stat in there.values())
        most = min(self.most_gb * 1e9, taken + FREE_SHARE * shutil.disk_usage(self.folder).free)
        others = sorted(there.keys() - needed, key=lambda file: there[file].st_mtime)
        others_bytes = sum(there[file].st_size for file in others)
        if (needed_bytes := taken - others_bytes + new_bytes) > most:
            self.tell(
                f"encoded, its recordings take about {needed_bytes / 1e9:.2g} GB, and {most / 1e9:.2g} GB may be kept "
                "(training.encoded_gb, and half of the free disk), so that they are encoded each time they are heard"
            )
            return False
        for file in others:
            if needed_bytes + others_bytes > most:
                others_bytes -= there[file].st_size
                file.unlink()
        return True


@torch.no_grad()
def encoded(model: AudioLLM, wave: Wave) -> Clip:
    """The clip with its states for its mel; encoded alone, so that nothing depends on what else was to be encoded."""
    model.module.eval()
    clip = model.features(wave)
    assert clip.mel is not None
    states = model.encode(clip.mel[None].to(model.device), torch.tensor([clip.n_frames], device=model.device))
    return replace(clip, mel=None, states=states.cpu())


def write_clip(file: Path, clip: Clip) -> None:
    """Write a clip to a file, whole or not at all."""
    assert clip.states is not None
    counts = {"n_frames": torch.tensor(clip.n_frames), "n_tokens": torch.tensor(clip.n_tokens)}
    with atomic(file) as half_written:
        save_file(counts | {"states": clip.states.contiguous()}, half_written)


def read_clip(file: Path) -> Clip:
    """Load a clip from the cache."""
    stored = load_file(file)
    return Clip(None, int(stored["n_frames"]), int(stored["n_tokens"]), stored["states"])


def is_whole(file: Path) -> bool:
    """Whether the file is there and as long as its header says."""
    try:
        with safe_open(file, "pt") as stored:
            return {"n_frames", "n_tokens", "states"} == set(stored.keys())
    except (OSError, SafetensorError):
        return False
