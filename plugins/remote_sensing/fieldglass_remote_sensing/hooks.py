"""What this plugin adds to Fieldglass."""

from __future__ import annotations

from fieldglass.hooks import Offer, hookimpl


@hookimpl
def fieldglass_encoders():
    return [
        Offer(
            "rs/mini",
            "fieldglass_remote_sensing.mini:RemoteSensingMini",
            "the offline default for scenes of any bands: mini on a composite, land cover, spectral indices",
            frozenset({"images", "texts", "as_query"}),
        ),
        Offer(
            "rs/open_clip",
            "fieldglass_remote_sensing.open_clip:RemoteSensingClip",
            "RemoteCLIP, GeoRSCLIP, SkyCLIP, CrossText2Loc, any CLIP: scenes go in by a stated rendering",
            frozenset({"images", "texts", "raw", "tokens"}),
        ),
        Offer(
            "rs/closp",
            "fieldglass_remote_sensing.closp:Closp",
            "CLOSP, GeoCLOSP: Sentinel-1, Sentinel-2 and sentences in one space (arXiv 2507.10403)",
            frozenset({"images", "texts", "raw"}),
        ),
        Offer(
            "rs/backbone",
            "fieldglass_remote_sensing.backbone:Backbone",
            "SSL4EO-S12 and other self-supervised ResNets and ViTs on all bands, pictures alone",
            frozenset({"images"}),
        ),
    ]


@hookimpl
def fieldglass_composers():
    return [
        Offer(
            "rs/change",
            "fieldglass_remote_sensing.change:Change",
            "the same place at another date: most alike first, or most changed; with a text as weicom",
        )
    ]


@hookimpl
def fieldglass_benchmarks():
    place = "fieldglass_remote_sensing.benchmarks"
    return [
        Offer(
            "rs/patterncom", f"{place}.patterncom:PatternCom", "PatternCom: mAP of six attributes (arXiv 2405.15587)"
        ),
        Offer("rs/rsicd", f"{place}.captions:RSICD", "RSICD captions, both directions: mean recall (arXiv 1712.07835)"),
        Offer("rs/rsitmd", f"{place}.captions:RSITMD", "RSITMD captions: mean recall (arXiv 2204.09868)"),
        Offer("rs/ucm", f"{place}.captions:UCM", "captions of UC Merced: mean recall"),
        Offer("rs/patternnet", f"{place}.classes:PatternNet", "PatternNet, same class: mAP, ANMRR (arXiv 1706.03424)"),
        Offer("rs/eurosat", f"{place}.eurosat:EuroSAT", "EuroSAT, 13 bands, same class: mAP, ANMRR (arXiv 1709.00029)"),
        Offer("rs/cvg-text", f"{place}.cvg_text:CVGText", "CVG-Text, a street in words: R@k, L@d (arXiv 2412.17007)"),
        Offer("rs/crossviewret", f"{place}.cross_view:CrossViewRet", "ground and satellite, same class: mAP, P@k"),
        Offer(
            "rs/crisislandmark",
            f"{place}.crisislandmark:CrisisLandMark",
            "CrisisLandMark, radar and optical: nDCG@k (arXiv 2507.10403)",
        ),
    ]


@hookimpl
def fieldglass_commands():
    return [Offer("rs", "fieldglass_remote_sensing.commands:rs", "Satellite and aerial scenes.")]


@hookimpl
def fieldglass_demos():
    return [
        Offer(
            "rs/scenes",
            "fieldglass_remote_sensing.demo:scenes",
            "tiles of the Rocky Mountains and of farmland, on a map",
        )
    ]


@hookimpl
def fieldglass_loaders():
    return [Offer("rs/scenes", "fieldglass_remote_sensing.loader:Scenes", "tiles of satellite and aerial scenes")]


@hookimpl
def fieldglass_recipes():
    return [
        Offer(
            "rs/closp",
            "fieldglass_remote_sensing.closp_recipe:ClospRecipe",
            "CLOSP, GeoCLOSP: radar and optical towers that meet in captions",
        )
    ]
