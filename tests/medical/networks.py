"""Small checkpoints in the layouts of medical networks, with random weights: built from the names alone."""

from __future__ import annotations

import json
from pathlib import Path

from fieldglass._torchvision import require

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "red", "car", "left", "lung", "is", "clear", "##s"]


def drawn(shapes: dict[str, tuple[int, ...]], *, seed: int = 0, scale: float = 0.2) -> dict:
    """Tensors of the shapes: norms about 1, everything else about 0."""
    torch = require("torch")
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator) * scale
        norm = name.endswith((".gamma", "_scale", "lambda1")) or ("orm" in name.split(".")[-2:][0] and "weight" in name)
        ln = len(shape) == 1 and name.endswith("weight")
        found[name] = noise + 1 if norm or ln else noise
    return found


def bert_shapes(prefix: str, *, words: int = len(WORDS), width: int = 64, hidden: int = 96, layers: int = 2) -> dict:
    """A BERT of transformers, with its pooler and the table of positions of old files."""
    norm = {"weight": (width,), "bias": (width,)}
    shapes = {
        "embeddings.word_embeddings.weight": (words, width),
        "embeddings.position_embeddings.weight": (40, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "pooler.dense.weight": (width, width),
        "pooler.dense.bias": (width,),
        **{f"embeddings.LayerNorm.{name}": shape for name, shape in norm.items()},
    }
    for at in range(layers):
        shapes |= bert_layer(f"encoder.layer.{at}.", width, hidden)
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def bert_layer(prefix: str, width: int, hidden: int, *, across: bool = False) -> dict:
    shapes = {}
    for block in ("attention", "crossattention")[: 2 if across else 1]:
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _linear(f"{block}.{name}", width, width)
        shapes |= _norm(f"{block}.output.LayerNorm", width)
    shapes |= _linear("intermediate.dense", width, hidden) | _linear("output.dense", hidden, width)
    shapes |= _norm("output.LayerNorm", width)
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def vocabulary(folder: Path) -> Path:
    """A vocab.txt of fourteen words."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    return folder / "vocab.txt"


def m3d(folder: Path) -> Path:
    """M3D-CLIP: volumes of 8 x 16 x 16 by patches of 2 x 8 x 8, with config.json and vocabulary beside."""
    vocabulary(folder)
    said = {"img_size": [8, 16, 16], "patch_size": [2, 8, 8], "num_heads": 2, "model_type": "m3d_clip"}
    (folder / "config.json").write_text(json.dumps(said))
    width, hidden = 64, 96
    shapes = {
        "vision_encoder.patch_embedding.position_embeddings": (1, 16, width),
        **_linear("vision_encoder.patch_embedding.patch_embeddings.1", 128, width),
        "vision_encoder.cls_token": (1, 1, width),
        **_norm("vision_encoder.norm", width),
        **bert_shapes("language_encoder."),
        **_linear("mm_vision_proj", width, 32),
        **_linear("mm_language_proj", 64, 32),
        "logit_scale": (),
    }
    for at in range(2):
        block = f"vision_encoder.blocks.{at}."
        shapes |= _norm(f"{block}norm1", width) | _norm(f"{block}norm2", width)
        shapes |= {f"{block}attn.qkv.weight": (3 * width, width)} | _linear(f"{block}attn.out_proj", width, width)
        shapes |= _linear(f"{block}mlp.linear1", width, hidden) | _linear(f"{block}mlp.linear2", hidden, width)
    state = drawn(shapes)
    require("safetensors.torch").save_file(state, str(folder / "model.safetensors"))
    return folder / "model.safetensors"


def ct_clip(folder: Path, **changes: object) -> Path:
    """CT-CLIP for volumes of 6 x 16 x 16 by patches of 3 x 4 x 4: decoder and discriminator besides."""
    torch = require("torch")
    folder.mkdir(parents=True, exist_ok=True)
    width, heads, across, hidden, voxels = 32, 2, 16, 40, 48
    vision = {
        **_norm("to_patch_emb.1", voxels),
        **_linear("to_patch_emb.2", voxels, width),
        **_norm("to_patch_emb.3", width),
        **_linear("to_patch_emb_first_frame.2", 16, width),
        **_linear("to_pixels.0", width, voxels),
        **_linear("spatial_rel_pos_bias.net.0.0", 2, width),
        **_linear("spatial_rel_pos_bias.net.1.0", width, width),
        **_linear("spatial_rel_pos_bias.net.2", width, heads),
        "vq._codebook.embed": (1, 24, width),
        "vq._codebook.initted": (1,),
        "vq._codebook.cluster_size": (1, 24),
        "discr.blocks.0.conv_res.weight": (4, 1, 1, 1),
        "dec_spatial_transformer.norm_out.gamma": (width,),
    }
    for tower in ("enc_spatial_transformer", "enc_temporal_transformer"):
        for at in range(2):
            layer = f"{tower}.layers.{at}."
            vision |= {f"{layer}0.dsconv.weight": (width, 1, 3, 3, 3), f"{layer}0.dsconv.bias": (width,)}
            for norm in ("norm", "context_norm"):
                vision |= {f"{layer}1.{norm}.gamma": (width,), f"{layer}1.{norm}.beta": (width,)}
            vision |= {
                f"{layer}1.null_kv": (heads, 0, across // heads),
                f"{layer}1.to_q.weight": (across, width), f"{layer}1.to_kv.weight": (2 * across, width),
                f"{layer}1.q_scale": (across // heads,), f"{layer}1.k_scale": (across // heads,),
                f"{layer}1.to_out.weight": (width, across), **_norm(f"{layer}3.0", width),
                f"{layer}3.1.weight": (2 * hidden, width), f"{layer}3.4.weight": (width, hidden),
            }  # fmt: skip
        vision |= {f"{tower}.norm_out.gamma": (width,), f"{tower}.norm_out.beta": (width,)}
    shapes = {f"visual_transformer.{name}": shape for name, shape in vision.items()}
    shapes |= bert_shapes("text_transformer.") | {
        "to_text_latent.weight": (24, 64), "to_visual_latent.weight": (24, 4 * 4 * width), "temperature": (),
        "to_text_latent_extra.weight": (24, 64), "to_visual_latent_extra.weight": (24, 4 * 4 * width),
    }  # fmt: skip
    torch.save({**drawn(shapes), **changes}, folder / "CT-CLIP_v2.pt")
    return folder / "CT-CLIP_v2.pt"


def ptunifier(folder: Path, *, head: bool = True) -> Path:
    """PTUnifier as Lightning writes it: pictures of 32 pixels by patches of 8, with heads of its training."""
    vocabulary(folder)
    width, visual = 64, "vision_encoder.visual."
    shapes = {
        **bert_shapes("language_encoder."),
        f"{visual}conv1.weight": (width, 3, 8, 8),
        f"{visual}class_embedding": (width,),
        f"{visual}positional_embedding": (17, width),
        **_norm(f"{visual}ln_pre", width),
        **_norm(f"{visual}ln_post", width),
        "vision_encoder.token_embedding.weight": (10, 8),
        "vision_encoder.positional_embedding": (77, 8),
        "vision_encoder.ln_final.weight": (8,),
        **_linear("multi_modal_language_proj", width, width),
        **_linear("multi_modal_vision_proj", width, width),
        "modality_type_embeddings.weight": (2, width),
        **_linear("multi_modal_vision_pooler.dense", width, width),
        **_linear("multi_modal_language_pooler.dense", width, width),
        "pseudo_vision_token_pool": (60, width),
        "pseudo_language_token_pool": (50, width),
        **_linear("mlm_head.transform.dense", width, width),
        **_linear("itm_head.fc", 2 * width, 2),
    }
    for at in range(2):
        block = f"{visual}transformer.resblocks.{at}."
        shapes |= _norm(f"{block}ln_1", width) | _norm(f"{block}ln_2", width)
        shapes |= {f"{block}attn.in_proj_weight": (3 * width, width), f"{block}attn.in_proj_bias": (3 * width,)}
        shapes |= _linear(f"{block}attn.out_proj", width, width)
        shapes |= _linear(f"{block}mlp.c_fc", width, 4 * width) | _linear(f"{block}mlp.c_proj", 4 * width, width)
        for tower in ("vision", "language"):
            shapes |= bert_layer(f"multi_modal_{tower}_layers.{at}.", width, 96, across=True)
    if head:
        for tower in ("vision", "language"):
            shapes |= _norm(f"itc_head.{tower}_ln", 2 * width) | {f"itc_head.{tower}_proj.weight": (40, 2 * width)}
    state = {"state_dict": drawn(shapes), "epoch": 9, "hyper_parameters": {"config": {"vit": "ViT-B/32"}}}
    require("torch").save(state, folder / "ptunifier.ckpt")
    return folder / "ptunifier.ckpt"


def _linear(name: str, entering: int, leaving: int) -> dict:
    return {f"{name}.weight": (leaving, entering), f"{name}.bias": (leaving,)}


def _norm(name: str, width: int) -> dict:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
