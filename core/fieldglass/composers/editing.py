"""Captions edited as an instruction asks: by a language model, or by a template that stands in for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fieldglass.errors import EndpointError
from fieldglass.parallel import each

if TYPE_CHECKING:
    from fieldglass.llm import LanguageModel

__all__ = ["Editing", "Pair", "filled", "parse"]

Pair = tuple[str, str]  # a caption, and the instruction that changes it
LABEL = "Edited Description:"
INSTRUCTION = f"""You get the description of a picture and an instruction that changes it.
Answer with one line that begins with "{LABEL}" and describes the changed picture in one short sentence.
Keep everything that the instruction does not change, and name nothing that is no longer there.

Image Content: a brown dog sits on a sofa
Instruction: on a beach at night
{LABEL} a brown dog sits on a beach at night

Image Content: a red dress with long sleeves and a belt
Instruction: is blue and sleeveless
{LABEL} a blue sleeveless dress with a belt"""


@dataclass(frozen=True)
class Editing:
    """Edits captions by a model; each result comes with a note on what stood in for it, "" for nothing.

    Where the endpoint is down `template` edits, unless the model is `required`: EndpointError then. An answer without
    an edited description is asked for again; where none comes the instruction stands for it, as the authors do.
    """

    model: LanguageModel
    template: str
    required: bool = False
    keep: bool = True

    def all(self, pairs: Sequence[Pair]) -> dict[Pair, tuple[str, str]]:
        """(caption, instruction) -> (the caption of what is looked for, note); each distinct pair is asked once."""
        distinct = list(dict.fromkeys(pairs))
        return dict(zip(distinct, each(self.edit, distinct, self.model.threads), strict=True))

    def edit(self, pair: Pair) -> tuple[str, str]:
        """One of them."""
        caption, instruction = pair
        question = f"Image Content: {' '.join(caption.split())}\nInstruction: {' '.join(instruction.split())}"
        try:
            said = self.model.ask(
                question, system=INSTRUCTION, accept=lambda text: parse(text) is not None, keep=self.keep
            )
        except EndpointError as error:
            if self.required:
                raise
            return filled(self.template, caption, instruction), f"The template edited the caption: {error.message}"
        found = parse(said.text)
        if found is None:
            return instruction, "The language model edited no caption: the text alone was searched."
        return found, ""


def filled(template: str, caption: str, instruction: str) -> str:
    """ "{caption}, but {instruction}" with both put in."""
    return template.replace("{instruction}", instruction).replace("{caption}", caption.rstrip(". "))


def parse(answer: str) -> str | None:
    """What follows the label on the first line that has it; None where none does."""
    for line in answer.splitlines():
        text = line.strip().strip("*").strip()
        if text.lower().startswith(LABEL.lower()):
            found = text[len(LABEL) :].strip().strip("*").strip()
            if found:
                return found
    return None
