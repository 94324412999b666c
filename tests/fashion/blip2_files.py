"""Small BLIP-2 checkpoints with random weights, in the layouts of transformers, LAVIS and SPRC."""

from __future__ import annotations

import json
from pathlib import Path

from fieldglass._torchvision import require

VISION = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 16, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip
QFORMER = {
    "hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 12, "intermediate_size": 40, "vocab_size": 30523,
    "max_position_embeddings": 64, "use_qformer_text_input": True,
}  # fmt: skip


def model(seed: int = 0):
    """transformers' own network, every tensor random."""
    torch, transformers = require("torch"), require("transformers")
    config = transformers.Blip2Config(
        vision_config=VISION, qformer_config=QFORMER, text_config={"model_type": "opt"},
        num_query_tokens=32, image_text_hidden_size=16,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = transformers.Blip2ForImageTextRetrieval(config).eval()
        with torch.no_grad():
            for name, each in made.named_parameters():  # large enough that every part of the input tells
                if each.ndim == 2 and "embeddings" not in name:
                    each.normal_(0, 2 / each.shape[1] ** 0.5)
                else:
                    each.normal_(1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0, 0.3)
    return made


def official(folder: Path, seed: int = 0) -> Path:
    """`model.safetensors` and `config.json` as `save_pretrained` writes them."""
    model(seed).save_pretrained(folder)
    return folder / "model.safetensors"


def lavis(path: Path, seed: int = 0, wrapper: str = "model", prompts: bool = False) -> Path:
    """The names of LAVIS, pickled by torch under `wrapper`; of SPRC with its prompt bank."""
    torch = require("torch")
    found = {}
    for name, value in model(seed).state_dict().items():
        new = name.replace("vision_model.embeddings.class_embedding", "visual_encoder.cls_token")
        new = new.replace("vision_model.embeddings.position_embedding", "visual_encoder.pos_embed")
        new = new.replace("vision_model.embeddings.patch_embedding", "visual_encoder.patch_embed.proj")
        new = new.replace("vision_model.encoder.layers", "visual_encoder.blocks")
        new = new.replace("layer_norm1", "norm1").replace("layer_norm2", "norm2")
        new = new.replace("self_attn.projection", "attn.proj").replace("self_attn", "attn")
        new = new.replace("vision_model.post_layernorm", "ln_vision")
        new = new.replace("qformer.layernorm", "Qformer.bert.embeddings.LayerNorm")
        new = new.replace("qformer.encoder", "Qformer.bert.encoder")
        new = new.replace(".attention.attention.", ".attention.self.")
        new = new.replace(".crossattention.attention.", ".crossattention.self.")
        if new.startswith("embeddings."):
            new = f"Qformer.bert.{new}"
        new = new.replace("vision_projection", "vision_proj").replace("text_projection", "text_proj")
        if new.endswith("attn.qkv.bias"):
            first, _, last = value.chunk(3)
            found[new.replace("qkv.bias", "q_bias")], found[new.replace("qkv.bias", "v_bias")] = first, last
            continue
        found[new] = value
    found["temp"] = torch.tensor(0.07)
    found["Qformer.cls.predictions.bias"] = torch.zeros(30523)
    found["Qformer.bert.embeddings.position_ids"] = torch.arange(64)[None]
    if prompts:
        found["prompt_tokens"] = torch.zeros(1, 32, 24)
    torch.save({"epoch": 3, wrapper: found}, path)
    return path


def described(folder: Path, **changes) -> None:
    """Change config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def trained(path: Path, base: str = "", *, adapted: bool = True, scale: float = 0.3, channels: int = 8) -> Path:
    """Adapters and a matching of 12 heads for these checkpoints, random; with scale 0 the adapters do nothing."""
    torch = require("torch")
    from fieldglass_fashion.blip2.adapters import Matching, adapters

    with torch.random.fork_rng():
        torch.manual_seed(5)
        state = {f"matching.{name}": value for name, value in Matching(32, 24, 12, channels).state_dict().items()}
        if adapted:
            made = adapters(VISION["hidden_size"], 4, VISION["num_hidden_layers"])
            state |= {
                f"adapters.{name}": scale * torch.randn_like(value) if ".up." in name else value
                for name, value in made.state_dict().items()
            }
    torch.save({"state_dict": state, "base": base}, path)
    return path
