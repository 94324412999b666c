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
            frozenset({"images", "texts", "patches", "as_query"}),
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
        Offer(
            "combiner",
            "fieldglass.composers.combiner:Combiner",
            "picture and text joined by a trained network (arXiv 2308.11485)",
        ),
        Offer("oti", "fieldglass.composers.oti:Oti", "picture as a word, found for each query (arXiv 2303.15247)"),
        Offer(
            "weimocir", "fieldglass.composers.weimocir:WeiMoCir", "pictures and captions compared (arXiv 2409.04918)"
        ),
        Offer(
            "cirevl", "fieldglass.composers.cirevl:Cirevl", "the caption, edited as the text asks (arXiv 2310.09291)"
        ),
        Offer("alpha-qe", "fieldglass.composers.alpha_qe:AlphaQe", "a query moved towards its own first hits"),
        Offer(
            "chatir",
            "fieldglass.composers.chatir:ChatIr",
            "all that a dialogue said, as one sentence (arXiv 2305.20062)",
            frozenset({"history"}),
        ),
        Offer(
            "plugir",
            "fieldglass.composers.plugir:PlugIr",
            "a dialogue rewritten to one caption by a language model (arXiv 2406.03411)",
            frozenset({"history"}),
        ),
        Offer(
            "decayed",
            "fieldglass.composers.decayed:Decayed",
            "the turns of a session, the earlier ones with less weight, around any composer",
            frozenset({"history"}),
        ),
        Offer(
            "rocchio",
            "fieldglass.composers.rocchio:Rocchio",
            "a session's query moved to what was marked, away from what was refused",
            frozenset({"history"}),
        ),
    ]


@hookimpl
def fieldglass_indexes():  # type: ignore[no-untyped-def]
    return [
        Offer("exact", "fieldglass.indexes.exact:Exact", "every row, no training; up to about 100 000 items"),
        Offer("ivf", "fieldglass.indexes.ivf:Ivf", "faiss IVF with 4-bit codes, tuned to a recall target"),
        Offer(
            "binary",
            "fieldglass.indexes.binary:Binary",
            "faiss over hashes, one bit a dimension, by Hamming distance",
        ),
    ]


@hookimpl
def fieldglass_loaders():  # type: ignore[no-untyped-def]
    return [
        Offer("files", "fieldglass.loaders.files:Files", "a folder of pictures, or one file"),
        Offer("table", "fieldglass.loaders.table:Table", "CSV, TSV, JSONL or Parquet with a path column"),
        Offer("benchmark", "fieldglass.benchmarks.loader:BenchmarkPictures", "the gallery of a benchmark"),
    ]


@hookimpl
def fieldglass_rerankers():  # type: ignore[no-untyped-def]
    return [
        Offer(
            "superglobal",
            "fieldglass.rerankers.superglobal:SuperGlobal",
            "first hits by descriptors that their neighbours refine (arXiv 2308.06954)",
        ),
        Offer(
            "k-reciprocal",
            "fieldglass.rerankers.reciprocal:KReciprocal",
            "first hits by neighbourhoods that they share with the query (arXiv 1701.08398)",
        ),
        Offer(
            "local",
            "fieldglass.rerankers.local:Local",
            "first hits by local features that one homography explains (SIFT, or DELF-style: arXiv 1612.06321)",
        ),
        Offer("llm", "fieldglass.rerankers.llm:Llm", "first hits in a language model's order (arXiv 2509.14746)"),
    ]


@hookimpl
def fieldglass_benchmarks():  # type: ignore[no-untyped-def]
    return [
        Offer("fashioniq", "fieldglass.benchmarks.fashioniq:FashionIQ", "FashionIQ: R@10, R@50 (arXiv 1905.12794)"),
        Offer("cirr", "fieldglass.benchmarks.cirr:CIRR", "CIRR: R@k and Rs@k, val and server (arXiv 2108.04024)"),
        Offer("circo", "fieldglass.benchmarks.circo:CIRCO", "CIRCO: mAP@k, val and server (arXiv 2303.15247)"),
        Offer("genecis", "fieldglass.benchmarks.genecis:GeneCIS", "GeneCIS: four tasks, R@1, 2, 3 (arXiv 2306.07969)"),
        Offer(
            "imagenet-r",
            "fieldglass.benchmarks.domains:ImageNetR",
            "domain conversion on ImageNet-R, mAP (arXiv 2412.03297)",
        ),
        Offer(
            "imagenet-r-pic2word",
            "fieldglass.benchmarks.domains:ImageNetRPic2Word",
            "domain conversion on ImageNet-R, R@10, R@50 (arXiv 2302.03084)",
        ),
        Offer("nico", "fieldglass.benchmarks.domains:NICO", "domain conversion on NICO++, mAP (arXiv 2412.03297)"),
        Offer(
            "minidn",
            "fieldglass.benchmarks.domains:MiniDomainNet",
            "domain conversion on MiniDomainNet, mAP (arXiv 2412.03297)",
        ),
        Offer("ltll", "fieldglass.benchmarks.domains:LTLL", "domain conversion on LTLL, mAP (arXiv 2412.03297)"),
        Offer(
            "icir",
            "fieldglass.benchmarks.icir:ICIR",
            "i-CIR: one particular object and a text, mAP (arXiv 2510.25387)",
        ),
        Offer(
            "roxford5k",
            "fieldglass.benchmarks.revisited:ROxford",
            "revisited Oxford: mAP E, M, H (arXiv 1803.11285)",
        ),
        Offer("rparis6k", "fieldglass.benchmarks.revisited:RParis", "revisited Paris: mAP E, M, H (arXiv 1803.11285)"),
        Offer("ilias", "fieldglass.benchmarks.ilias:ILIAS", "ILIAS: mAP@1000 of particular objects (arXiv 2502.11748)"),
        Offer("inquire", "fieldglass.benchmarks.inquire:INQUIRE", "INQUIRE: AP@50, nDCG@50, MRR (arXiv 2411.02537)"),
        Offer("xtd10", "fieldglass.benchmarks.xtd10:XTD10", "XTD10: R@10 in many languages (arXiv 2012.05107)"),
        Offer(
            "imagecode",
            "fieldglass.benchmarks.imagecode:ImageCoDe",
            "ImageCoDe: which of ten pictures (arXiv 2203.15867)",
        ),
        Offer("lasco", "fieldglass.benchmarks.lasco:LaSCo", "LaSCo: R@k on COCO (arXiv 2303.09429)"),
        Offer(
            "visdial",
            "fieldglass.benchmarks.visdial:VisDial",
            "VisDial dialogues: Hits@10 by round, BRI (arXiv 2305.20062)",
        ),
        Offer(
            "package-pictures",
            "fieldglass.benchmarks.package_pictures:PackagePictures",
            "composed queries on photographs that packages carry: no download",
        ),
    ]


@hookimpl
def fieldglass_recipes():  # type: ignore[no-untyped-def]
    return [
        Offer(
            "combiner",
            "fieldglass.training.combiner:CombinerRecipe",
            "the network of the composer `combiner`, on cached vectors of any encoder",
        ),
        Offer(
            "lincir",
            "fieldglass.training.lincir:LincirRecipe",
            "the network of the composer `lincir`, from texts alone",
        ),
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
