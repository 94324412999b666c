"""What the core itself offers, through the same hooks as any plugin."""

from __future__ import annotations

from fieldglass.hooks import Offer, hookimpl


@hookimpl
def fieldglass_encoders():  # type: ignore[no-untyped-def]
    return [
        Offer(
            "mini",
            "fieldglass.encoders.mini:Mini",
            "EfficientNet-lite0 and MiniLM, the offline default: which of about 1000 kinds of thing",
            frozenset({"images", "texts", "as_query"}),
        ),
        Offer(
            "open_clip",
            "fieldglass.encoders.open_clip:OpenClip",
            "any CLIP of open_clip: --set model=ViT-B-32 --set pretrained=openai, hf-hub:..., or --weights FILE",
            frozenset({"images", "texts", "raw", "tokens"}),
        ),
        Offer(
            "timm",
            "fieldglass.encoders.timm:Timm",
            "any image backbone of timm (DINOv2, DINOv3, SigLIP vision ...): --set model=...",
            frozenset({"images"}),
        ),
    ]


@hookimpl
def fieldglass_composers():  # type: ignore[no-untyped-def]
    return [
        Offer("image", "fieldglass.composers.single:Image", "the pictures of the query alone"),
        Offer("text", "fieldglass.composers.single:Text", "the sentences of the query alone"),
        Offer("sum", "fieldglass.composers.linear:Sum", "weighted sum of picture and text vectors"),
        Offer("slerp", "fieldglass.composers.linear:Slerp", "spherical interpolation from picture to text"),
        Offer("weicom", "fieldglass.composers.weicom:WeiCom", "weighted sum of calibrated scores (arXiv 2405.15587)"),
        Offer("product", "fieldglass.composers.fusions:Product", "picture score times text score"),
        Offer("percentile", "fieldglass.composers.fusions:Percentile", "weighted sum of percentile ranks"),
        Offer("zscore", "fieldglass.composers.fusions:ZScore", "weighted sum of z-scores"),
        Offer("rrf", "fieldglass.composers.fusions:Rrf", "reciprocal rank fusion of the picture's and the text's list"),
        Offer("blend", "fieldglass.composers.blend:Blend", "any two composers: --set first=... --set second=..."),
        Offer(
            "pdv", "fieldglass.composers.pdv:Pdv", "prompt directions around any text-space composer (arXiv 2502.07215)"
        ),
        Offer(
            "freedom",
            "fieldglass.composers.freedom:FreeDom",
            "another domain, by the neighbours' words (arXiv 2412.03297)",
        ),
        Offer(
            "basic", "fieldglass.composers.basic:Basic", "centred, projected, expanded, multiplied (arXiv 2510.25387)"
        ),
        Offer(
            "pic2word", "fieldglass.composers.inversion:Pic2Word", "picture as a word, by a network (arXiv 2302.03084)"
        ),
        Offer("searle", "fieldglass.composers.inversion:Searle", "picture as a word, by a network (arXiv 2303.15247)"),
        Offer("lincir", "fieldglass.composers.inversion:Lincir", "picture as a word, by a network (arXiv 2312.01998)"),
        Offer("oti", "fieldglass.composers.oti:Oti", "picture as a word, found for each query (arXiv 2303.15247)"),
        Offer(
            "weimocir", "fieldglass.composers.weimocir:WeiMoCir", "pictures and captions compared (arXiv 2409.04918)"
        ),
        Offer(
            "cirevl", "fieldglass.composers.cirevl:Cirevl", "the caption, edited as the text asks (arXiv 2310.09291)"
        ),
        Offer("alpha-qe", "fieldglass.composers.alpha_qe:AlphaQe", "a query moved towards its own first hits"),
    ]


@hookimpl
def fieldglass_indexes():  # type: ignore[no-untyped-def]
    return [
        Offer("exact", "fieldglass.indexes.exact:Exact", "every row, no training; up to about 100 000 items"),
        Offer("ivf", "fieldglass.indexes.ivf:Ivf", "faiss IVF with 4-bit codes, tuned to a recall target"),
    ]


@hookimpl
def fieldglass_loaders():  # type: ignore[no-untyped-def]
    return [
        Offer("files", "fieldglass.loaders.files:Files", "a folder of pictures, or one file"),
        Offer("table", "fieldglass.loaders.table:Table", "CSV, TSV, JSONL or Parquet with a path column"),
    ]


@hookimpl
def fieldglass_metadata(item, paths):  # type: ignore[no-untyped-def]
    from fieldglass.loaders.headers import picture_columns

    return picture_columns(item, paths)


@hookimpl
def fieldglass_demos():  # type: ignore[no-untyped-def]
    return [
        Offer(
            "photographs",
            "fieldglass.demo.photographs:photographs",
            "twenty photographs that scikit-image and scikit-learn carry, five searches",
        )
    ]
