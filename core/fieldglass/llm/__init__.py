"""Language models behind any endpoint that speaks OpenAI's protocol: asked, retried, kept, counted.

    model = LanguageModel("http://127.0.0.1:8080/v1", "qwen2.5-vl")
    answer = model.ask(["Which colour is this dress?", jpeg_bytes], system="Answer with one word.")
    answer.text, answer.kept, model.usage.tokens_in

EndpointError where it does not answer. The key comes from FIELDGLASS_LLM_KEY alone.
"""

from __future__ import annotations

from fieldglass.llm.answers import Answer
from fieldglass.llm.client import LanguageModel
from fieldglass.llm.privacy import guard
from fieldglass.llm.usage import Price, Usage, total

__all__ = ["Answer", "LanguageModel", "Price", "Usage", "guard", "total"]
