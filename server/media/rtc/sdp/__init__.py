"""Session descriptions of peers, read as the RFCs have them (8866, 3264, 8829), and answered section by section."""

from .candidates import MAX_CANDIDATES, is_mdns, read_candidate, usable
from .codecs import CARRIED, Carried, sent_codec
from .description import RemoteDescription, Section, read
from .translation import agreed_codecs, agreed_extensions, complete_answer, match, to_aiortc

__all__ = [
    "CARRIED",
    "MAX_CANDIDATES",
    "Carried",
    "RemoteDescription",
    "Section",
    "agreed_codecs",
    "agreed_extensions",
    "complete_answer",
    "is_mdns",
    "match",
    "read",
    "read_candidate",
    "sent_codec",
    "to_aiortc",
    "usable",
]
