"""A session's memory after FashionNTM (arXiv 2308.10170): one neural Turing machine a stream, cascaded.

The paper's code and sizes are not public: this is our own network after its description.
"""

from __future__ import annotations

from fieldglass_fashion.memory.cascade import STREAMS, Cascade, State
from fieldglass_fashion.memory.composer import SessionMemory
from fieldglass_fashion.memory.heads import address, read, write

__all__ = ["STREAMS", "Cascade", "SessionMemory", "State", "address", "read", "write"]
