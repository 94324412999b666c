"""Captions edited by a language model behind an endpoint that speaks OpenAI's protocol; each answer is kept."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import urllib.request

from fieldglass.errors import QueryError, UsageError
from fieldglass.models.cache import cache_dir, write_atomic

__all__ = ["ModelEdit", "parse"]

VERSION = 1  # of the instruction below: another one asks again
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


class ModelEdit:
    """(caption, instruction) -> edited caption by POST to `url`/chat/completions, at temperature 0.

    The key comes from FIELDGLASS_LLM_KEY alone. Answers are kept in the user's cache by model, caption and
    instruction. QueryError where the endpoint does not answer within `timeout_s`, twice.
    """

    def __init__(self, url: str, model: str, *, timeout_s: float = 60.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"llm_url is an http address, not {url!r}.")
        self.url, self.model, self.timeout_s = url.rstrip("/"), model, timeout_s

    def __call__(self, caption: str, instruction: str) -> str:
        """The edited caption; the instruction itself where the answer has none, as the authors do."""
        key = json.dumps([VERSION, self.url, self.model, caption, instruction])
        kept = cache_dir() / "edits" / f"{hashlib.sha256(key.encode()).hexdigest()}.txt"
        try:
            return kept.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            found = parse(self._asked(f"Image Content: {caption}\nInstruction: {instruction}"), instruction)
        write_atomic(kept, found.encode())
        return found

    def _asked(self, question: str) -> str:
        messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question}]
        body = json.dumps({"model": self.model, "messages": messages, "temperature": 0, "max_tokens": 700})
        headers = {"Content-Type": "application/json"}
        key = os.environ.get("FIELDGLASS_LLM_KEY")
        if key:
            headers["Authorization"] = f"Bearer {key}"
        reason = ""
        for _ in range(2):
            request = urllib.request.Request(f"{self.url}/chat/completions", body.encode(), headers)
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:
                    return str(json.load(answer)["choices"][0]["message"]["content"])
            except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
                reason = str(error) or type(error).__name__
        raise QueryError(
            f"The language model at {self.url} gave no answer: {reason}.",
            hint="Leave llm_url out: the template then edits the captions.",
        )


def parse(answer: str, instruction: str) -> str:
    """What follows the label on the first line that has it; the instruction where none does."""
    for line in answer.splitlines():
        text = line.strip()
        if text.lower().startswith(LABEL.lower()) and text[len(LABEL) :].strip():
            return text[len(LABEL) :].strip()
    return instruction
