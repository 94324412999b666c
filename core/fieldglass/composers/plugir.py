"""PlugIR's reformulation: a dialogue as one caption, written by a language model (arXiv 2406.03411)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fieldglass.composers.chatir import ChatIr
from fieldglass.errors import EndpointError
from fieldglass.interfaces import Composer

if TYPE_CHECKING:
    from fieldglass.llm import LanguageModel
    from fieldglass.types import GalleryView

__all__ = ["PlugIr"]

LONGEST = 400  # characters: what is longer is an essay, not a caption
INSTRUCTION = """You get what a person said, step by step, about one picture that they are looking for.
Write the caption of that picture: one plain sentence that names everything visible that was said.
Later statements correct earlier ones. Leave out what was denied, what is not visible, and every question.
Answer with the caption alone.

said: a man on a beach
said: is he alone? no, there is a dog
said: what is the dog doing? it runs after a ball
caption: a man on a beach with a dog that runs after a ball"""


class PlugIr(ChatIr):
    """`chatir` with the sentences rewritten to one caption by the language model `llm_model` at `llm_url`.

    Any endpoint that speaks OpenAI's protocol; without the two, those of FIELDGLASS_LLM_URL and FIELDGLASS_LLM_MODEL.
    Where there is none, or it does not answer, the sentences are joined as `chatir` does, and a note says so;
    `required` makes that an error. The first turn needs no rewriting. What is said about a private collection goes to
    no other machine unless `llm_private`.
    """

    name = "plugir"

    def __init__(
        self,
        *,
        llm_url: str = "",
        llm_model: str = "",
        llm_private: bool = False,
        required: bool = False,
        separator: str = ", ",
        base: str | Composer = "text",
        base_settings: str = "",
        field: str = "image",
    ) -> None:
        super().__init__(separator=separator, base=base, base_settings=base_settings, field=field)
        self.llm_private, self.required = llm_private, required
        self._model = self._made(llm_url, llm_model)

    def sentence(self, asked: Sequence[str], gallery: GalleryView, notes: dict[str, None]) -> str:
        """The caption that the model writes."""
        joined = super().sentence(asked, gallery, notes)
        if len(asked) == 1:
            return joined
        if self._model is None:
            notes["plugir has no language model (llm_url and llm_model): the turns are joined as chatir does."] = None
            return joined
        from fieldglass.llm import guard

        private = guard(gallery, self._model, allowed=self.llm_private)
        question = "\n".join(f"said: {' '.join(each.split())}" for each in asked) + "\ncaption:"
        try:
            answer = self._model.ask(
                question, system=INSTRUCTION, max_tokens=120, accept=_usable, keep=False if private else None
            )
        except EndpointError as error:
            if self.required:
                raise
            notes[f"plugir: {error.message} The turns are joined as chatir does."] = None
            return joined
        if not _usable(answer.text):
            notes["plugir: the language model wrote no caption. The turns are joined as chatir does."] = None
            return joined
        return _caption(answer.text)

    def _made(self, url: str, model: str) -> LanguageModel | None:
        """None where no endpoint is named anywhere; UsageError where half of one is, or one is required."""
        from fieldglass.llm import LanguageModel

        named = url or model or os.environ.get("FIELDGLASS_LLM_URL") or os.environ.get("FIELDGLASS_LLM_MODEL")
        return LanguageModel(url, model) if named or self.required else None


def _usable(answer: str) -> bool:
    return 0 < len(_caption(answer)) <= LONGEST


def _caption(answer: str) -> str:
    """The first line that says something, without the label and quotes that models put around it."""
    for line in answer.splitlines():
        text = line.strip()
        if text.lower().startswith("caption:"):
            text = text[len("caption:") :].strip()
        text = text.strip('"\u201c\u201d* ')
        if text:
            return text
    return ""
