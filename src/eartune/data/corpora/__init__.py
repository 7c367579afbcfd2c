"""Corpora: each file reads one of them into `Utterance`s, and opens with a real row of it."""

from typing import Annotated

from pydantic import Field

from eartune.data.corpora.covost2 import Covost2Corpus
from eartune.data.corpora.crema_d import CremaDCorpus
from eartune.data.corpora.fleurs import FleursCorpus
from eartune.data.corpora.fluent import FluentCorpus
from eartune.data.corpora.grammar import GrammarCorpus
from eartune.data.corpora.iemocap import IemocapCorpus
from eartune.data.corpora.italic import ItalicCorpus
from eartune.data.corpora.manifest import ManifestCorpus
from eartune.data.corpora.massive import MassiveCorpus
from eartune.data.corpora.meld import MeldCorpus
from eartune.data.corpora.nlu_eval import NluEvalCorpus
from eartune.data.corpora.picovoice import PicovoiceCorpus
from eartune.data.corpora.ravdess import RavdessCorpus
from eartune.data.corpora.slurp import SlurpCorpus
from eartune.data.corpora.snips import SnipsCorpus
from eartune.data.corpora.source import Source
from eartune.data.corpora.speech_massive import SpeechMassiveCorpus
from eartune.data.corpora.xsid import XsidCorpus

Corpus = Annotated[
    Covost2Corpus
    | CremaDCorpus
    | FleursCorpus
    | FluentCorpus
    | GrammarCorpus
    | IemocapCorpus
    | ItalicCorpus
    | ManifestCorpus
    | MassiveCorpus
    | MeldCorpus
    | NluEvalCorpus
    | PicovoiceCorpus
    | RavdessCorpus
    | SlurpCorpus
    | SnipsCorpus
    | SpeechMassiveCorpus
    | XsidCorpus,
    Field(discriminator="corpus"),
]
CORPORA = (
    Covost2Corpus,
    CremaDCorpus,
    FleursCorpus,
    FluentCorpus,
    GrammarCorpus,
    IemocapCorpus,
    ItalicCorpus,
    ManifestCorpus,
    MassiveCorpus,
    MeldCorpus,
    NluEvalCorpus,
    PicovoiceCorpus,
    RavdessCorpus,
    SlurpCorpus,
    SnipsCorpus,
    SpeechMassiveCorpus,
    XsidCorpus,
)

__all__ = ["CORPORA", "Corpus", "Source"]
