"""Corpora: each file knows one, opens with a real row of it, and gives `Utterance`s."""

from typing import Annotated

from pydantic import Field

from eartune.corpora.grammar import GrammarCorpus
from eartune.corpora.manifest import ManifestCorpus
from eartune.corpora.picovoice import PicovoiceCorpus
from eartune.corpora.source import Source

Corpus = Annotated[GrammarCorpus | ManifestCorpus | PicovoiceCorpus, Field(discriminator="corpus")]
CORPORA = (GrammarCorpus, ManifestCorpus, PicovoiceCorpus)

__all__ = ["CORPORA", "Corpus", "GrammarCorpus", "ManifestCorpus", "PicovoiceCorpus", "Source"]
