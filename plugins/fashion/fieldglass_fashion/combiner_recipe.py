"""The recipe `fashion/combiner`: the core's `combiner`, set up for garments."""

from __future__ import annotations

from typing import Literal

from fieldglass.training.combiner import CombinerRecipe

__all__ = ["FashionCombinerRecipe"]


class FashionCombinerRecipe(CombinerRecipe):
    """The recipe `combiner` with the negatives of SPN4CIR (arXiv 2404.11317) and multi-grained uncertainty
    (arXiv 2211.07394), which are options there, and with `fashion/mini` where a benchmark is encoded.

    Minutes on a CPU: vectors are computed once. The composer `combiner` reads what it saves.

    :param triplets: a file with the columns reference, text, target, as `fieldglass fashion caption-pairs` writes it.
    :param collection: the collection whose pictures they name.
    :param bank: negatives are all references and targets of the training set, not those of the batch alone.
    :param uncertainty: the scale of the regulariser; 0 is without.
    :param temperature: SPN4CIR has 0.01 to 0.02 with a bank.
    """

    name = "fashion/combiner"

    def __init__(
        self,
        *,
        triplets: str = "",
        collection: str = "",
        validation: str = "",
        held_out: float = 0.1,
        benchmark: str = "",
        root: str = "",
        encoder: str = "fashion/mini",
        encoder_options: str = "",
        epochs: int = 50,
        patience: int = 10,
        metric: Literal["R@1", "R@10", "R@50", "mean"] = "mean",
        batch: int = 256,
        lr: float = 1e-4,
        projection: int = 0,
        hidden: int = 0,
        dropout: float = 0.5,
        temperature: float = 0.02,
        bank: bool = True,
        uncertainty: float = 1.0,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        super().__init__(
            triplets=triplets,
            collection=collection,
            validation=validation,
            held_out=held_out,
            benchmark=benchmark,
            root=root,
            encoder=encoder,
            encoder_options=encoder_options,
            epochs=epochs,
            patience=patience,
            metric=metric,
            batch=batch,
            lr=lr,
            projection=projection,
            hidden=hidden,
            dropout=dropout,
            temperature=temperature,
            bank=bank,
            uncertainty=uncertainty,
            seed=seed,
            device=device,
        )
