"""Corpora: each file knows one, opens with a real row of it, and gives `Utterance`s."""

from typing import Annotated

from pydantic import Field

from eartune.corpora.fluent import FluentCorpus
from eartune.corpora.grammar import GrammarCorpus
from eartune.corpora.italic import ItalicCorpus
from eartune.corpora.manifest import ManifestCorpus
from eartune.corpora.massive import MassiveCorpus
from eartune.corpora.nlu_eval import NluEvalCorpus
from eartune.corpora.picovoice import PicovoiceCorpus
from eartune.corpora.slurp import SlurpCorpus
from eartune.corpora.snips import SnipsCorpus
from eartune.corpora.source import Source
from eartune.corpora.speech_massive import SpeechMassiveCorpus
from eartune.corpora.xsid import XsidCorpus

Corpus = Annotated[
    FluentCorpus
    | GrammarCorpus
    | ItalicCorpus
    | ManifestCorpus
    | MassiveCorpus
    | NluEvalCorpus
    | PicovoiceCorpus
    | SlurpCorpus
    | SnipsCorpus
    | SpeechMassiveCorpus
    | XsidCorpus,
    Field(discriminator="corpus"),
]
CORPORA = (
    FluentCorpus,
    GrammarCorpus,
    ItalicCorpus,
    ManifestCorpus,
    MassiveCorpus,
    NluEvalCorpus,
    PicovoiceCorpus,
    SlurpCorpus,
    SnipsCorpus,
    SpeechMassiveCorpus,
    XsidCorpus,
)

__all__ = ["CORPORA", "Corpus", "Source"]
