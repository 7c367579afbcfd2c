"""Rows to padded batches: tokens of prompts and answers, an audio token for each embedding of a clip, labels, mels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from eartune.errors import InputError
from eartune.models.batch import Batch, Clip, Row, TokenProbabilities

IGNORED = -100
PrefixSharing = Literal["always", "training", "never"]


@dataclass(frozen=True, eq=False)
class Collator:
    """Makes batches for one model. Needs no weights, so that it can run in forked data-loading workers.

    Stock processors are not used, because several refuse batches in which only some rows have audio.
    Raises InputError for a tokenizer that lacks the family's audio token or end of an answer.
    """

    tokenizer: PreTrainedTokenizerFast
    audio_token_id: int
    answer_end: str
    """The token that closes an answer; it is appended to every answer that is to be learned."""
    shares_prefix: PrefixSharing
    """When tokens with which all prompts of a batch begin are computed once: always, only for rows with answers, or
    never. See `AudioLLM.hidden` for training and `generation.generate.prefill` for decoding."""

    def __post_init__(self) -> None:
        if self._ids(self.answer_end) != [self.tokenizer.convert_tokens_to_ids(self.answer_end)]:
            raise InputError(f"the tokenizer does not know {self.answer_end!r} as one token; is it of another family?")
        audio_token = self.tokenizer.convert_ids_to_tokens(self.audio_token_id)
        if audio_token is None or self._ids(audio_token) != [self.audio_token_id]:
            raise InputError(
                f"the tokenizer has no audio token {self.audio_token_id}; is it that of the language model alone?"
            )

    def collate(self, rows: Sequence[Row]) -> Batch:
        """Turn rows, text and speech in any mixture, into one batch, padded on the left.

        A prefix that all rows share stands left of the padding, so that it can be computed once. Raises InputError
        where the words of a prompt contain the audio token.
        """
        tokens = [self._token_ids(row) for row in rows]
        n_shared = self._shared_prefix_length(tokens)
        own = left_padded([(*prompt[n_shared:], *answer) for prompt, answer in tokens], self.tokenizer.pad_token_id)
        prefix = torch.tensor(tokens[0][0][:n_shared], dtype=torch.long).expand(len(rows), -1)
        input_ids = torch.cat([prefix, own.input_ids], dim=1)
        attention_mask = torch.cat([torch.ones_like(prefix), own.attention_mask], dim=1)
        labels = torch.full_like(input_ids, IGNORED)
        for i, (_, answer) in enumerate(tokens):
            if answer:
                labels[i, -len(answer) :] = torch.tensor(answer)
        clips = [row.clip for row in rows if row.clip is not None]
        taught = _taught(rows, [len(answer) for _, answer in tokens])
        return Batch(input_ids, attention_mask, labels, *_stacked(clips), n_shared, *taught)

    def tokenize(self, row: Row) -> Row:
        """Return the row with its token ids, so that `n_positions` and `collate` need not tokenize it again."""
        return replace(row, token_ids=self._token_ids(row))

    def n_positions(self, row: Row) -> int:
        """Return how many positions of the language model a row takes: its tokens, audio tokens included."""
        return sum(map(len, self._token_ids(row)))

    def _token_ids(self, row: Row) -> tuple[list[int], list[int]]:
        """The ids of the prompt and of the answer."""
        if row.token_ids is not None:
            return row.token_ids
        before, after = self._ids(row.prompt.before), self._ids(row.prompt.after)
        if self.audio_token_id in (*before, *after):
            audio_token = self.tokenizer.convert_ids_to_tokens(self.audio_token_id)
            raise InputError(
                f"{row.prompt.before + row.prompt.after!r}: the text must not contain {audio_token}; take it out"
            )
        audio = [] if row.clip is None else [self.audio_token_id] * row.clip.n_tokens
        answer = [] if row.answer is None else self._ids(row.answer + self.answer_end)
        return [*before, *audio, *after], answer

    def _shared_prefix_length(self, tokens: Sequence[tuple[Sequence[int], Sequence[int]]]) -> int:
        """How many leading tokens of all prompts are to be computed once."""
        prompts, answers = zip(*tokens, strict=True)
        is_shared = self.shares_prefix == "always" or (self.shares_prefix == "training" and any(answers))
        if not is_shared or len(prompts) == 1:
            return 0
        same = takewhile(lambda column: {*column} == {column[0]} != {self.audio_token_id}, zip(*prompts, strict=False))
        return min(len(list(same)), min(map(len, prompts)) - 1)  # an answer follows the last token of a prompt

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def left_padded(rows: Sequence[Sequence[int]], padding: int) -> Batch:
    """Turn token ids into a batch of text without labels, padded on the left with the id `padding`."""
    width = max(map(len, rows))
    input_ids = torch.tensor([[padding] * (width - len(row)) + [*row] for row in rows])
    attention_mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return Batch(input_ids, attention_mask, torch.full_like(input_ids, IGNORED))


def _stacked(clips: Sequence[Clip]) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Clips to the batch's (mel, n_frames, states): mels padded to the widest, or cached states one after another."""
    if not clips:
        return None, None, None
    if clips[0].states is not None:
        return None, None, torch.cat([clip.states for clip in clips if clip.states is not None])
    mels = [clip.mel for clip in clips if clip.mel is not None]
    width = max(mel.shape[-1] for mel in mels)
    padded = torch.stack([nn.functional.pad(mel, (0, width - mel.shape[-1])) for mel in mels])
    return padded, torch.tensor([clip.n_frames for clip in clips]), None


def _taught(rows: Sequence[Row], lengths: Sequence[int]) -> tuple[TokenProbabilities | None, Tensor | None]:
    """The batch's (teacher, is_right) of rows whose answers have these lengths; None where no row has a teacher."""
    kept = next((row.teacher.ids.shape[1] for row in rows if row.teacher is not None), 0)
    if not kept:
        return None, None
    nothing = (TokenProbabilities(torch.zeros(n, kept).long(), torch.full((n, kept), -torch.inf)) for n in lengths)
    ids, log_probs = zip(*(row.teacher or none for row, none in zip(rows, nothing, strict=True)), strict=True)
    is_right = torch.tensor([row.is_right for row, length in zip(rows, lengths, strict=True) for _ in range(length)])
    return TokenProbabilities(torch.cat(ids), torch.cat(log_probs)), is_right
