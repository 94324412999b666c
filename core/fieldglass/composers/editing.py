"""Captions edited as an instruction asks: by a language model, or by a template that stands in for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fieldglass.errors import EndpointError

if TYPE_CHECKING:
    from fieldglass.llm import LanguageModel

__all__ = ["Editing", "filled", "parse"]

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


@dataclass
class Editing:
    """Edits captions for one batch of queries, and notes what stood in for the model.

    Where the endpoint is down `template` edits, unless the model is `required`: EndpointError then. An answer without
    an edited description is asked for again; where none comes the instruction stands for it, as the authors do.
    """

    model: LanguageModel
    template: str
    required: bool = False
    keep: bool = True
    noted: list[str] = field(default_factory=list)

    def edit(self, caption: str, instruction: str) -> str:
        """The caption of what is looked for."""
        question = f"Image Content: {' '.join(caption.split())}\nInstruction: {' '.join(instruction.split())}"
        try:
            said = self.model.ask(
                question, system=INSTRUCTION, accept=lambda text: parse(text) is not None, keep=self.keep
            )
        except EndpointError as error:
            if self.required:
                raise
            self._note(f"The template edited the caption: {error.message}")
            return filled(self.template, caption, instruction)
        found = parse(said.text)
        if found is None:
            self._note("The language model edited no caption: the text alone was searched.")
        return found or instruction

    def notes(self) -> tuple[str, ...]:
        """Those since the last call."""
        found, self.noted = tuple(self.noted), []
        return found

    def _note(self, text: str) -> None:
        if text not in self.noted:
            self.noted.append(text)


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
