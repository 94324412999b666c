"""What language models were asked, and what it cost."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace

from fieldglass.errors import UsageError

__all__ = ["Meter", "Price", "Usage", "total"]


@dataclass(frozen=True)
class Price:
    """What a million tokens cost: those sent, and those that come back."""

    tokens_in: float
    tokens_out: float

    @classmethod
    def parse(cls, text: str) -> Price:
        """ "0.15,0.6" -> Price(0.15, 0.6); UsageError for anything else."""
        try:
            price = cls(*map(float, text.split(",")))
        except (ValueError, TypeError):
            raise UsageError(f"A price is IN,OUT per million tokens, such as 0.15,0.6, not {text!r}.") from None
        if not all(math.isfinite(each) and each >= 0 for each in (price.tokens_in, price.tokens_out)):
            raise UsageError(f"A price is not below 0: {text!r}.")
        return price


@dataclass(frozen=True)
class Usage:
    """Questions answered (`kept` of them from the disk), requests that failed, tokens as the endpoint counts them."""

    asked: int = 0
    kept: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.asked + other.asked,
            self.kept + other.kept,
            self.failed + other.failed,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.seconds + other.seconds,
        )

    def since(self, earlier: Usage) -> Usage:
        """What was added to an earlier count."""
        minus = replace(
            earlier,
            asked=-earlier.asked,
            kept=-earlier.kept,
            failed=-earlier.failed,
            tokens_in=-earlier.tokens_in,
            tokens_out=-earlier.tokens_out,
            seconds=-earlier.seconds,
        )
        return self + minus

    def cost(self, price: Price) -> float:
        """In the currency of the price."""
        return (self.tokens_in * price.tokens_in + self.tokens_out * price.tokens_out) / 1e6

    def report(self, price: Price | None = None) -> str:
        """One line for people."""
        kept = f", {self.kept} of them kept from before" if self.kept else ""
        failed = f", {self.failed} failed requests" if self.failed else ""
        cost = f", cost {self.cost(price):.4f}" if price is not None else ""
        return (
            f"{self.asked} question{'' if self.asked == 1 else 's'}{kept}{failed}, {self.tokens_in} tokens in, "
            f"{self.tokens_out} out, {self.seconds:.1f} s{cost}"
        )


class Meter:
    """Adds up; safe in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sum = Usage()

    def add(self, usage: Usage) -> None:
        """Count this too."""
        with self._lock:
            self._sum = self._sum + usage

    @property
    def sum(self) -> Usage:
        """So far."""
        with self._lock:
            return self._sum


PROCESS = Meter()


def total() -> Usage:
    """What all language models of this process were asked so far."""
    return PROCESS.sum
