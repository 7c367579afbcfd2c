"""Train the encoder's upper layers and the adapter to write each spoken token's own embedding, by CTC.

lower layers' output -> upper layers with LoRA -> pooled -> adapter -> distance to each token's embedding -> CTC

The language model then reads nearly what it reads of text: an embedding for each token, between frames of silence. What
it later learns from text so holds for speech. Saved every few minutes; an interrupted run resumes exactly.
"""

import math
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import trange

from adapter import fit_adapter, viterbi
from align import Clips, Heard, schedule
from eartune.files import atomic
from eartune.models.batch import Clip
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.lora import LoraLayers
from eartune.models.packed_attention import PackedRows
from eartune.models.whisper_encoder import layer_output, n_audio_tokens
from eartune.settings import Lora
from lower_layers import LOWER_LAYERS, SHARD, Lower
from sentences import Sentence

RANK = 64
LEAVES = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
ADAPTER_CLIPS = 500  # for its first weights
LEARNING_RATE = 3e-4
DECAY_SHARE = 0.8  # constant, then linearly down to nothing over the last part
POSITIONS_A_BATCH = 3000
CLOSENESS = 1.0  # the weight of the squared distance to the embedding that each frame is taken for
SAVE_SECONDS = 60


class TokenTable(nn.Module):
    """The embeddings of the tokens that the sentences are made of, as classes of CTC; silence is their mean.

    The score of a class falls with the squared distance of a frame from its embedding, so that a frame is drawn to
    the embedding itself and not only into its direction.
    """

    def __init__(self, embeddings: Tensor, ids: Sequence[int]) -> None:
        super().__init__()
        self.ids = list(ids)
        self.place = {token: place + 1 for place, token in enumerate(ids)}  # 0 is silence, CTC's blank
        chosen = embeddings[torch.tensor(self.ids)].float()
        self.centre = chosen.mean(0)
        self.table = torch.cat([torch.zeros(1, chosen.shape[1]), chosen - self.centre])
        self.squares = self.table.square().sum(1)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10 / self.squares[1:].mean().item())))
        self.silence = nn.Parameter(torch.zeros(()))

    def forward(self, frames: Tensor) -> Tensor:
        """Return the scores (..., classes) of frames (..., width) of the adapter."""
        scores = self.log_scale.exp() * (2 * (frames - self.centre) @ self.table.T - self.squares)
        return torch.cat([scores[..., :1] + self.silence, scores[..., 1:]], dim=-1)


