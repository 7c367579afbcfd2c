"""What all families share behind the `AudioLLM` face: rows to tensors, embeddings, answers, saving.

A family's file says what its chat and its parts are called, and how it hears.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerFast

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.errors import InputError
from eartune.models.batch import Batch, Clip, Row
from eartune.models.chat_format import ChatFormat
from eartune.models.checkpoint_check import load_whole, refuse_what_is_no_model
from eartune.models.components import Parts
from eartune.models.generation.beam_search import Answer, Free, Rules, search
from eartune.models.generation.json_constraint import Constraint
from eartune.models.generation.kv_cache import Reader
from eartune.models.packed_attention import Pack, attend_as_ever, attend_by_row, has_windows, takes_packs
from eartune.models.size import Rate
from eartune.settings import Component, Decoding
from eartune.tasks.task import Grammar

IGNORED = -100
HOP_SAMPLES = 160  # one mel frame, 10 ms


class ChatModel(ABC):
    """An audio LLM of transformers; see `audio_llm.py` for what each method promises."""

    chat: ClassVar[ChatFormat]
    model_class: ClassVar[Any]
    extractor_class: ClassVar[Any]
    components: ClassVar[dict[Component, tuple[str, ...]]] = {
        Component.AUDIO_ENCODER: ("model.audio_tower.",),
        Component.MODALITY_ADAPTER: ("model.multi_modal_projector.",),
        Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
    }
    """Path prefixes of each component's parameters; the longest that fits counts."""
    encoded_by: ClassVar[tuple[Component, ...]] = (Component.AUDIO_ENCODER,)
    """What `encode` runs through; an adapter that lies within the encoder, or needs to know the clip, is part of it."""
    never_trained: ClassVar[tuple[str, ...]] = ()
    """Path prefixes of what is of no component, such as eyes."""
    stock_mask: ClassVar[str | None] = "input_features_mask"
    """What the stock forward calls the mask of a mel, if it takes one."""
    stock_depends_on_batch: ClassVar[bool] = False
    """Whether the stock forward gives a clip another embedding beside a longer one; ours never does."""
    least_transformers: ClassVar[str] = "5.17"
    """The lowest version whose classes are built as ours expects."""
    shares_beginnings = True
    """Whether a beginning that all rows of a batch share may be read once."""
    states: ClassVar[Rate] = Rate(50)
    """Positions that a clip takes in the encoder."""
    tokens: ClassVar[Rate] = Rate(25)
    """Positions that it takes in the decoder."""
    lora_layers: ClassVar[str] = "model.language_model.layers"
    lora_leaves: ClassVar[tuple[str, ...]] = (
        *("q_proj", "k_proj", "v_proj", "o_proj"),
        *("gate_proj", "up_proj", "down_proj"),
    )

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerFast, extractor: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.extractor = extractor
        self.parts = self.parts_of(model)
        self.packs = takes_packs(self.language_model)
        """Whether rows are trained on without their padding."""
        self._constraints: dict[Grammar, Constraint] = {}
        if self._ids(self.chat.answer_end) != [tokenizer.convert_tokens_to_ids(self.chat.answer_end)]:
            raise InputError(
                f"the tokenizer does not know {self.chat.answer_end!r} as one token; is it of another family?"
            )
        placeholder = tokenizer.convert_ids_to_tokens(self.audio_token_id)
        if placeholder is None or self._ids(placeholder) != [self.audio_token_id]:
            raise InputError(
                f"the tokenizer has no audio token {self.audio_token_id}; is it that of the language model alone?"
            )
        self.prepare()

    @classmethod
    def is_supported(cls) -> bool:
        """Whether the library at hand is new enough."""
        return transformers_is_at_least(cls.least_transformers)

    @classmethod
    def load(cls, folder: str, dtype: torch.dtype) -> Self:
        """A checkpoint in the hub's layout, in evaluation mode, still on the CPU."""
        cls.refuse_others(folder)
        model = load_whole(cls.model_class, folder, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        return cls(model.eval(), tokenizer, cls.extractor_class.from_pretrained(folder))

    @classmethod
    def refuse_others(cls, checkpoint: str) -> None:
        """Raise InputError for a checkpoint of another family, which the library would load and fill up at random."""
        if not cls.is_supported():
            needed = f"transformers {cls.least_transformers} or newer; here is {version('transformers')}"
            raise InputError(f"{checkpoint}: a {cls.model_class.config_class.model_type} needs {needed}")
        refuse_what_is_no_model(checkpoint)
        found = str(PreTrainedConfig.get_config_dict(checkpoint)[0].get("model_type"))
        wanted = cls.model_class.config_class.model_type
        if wanted not in (found, f"{found}_thinker"):  # the whole Omni's configuration stands for its thinker's
            raise InputError(f"{checkpoint}: is a {found}, not a {wanted}; `eartune list` shows the types there are")

    @classmethod
    def config_of(cls, checkpoint: str) -> Any:
        """The configuration of a checkpoint, of which nothing else is fetched."""
        cls.refuse_others(checkpoint)
        return cls.model_class.config_class.from_pretrained(checkpoint)

    @classmethod
    @abstractmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> Self:
        """The real class at tiny size with random weights, for tests."""

    @classmethod
    def parts_of(cls, module: nn.Module) -> Parts:
        """The components of a module of the family's class."""
        return Parts(module, cls.components, cls.lora_layers, cls.lora_leaves, cls.never_trained)

    @property
    def module(self) -> nn.Module:
        """All weights."""
        module: nn.Module = self.model
        return module

    @property
    def audio_token_id(self) -> int:
        """That of the placeholder for an audio embedding."""
        token_id: int = self.model.config.audio_token_id
        return token_id

    @classmethod
    def decoder_of(cls, module: nn.Module) -> Any:
        """The decoder under the head."""
        return module.get_submodule("model.language_model")

    @property
    def language_model(self) -> Any:
        """The same, of this model."""
        return self.decoder_of(self.module)

    @classmethod
    def weightless_inputs(cls, text: Any, length: int) -> dict[str, Tensor]:
        """What a decoder of the configuration `text` is given for one row, on the meta device."""
        embeds = torch.empty(1, length, text.hidden_size, dtype=torch.bfloat16, device="meta", requires_grad=True)
        return {"inputs_embeds": embeds, "attention_mask": embeds.new_ones(1, 1, length, length, dtype=torch.bool)}

    def recompute_activations(self) -> None:
        """Keep none of the decoder's activations in training: half the speed, far less memory.

        The encoder's are few beside them, and not every family's can be left out.
        """
        decoder = self.language_model
        enable = getattr(decoder, "activation_checkpointing_enable", None)  # as transformers calls it since 5.23
        (enable or decoder.gradient_checkpointing_enable)({"use_reentrant": False})

    # --- how a family hears --------------------------------------------------------------------------------

    def prepare(self) -> None:
        """What must be done to the stock model before it reads and hears."""
        if self.packs:
            attend_by_row(self.language_model.config)

    def restore(self) -> None:
        """Make it the stock model again, which reads and hears as the library has it."""
        if self.packs:
            attend_as_ever(self.language_model.config)

    @abstractmethod
    def features(self, wave: Wave) -> Clip:
        """One 16 kHz clip as the encoder wants it, with its number of audio tokens."""

    @abstractmethod
    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """The encoder's valid states of some clips one after another, (audio tokens, encoder width)."""

    def adapt(self, states: Tensor) -> Tensor:
        """Encoder states to embeddings of the language model, (audio tokens, width)."""
        adapter = self.model.model.multi_modal_projector
        embeddings: Tensor = adapter(states.to(next(adapter.parameters()).dtype))
        return embeddings

    def stock_audio(self, waves: Sequence[Wave]) -> dict[str, Tensor]:
        """The clips as the library's own forward takes them: mels of 30 s, and where in them is sound."""
        n_frames = torch.tensor([-(-len(wave) // HOP_SAMPLES) for wave in waves])
        mels = self.extractor([np.asarray(wave) for wave in waves], sampling_rate=SAMPLE_RATE, return_tensors="pt")
        mask = (torch.arange(mels["input_features"].shape[-1])[None] < n_frames[:, None]).long()
        named = {} if self.stock_mask is None else {self.stock_mask: mask}
        return {"input_features": mels["input_features"], **named}

    # --- input ---------------------------------------------------------------------------------------------

    def collate(self, rows: Sequence[Row]) -> Batch:
        """Rows to padded tensors; labels only on answers, no audio tensors when no row has a clip.

        A beginning that all share stands at the left, with padding behind it, so that it can be read once.
        """
        encoded = [self._token_ids(row) for row in rows]
        n_shared = self._shared(encoded)
        own = left_padded([(*prompt[n_shared:], *answer) for prompt, answer in encoded], self.tokenizer.pad_token_id)
        beginning = torch.tensor(encoded[0][0][:n_shared], dtype=torch.long).expand(len(rows), -1)
        input_ids = torch.cat([beginning, own.input_ids], dim=1)
        attention_mask = torch.cat([torch.ones_like(beginning), own.attention_mask], dim=1)
        labels = torch.full_like(input_ids, IGNORED)
        for i, (_, answer) in enumerate(encoded):
            if answer:
                labels[i, -len(answer) :] = torch.tensor(answer)
        clips = [row.clip for row in rows if row.clip is not None]
        return Batch(input_ids, attention_mask, labels, *stack(clips), n_shared)

    def _shared(self, rows: Sequence[tuple[Sequence[int], Sequence[int]]]) -> int:
        """How many first tokens of all prompts are read once; none to answer where a window would count the padding."""
        prompts, answers = zip(*rows, strict=True)
        reads_once = self.packs and self.shares_beginnings and (any(answers) or not has_windows(self.language_model))
        if not reads_once or len(rows) == 1:
            return 0
        same = takewhile(lambda column: {*column} == {column[0]} != {self.audio_token_id}, zip(*prompts, strict=False))
        return min(len(list(same)), min(map(len, prompts)) - 1)  # an answer follows the last token of a prompt

    def _token_ids(self, row: Row) -> tuple[list[int], list[int]]:
        before, after = self._ids(row.prompt.before), self._ids(row.prompt.after)
        if self.audio_token_id in (*before, *after):
            placeholder = self.tokenizer.convert_ids_to_tokens(self.audio_token_id)
            raise InputError(f"{row.prompt.before + row.prompt.after!r}: words cannot hold {placeholder}; take it out")
        heard = [] if row.clip is None else [self.audio_token_id] * row.clip.n_tokens
        prompt = [*before, *heard, *after]
        answer = [] if row.answer is None else self._ids(row.answer + self.chat.answer_end)
        return prompt, answer

    def n_positions(self, row: Row) -> int:
        """Its tokens, those that a clip stands for among them."""
        return sum(map(len, self._token_ids(row)))

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    # --- forward -------------------------------------------------------------------------------------------

    def embed(self, batch: Batch) -> Tensor:
        """Input embeddings (rows, tokens, width) with each clip's embeddings in place of its placeholders."""
        embeds: Tensor = self.model.get_input_embeddings()(batch.input_ids)
        states = batch.states
        if batch.mel is not None and batch.n_frames is not None:
            states = self.encode(batch.mel, batch.n_frames)
        if states is None:
            return embeds
        heard = self.adapt(states)
        slots = batch.input_ids == self.audio_token_id
        if int(slots.sum()) != heard.shape[0]:
            raise ValueError(f"{int(slots.sum())} audio placeholders for {heard.shape[0]} audio embeddings")
        return embeds.masked_scatter(slots[..., None], heard.to(embeds.dtype))

    def decoder_inputs(self, batch: Batch) -> dict[str, Tensor]:
        """What the decoder is given of a batch: the embeddings, and what some families need beside them."""
        return {"inputs_embeds": self.embed(batch)}

    def hidden(self, batch: Batch) -> Tensor:
        """The language model's last hidden states, (rows, tokens, width)."""
        if not self.packs:
            return self._padded(batch)
        pack = Pack(batch.attention_mask, batch.n_shared)
        positions = batch.attention_mask.cumsum(dim=1) - 1
        output = self.language_model(
            **{name: pack.lay(value) for name, value in self.decoder_inputs(batch).items()},
            attention_mask=pack.segments,
            position_ids=pack.lay(positions),
            use_cache=False,
        )
        return pack.lift(output.last_hidden_state)

    def _padded(self, batch: Batch) -> Tensor:
        """The same, as the library does it."""
        output = self.language_model(**self.decoder_inputs(batch), attention_mask=batch.attention_mask, use_cache=False)
        states: Tensor = output.last_hidden_state
        return states

    def _read(self, batch: Batch) -> tuple[Reader, Tensor]:
        """All of a batch, and the states (rows, tokens, width) of what its rows do not share, which is read once."""
        reader, inputs, n = Reader(self.language_model), self.decoder_inputs(batch), batch.n_shared
        if n:
            reader.read({name: value[:1, :n] for name, value in inputs.items()}, batch.attention_mask[:1, :n])
            reader.spread(len(batch.input_ids))
        return reader, reader.read({name: value[:, n:] for name, value in inputs.items()}, batch.attention_mask[:, n:])

    def head(self, hidden: Tensor) -> Tensor:
        """Logits over the vocabulary for any selection of hidden states."""
        logits: Tensor = self.model.lm_head(hidden)
        return logits

    @torch.no_grad()
    def generate(self, batch: Batch, decoding: Decoding, grammar: Grammar | None = None) -> list[str]:
        """One answer a row. A clip is encoded and a prompt read once, however many beams."""
        reader, read = self._read(batch)
        rules = self._rules(decoding, grammar)
        found = search(Writing(self, reader), self.head(read[:, -1]).float(), decoding.beams, rules)
        return [text.strip() for text in self.tokenizer.batch_decode(found, skip_special_tokens=True)]

    def _rules(self, decoding: Decoding, grammar: Grammar | None) -> Rules:
        """What answers keep to."""
        if grammar is None or decoding.constrain == "nothing":
            end = self.tokenizer.convert_tokens_to_ids(self.chat.answer_end)
            return Free(end, decoding.max_new_tokens, self.audio_token_id)
        # Rows that skip more or less than others are padded in between, which windows would count.
        skips = not has_windows(self.language_model)
        return self._constraint(grammar).rules(decoding.max_new_tokens, skips)

    def _constraint(self, grammar: Grammar) -> Constraint:
        """Made once: a large vocabulary takes seconds."""
        if grammar not in self._constraints:
            end = self.tokenizer.convert_tokens_to_ids(self.chat.answer_end)
            n_vocab = self.model.config.get_text_config().vocab_size
            self._constraints[grammar] = Constraint(grammar, self.tokenizer, n_vocab, end)
        return self._constraints[grammar]

    def save(self, folder: Path) -> None:
        """A checkpoint in the hub's layout, with all that is needed to load it elsewhere."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.extractor.save_pretrained(folder)


class Writing:
    """A model that reads on what a search writes."""

    def __init__(self, model: ChatModel, reader: Reader) -> None:
        self.model = model
        self.reader = reader
        reader.begin_search()

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows."""
        self.reader.keep(rows)

    def follow(self, tokens: Sequence[Answer]) -> Tensor:
        """Logits after them, (rows, vocabulary) in float32."""
        device = next(self.model.module.parameters()).device
        batch = left_padded(tokens, self.model.tokenizer.pad_token_id).to(device)
        states = self.reader.read(self.model.decoder_inputs(batch), batch.attention_mask)
        return self.model.head(states[:, -1]).float()


def transformers_is_at_least(least: str) -> bool:
    """Whether the library at hand has this major and minor version, or a later one."""
    here, needed = (tuple(map(int, text.split(".")[:2])) for text in (version("transformers"), least))
    return here >= needed


def left_padded(rows: Sequence[Sequence[int]], padding: int) -> Batch:
    """Tokens of text, with nothing to learn."""
    width = max(map(len, rows))
    input_ids = torch.tensor([[padding] * (width - len(row)) + [*row] for row in rows])
    attention_mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return Batch(input_ids, attention_mask, torch.full_like(input_ids, IGNORED))


def stack(clips: Sequence[Clip]) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Clips to (mel, n_frames, states): mels padded to the longest, or cached states one after another."""
    if not clips:
        return None, None, None
    if clips[0].states is not None:
        return None, None, torch.cat([clip.states for clip in clips if clip.states is not None])
    mels = [clip.mel for clip in clips if clip.mel is not None]
    width = max(mel.shape[-1] for mel in mels)
    padded = torch.stack([nn.functional.pad(mel, (0, width - mel.shape[-1])) for mel in mels])
    return padded, torch.tensor([clip.n_frames for clip in clips]), None
