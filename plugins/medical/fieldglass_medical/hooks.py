"""What this plugin adds to Fieldglass."""

from __future__ import annotations

from fieldglass.hooks import Offer, hookimpl


@hookimpl
def fieldglass_loaders():
    return [
        Offer(
            "med/dicom",
            "fieldglass_medical.loader:Dicom",
            "DICOM instances, frames, series and studies; ids as keyed hashes",
        ),
        Offer("med/nifti", "fieldglass_medical.nifti:Nifti", "NIfTI volumes; ids as keyed hashes"),
        Offer(
            "med/pictures",
            "fieldglass_medical.pictures:Pictures",
            "exported pictures of 8 or 16 bits, patients by folder, pattern or table; ids as keyed hashes",
        ),
        Offer(
            "med/video",
            "fieldglass_medical.video:Video",
            "frames of endoscopy videos; ids as keyed hashes (extra `video`)",
        ),
    ]


@hookimpl
def fieldglass_encoders():
    return [
        Offer(
            "med/mini",
            "fieldglass_medical.encoders.mini:MedicalMini",
            "the offline default for medical pictures: mini on windowed slices, volumes by pooled slices",
            frozenset({"images", "texts", "patches", "as_query"}),
        ),
        Offer(
            "med/slices",
            "fieldglass_medical.encoders.slices:SlicePooling",
            "any encoder of pictures on slices, volumes and clips: windowed, then pooled by mean or max",
            frozenset({"images"}),
        ),
        Offer(
            "med/endofinder",
            "fieldglass_medical.encoders.endofinder:EndoFinder",
            "EndoFinder: polyps found again in colonoscopy, as vectors or as hashes of 1024 bits",
            frozenset({"images", "patches"}),
        ),
        Offer(
            "med/endofinder-scene",
            "fieldglass_medical.encoders.endofinder_scene:EndoFinderScene",
            "EndoFinder's follow-up: one vector for all views of a polyp",
            frozenset({"images"}),
        ),
        Offer(
            "med/m3ret",
            "fieldglass_medical.encoders.m3ret:M3Ret",
            "one ViT for pictures, volumes and clips, of the recipe med/m3ret",
            frozenset({"images", "patches"}),
        ),
        Offer(
            "med/rad-dino",
            "fieldglass_medical.encoders.rad_dino:RadDino",
            "RAD-DINO: chest X-rays, by DINOv2 continued on them",
            frozenset({"images", "patches"}),
        ),
        Offer(
            "med/m3d-clip",
            "fieldglass_medical.encoders.m3d_clip:M3DClip",
            "M3D-CLIP: volumes of CT and sentences in one space",
            frozenset({"images", "texts", "patches"}),
        ),
        Offer(
            "med/ct-clip",
            "fieldglass_medical.encoders.ct_clip:CtClip",
            "CT-CLIP: chest CT in Hounsfield units, and reports where its vocabulary is given",
            frozenset({"images"}),
        ),
        Offer(
            "med/ptunifier",
            "fieldglass_medical.encoders.ptunifier:PTUnifier",
            "PTUnifier: radiology pictures and sentences; prompts stand for what is missing",
            frozenset({"images", "texts"}),
        ),
    ]


@hookimpl
def fieldglass_recipes():
    return [
        Offer(
            "med/m3ret",
            "fieldglass_medical.recipes.m3ret:M3RetRecipe",
            "one ViT on pictures, volumes and clips without labels, by MAE or SimDINO (after arXiv 2509.01360)",
        ),
        Offer(
            "med/endofinder",
            "fieldglass_medical.recipes.endofinder:EndoFinderRecipe",
            "pictures of polyps found again: contrast, entropy, and masking that leaves the polyp",
        ),
    ]


@hookimpl
def fieldglass_commands():
    return [Offer("med", "fieldglass_medical.commands:med", "Studies of patients: DICOM, private, for research.")]


@hookimpl
def fieldglass_benchmarks():
    place = "fieldglass_medical.benchmarks"
    return [
        Offer("med/3d-mir", f"{place}.mir3d:MIR3D", "CT volumes of four organs that share lesions"),
        Offer("med/chestxray14", f"{place}.chest_xrays:ChestXRay14", "chest X-rays that share a finding"),
        Offer("med/medmnist", f"{place}.medmnist:MedMNIST", "MedMNIST, 12 sets of pictures and 6 of volumes, by class"),
        Offer("med/polypscene", f"{place}.polyps:PolypScene", "polyps seen again, several views each"),
        Offer("med/polyptwin", f"{place}.polyps:PolypTwin", "polyps seen again, among distractors"),
    ]


@hookimpl
def fieldglass_demos():
    return [Offer("studies", "fieldglass_medical.demo:studies", "Real DICOM files that pydicom carries.")]