class TokenEncoder:
    """The pocket's encoder above its frozen lower layers, its adapter, and the table of tokens."""

    def __init__(self, pocket: Qwen2Audio, sentences: Sequence[Sentence]) -> None:
        self.tower: Any = pocket.model.model.audio_tower.float()
        self.adapter = pocket.model.model.multi_modal_projector.float()
        self.tokenizer = pocket.tokenizer
        used = {token for sentence in sentences if not sentence.held_out for token in self.tokens(sentence.text)}
        self.embeddings = pocket.model.get_input_embeddings().weight.detach()
        self.table = TokenTable(self.embeddings, sorted(used))
        pocket.module.requires_grad_(False)
        for layer in range(LOWER_LAYERS, len(self.tower.layers)):
            place = f"model.audio_tower.layers.{layer}"
            LoraLayers(pocket.module, place, LEAVES).add(Lora(rank=RANK, alpha=2 * RANK), seed=layer)
        self.adapter.requires_grad_(True)
        named = [("table", self.table), ("model.audio_tower", self.tower)]
        named.append(("model.multi_modal_projector", self.adapter))
        self.trained = {
            f"{path}.{name}": value
            for path, module in named
            for name, value in module.named_parameters()
            if value.requires_grad
        }

    def tokens(self, text: str) -> list[int]:
        """Return the tokens of a sentence as they stand within a text, each word with its space before it."""
        ids: list[int] = self.tokenizer(f" {text}")["input_ids"]
        return ids

    def states(self, lower: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the encoder's states (clips, tokens, 512) of some clips' lower outputs, and how many each has."""
        padded = nn.utils.rnn.pad_sequence(list(lower), batch_first=True).float()
        if padded.shape[1] % 2:
            padded = nn.functional.pad(padded, (0, 0, 0, 1))
        lengths = torch.tensor([len(clip) for clip in lower])
        rows = PackedRows(torch.arange(padded.shape[1]) < lengths[:, None])
        states = rows.pack(padded)
        for layer in self.tower.layers[LOWER_LAYERS:]:
            states = layer_output(layer, states, rows.lengths)
        return self.tower.pool(rows.unpack(states)), n_audio_tokens(2 * lengths)

    def first_states(self, lower: Lower, texts: Sequence[str]) -> list[Tensor]:
        """Return the encoder's states of the first take of some texts, (tokens, 512) each."""
        with torch.no_grad():
            states, counts = self.states([lower[0, text] for text in texts])
        return [some[:count] for some, count in zip(states, counts.tolist(), strict=True)]

    def frames(self, lower: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the adapter's frames (clips, tokens, 576) of some clips, and how many each has."""
        states, counts = self.states(lower)
        return self.adapter(states), counts

    def loss(self, lower: Sequence[Tensor], texts: Sequence[str]) -> Tensor:
        """Return CTC's loss a token, and how far frames are from what they are taken for.

        The latter is the mean squared distance in units of an embedding's mean square, with frames of tokens and frames
        of silence weighted alike.
        """
        frames, counts = self.frames(lower)
        scores = self.table(frames).log_softmax(-1)
        targets = [torch.tensor([self.table.place[token] for token in self.tokens(text)]) for text in texts]
        lengths = torch.tensor([len(target) for target in targets])
        ctc = nn.functional.ctc_loss(
            scores.transpose(0, 1), torch.cat(targets), counts, lengths, reduction="sum", zero_infinity=True
        )
        kept = torch.arange(scores.shape[1]) < counts[:, None]
        taken_for = scores.detach()[kept].argmax(-1)
        distances = (frames[kept] - self.table.centre - self.table.table[taken_for]).square().sum(-1)
        distance = torch.stack([distances[kind].mean() for kind in (taken_for == 0, taken_for > 0) if kind.any()])
        return ctc / lengths.sum() + CLOSENESS * distance.mean() / self.table.squares[1:].mean()

    def peaks(self, frames: Tensor, text: str) -> list[int]:
        """Return the frame at which each token of the text is heard most clearly, from frames (tokens, width)."""
        targets = [self.table.place[token] for token in self.tokens(text)]
        path = [0, *(place for target in targets for place in (target, 0))]
        with torch.no_grad():
            scores = self.table(frames).log_softmax(-1)[:, path].numpy()
        visited = viterbi(scores)
        states = range(1, len(path), 2)
        return [int(np.where(visited == state, scores[:, state], -np.inf).argmax()) for state in states]

    def read(self, lower: Sequence[Tensor]) -> list[str]:
        """Return what each clip says, by the best class of each frame."""
        with torch.no_grad():
            frames, counts = self.frames(lower)
            best = self.table(frames).argmax(-1)
        texts = []
        for row, count in zip(best.tolist(), counts.tolist(), strict=True):
            heard = [c for c, before in zip(row[:count], [0, *row[:count]], strict=False) if c and c != before]
            texts.append(self.tokenizer.decode([self.table.ids[c - 1] for c in heard]).strip())
        return texts


def start_adapter(encoder: TokenEncoder, sentences: Sequence[Sentence], lower: Lower, path: Path) -> None:
    """Give the adapter its first weights, in closed form from the untrained encoder; they are kept in `path`."""
    if not path.exists():
        chosen = [sentence.text for sentence in sentences if not sentence.held_out][:ADAPTER_CLIPS]
        batches = [chosen[start : start + 25] for start in range(0, len(chosen), 25)]
        states = [state for batch in batches for state in encoder.first_states(lower, batch)]
        torch.save(fit_adapter(states, [encoder.tokens(text) for text in chosen], encoder.embeddings), path)
    weight, bias = torch.load(path, weights_only=True)
    with torch.no_grad():
        encoder.adapter.linear.weight.copy_(weight)
        encoder.adapter.linear.bias.copy_(bias)


def train_encoder(
    encoder: TokenEncoder, sentences: Sequence[Sentence], lower: Lower, passes: float, work: Path
) -> None:
    """Train over all clips `passes` times, and write the trained tensors to encoder.safetensors in the work folder."""
    state_file = work / "encoder.pt"
    batches = plan(sentences, lower, passes)
    optimizer = torch.optim.AdamW(encoder.trained.values(), lr=LEARNING_RATE, weight_decay=0.0, betas=(0.9, 0.98))
    done = 0
    if state_file.exists():
        saved = torch.load(state_file, weights_only=True)
        put_back(encoder, load_file(work / "encoder.safetensors"))
        optimizer.load_state_dict(saved["optimizer"])
        done = saved["done"]
    started = saved_at = time.time()
    losses: list[float] = []
    for step in range(done, len(batches)):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * schedule(step, len(batches), DECAY_SHARE)
        batch = batches[step]
        torch.manual_seed(step)
        loss = encoder.loss([veil(lower[key]) for key in batch], [text for _, text in batch])
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.trained.values(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % 20 == 19:
            left = (time.time() - started) / (step + 1 - done) * (len(batches) - step - 1)
            mean = sum(losses) / len(losses)
            print(f"encoder, step {step + 1}/{len(batches)}  loss {mean:.3f}  {left / 60:.0f} min left", flush=True)
            losses = []
        if time.time() - saved_at > SAVE_SECONDS or step + 1 == len(batches):
            saved_at = time.time()
            with atomic(work / "encoder.safetensors") as half_written:
                save_file({name: value.detach().clone() for name, value in encoder.trained.items()}, half_written)
            with atomic(state_file) as half_written:
                torch.save({"optimizer": optimizer.state_dict(), "done": step + 1}, half_written)


def put_back(encoder: TokenEncoder, tensors: dict[str, Tensor]) -> None:
    """Load the tensors that an earlier training wrote or shipped, of which the latter lack the table's two numbers."""
    with torch.no_grad():
        for name, value in encoder.trained.items():
            saved = tensors.get(name, tensors.get(name.replace(".default.weight", "")))
            if saved is not None:
                value.copy_(saved)


def plan(sentences: Sequence[Sentence], lower: Lower, passes: float) -> list[list[tuple[int, str]]]:
    """Return batches of clips (take, text) of similar length; each pass is shuffled anew."""
    training = {sentence.text for sentence in sentences if not sentence.held_out}
    clips = sorted(key for key in lower if key[1] in training)
    batches = []
    for number in range(math.ceil(passes)):
        draw = random.Random(number)
        chosen = draw.sample(clips, round(len(clips) * min(1, passes - number)))
        for start in range(0, len(chosen), 10 * SHARD):
            batches += bucket(chosen[start : start + 10 * SHARD], lower, draw)
    return batches


def bucket(keys: Sequence[tuple[int, str]], lower: Lower, draw: random.Random) -> list[list[tuple[int, str]]]:
    """Cut clips, sorted by length, into batches of at most `POSITIONS_A_BATCH` positions, then shuffle those."""
    batches: list[list[tuple[int, str]]] = [[]]
    for key in sorted(keys, key=lambda key: len(lower[key])):
        if (len(batches[-1]) + 1) * len(lower[key]) > POSITIONS_A_BATCH:
            batches.append([])
        batches[-1].append(key)
    draw.shuffle(batches)
    return batches


def veil(states: Tensor) -> Tensor:
    """Return the lower output with up to two spans of up to 0.3 s set to its mean, as SpecAugment masks a mel."""
    states = states.float()
    veiled = states.clone()
    for _ in range(int(torch.randint(0, 3, ()))):
        start, length = int(torch.randint(len(states), ())), int(torch.randint(1, 16, ()))
        veiled[start : start + length] = states.mean(0)
    return veiled


def encode_clips(encoder: TokenEncoder, sentences: Sequence[Sentence], lower: Lower, path: Path) -> Clips:
    """Return every clip's states and, of those to train on, where its tokens are heard; saved in `path`."""
    is_held_out = {sentence.text: sentence.held_out for sentence in sentences}
    if not path.exists():
        tensors = {}
        keys = sorted((key for key in lower if key[1] in is_held_out), key=lambda key: len(lower[key]))
        for start in trange(0, len(keys), 32, desc="states", unit="batch"):
            batch = keys[start : start + 32]
            with torch.no_grad():
                states, counts = encoder.states([lower[key] for key in batch])
                frames = encoder.adapter(states)
            for place, (take, text) in enumerate(batch):
                count = int(counts[place])
                tensors[f"{take}/{text}"] = states[place, :count].to(torch.float16).clone()
                peaks = [] if is_held_out[text] else encoder.peaks(frames[place, :count], text)
                tensors[f"peaks/{take}/{text}"] = torch.tensor(peaks, dtype=torch.int16)
        with atomic(path) as half_written:
            save_file(tensors, half_written)
    saved = load_file(path)
    clips = {}
    for name, states in saved.items():
        if not name.startswith("peaks/"):
            take, _, text = name.partition("/")
            clip = Clip(mel=None, n_frames=0, n_tokens=len(states), states=states)
            clips[int(take), text] = Heard(clip, tuple(saved[f"peaks/{name}"].tolist()))
    return clips


def shipped_tensors(encoder: TokenEncoder) -> dict[str, Tensor]:
    """Return what is shipped of the encoder and the adapter, under the names of the merged model."""
    return {
        name.replace(".default.weight", ""): value.detach().to(torch.bfloat16).contiguous()
        for name, value in encoder.trained.items()
        if not name.startswith("table.")
    }


def word_errors(encoder: TokenEncoder, sentences: Sequence[Sentence], lower: Lower, most: int = 300) -> float:
    """Return the word error rate of the frames' best classes on held-out sentences in held-out voices."""
    held_out = sorted([s.text for s in sentences if s.held_out][:most], key=lambda text: len(lower[0, text]))
    errors = words = 0
    for start in range(0, len(held_out), 20):
        texts = held_out[start : start + 20]
        for said, heard in zip(texts, encoder.read([lower[0, text] for text in texts]), strict=True):
            errors += Levenshtein.distance(said.split(), heard.split())
            words += len(said.split())
    return errors / words
