"""What of a header may enter the index: an allow-list of tags, and of what their values may be.

A tag is free text to whoever typed it, whatever the standard says; so a value passes only where it is a number,
or a word of a list. No date, name, identifier or description is among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fieldglass_medical.frames import count
from fieldglass_medical.pixels import number

__all__ = ["COLUMNS", "columns_of", "is_public"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MODALITIES = _words(
    "AR BI BMD CFM CR CT DG DMS DX ECG EEG EPS ES GM HC HD IO IVOCT IVUS KER LEN LS MG MR NM OAM OCT OP OPM OPT OPTBSV "
    "OPTENF OPV OSS OT PT PX REG RESP RF RG RTIMAGE SC SEG SM SRF TG US VA XA XC RTDOSE PR"
)
_BODY_PARTS = _words(
    "ABDOMEN ABDOMENPELVIS ADRENAL ANKLE AORTA ARM AXILLA BACK BLADDER BRAIN BREAST BRONCHUS BUTTOCK CALCANEUS CALF "
    "CAROTID CEREBELLUM CERVIX CHEEK CHEST CHESTABDOMEN CHESTABDPELVIS CLAVICLE COCCYX COLON CORNEA CORONARYARTERY "
    "CSPINE CTSPINE DUODENUM EAR ELBOW ESOPHAGUS EXTREMITY EYE EYELID FACE FEMUR FINGER FOOT GALLBLADDER HAND HEAD "
    "HEADNECK HEART HIP HUMERUS ILEUM IAC ILIUM JAW JEJUNUM KIDNEY KNEE LARYNX LEG LIVER LSPINE LSSPINE LUNG MANDIBLE "
    "MAXILLA MEDIASTINUM MOUTH NECK NECKCHEST NECKCHESTABDOMEN NECKCHESTABDPELV NOSE ORBIT OVARY PANCREAS PAROTID "
    "PATELLA PELVIS PENIS PHARYNX PROSTATE RECTUM RIB SACRUM SCALP SCAPULA SCLERA SCROTUM SHOULDER SIJOINT SKULL "
    "SPINE SPLEEN SSPINE STERNUM STOMACH SUBMANDIBULAR TESTIS THIGH THUMB THYMUS THYROID TLSPINE TMJ TOE TONGUE "
    "TRACHEA TSPINE UMBILICUS URETER URETHRA UTERUS VAGINA VULVA WHOLEBODY WRIST ZYGOMA"
)
_VIEWS = _words("AP PA LL RL RLD LLD RLO LLO LAT CC MLO ML LM XCCL XCCM AT CV FB SIO LMO OBL")
_MAKERS = {
    "agfa": "Agfa", "canon": "Canon", "carestream": "Carestream", "elscint": "Elscint", "esaote": "Esaote",
    "fuji": "Fujifilm", "ge medical": "GE", "ge healthcare": "GE", "hitachi": "Hitachi", "hologic": "Hologic",
    "kodak": "Kodak", "konica": "Konica Minolta", "lorad": "Hologic", "marconi": "Marconi", "mindray": "Mindray",
    "neusoft": "Neusoft", "olympus": "Olympus", "pentax": "Pentax", "philips": "Philips", "picker": "Picker",
    "samsung": "Samsung", "shimadzu": "Shimadzu", "siemens": "Siemens", "sonosite": "SonoSite", "toshiba": "Toshiba",
    "united imaging": "United Imaging", "zeiss": "Zeiss",
}  # fmt: skip
_KERNEL = re.compile(r"(?:[ABDHIJQTU][a-z]?\d{1,2}[a-z]?|STANDARD|LUNG|BONE|BONEPLUS|SOFT|DETAIL|EDGE|FC\d{2}|[A-FYL])")
_AGE = re.compile(r"(\d{3})([DWMY])")
_PER_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_OLDEST = 90  # beyond, an age tells who someone is
_SAID = frozenset({each.upper() for each in _MAKERS.values()} | {"LIKELY", "UNKNOWN"})
_SCREENS = {"SECONDARY", "SCREEN SAVE"}
_WRITTEN_ON = {"US", "SC", "OT", "ES"}


COLUMNS = _words(
    "modality body_part view sex age manufacturer kernel kvp slice_thickness rows columns frames burned_in frame "
    "slices slice_spacing phase tilt series instances patient study duration truncated doubt second window_center "
    "window_width"
)


def is_public(text: str) -> bool:
    """Whether a text is a word of the lists, or a number: it may stand in a collection."""
    word = text.strip().upper()
    if word in _MODALITIES | _BODY_PARTS | _VIEWS | _SAID or _KERNEL.fullmatch(text):
        return True
    return not word.strip("0123456789.+-E ")


def columns_of(header: Any) -> dict[str, Any]:
    """The typed columns of an item, without those that the file does not tell."""
    found: dict[str, Any] = {
        "modality": _word(header, "Modality", _MODALITIES),
        "body_part": _word(header, "BodyPartExamined", _BODY_PARTS),
        "view": _word(header, "ViewPosition", _VIEWS),
        "sex": _word(header, "PatientSex", frozenset("FMO")),
        "age": _age(header),
        "manufacturer": _maker(header),
        "kernel": _kernel(header),
        "kvp": number(header, "KVP"),
        "slice_thickness": number(header, "SliceThickness"),
        "rows": int(header.Rows),
        "columns": int(header.Columns),
        "frames": count(header),
        "burned_in": _burned_in(header),
    }
    return {name: value for name, value in found.items() if value is not None and value != ""}


def _word(header: Any, keyword: str, allowed: frozenset[str]) -> str | None:
    value = str(header.get(keyword) or "").strip().upper()
    return value if value in allowed else None


def _age(header: Any) -> int | None:
    found = _AGE.fullmatch(str(header.get("PatientAge") or ""))
    if found is None:
        return None
    return min(int(int(found[1]) / _PER_YEAR[found[2]]), _OLDEST)


def _maker(header: Any) -> str | None:
    said = str(header.get("Manufacturer") or "").lower()
    return next((name for part, name in _MAKERS.items() if part in said), None)


def _kernel(header: Any) -> str | None:
    value = header.get("ConvolutionKernel")
    first = value if isinstance(value, str) else next(iter(value or []), "")
    return str(first) if _KERNEL.fullmatch(str(first)) else None


def _burned_in(header: Mapping[str, Any]) -> str:
    """ "yes" or "no" as the file says; where it does not, "likely" for screens, ultrasound and endoscopy."""
    said = str(header.get("BurnedInAnnotation") or "").upper()
    if said in ("YES", "NO"):
        return said.lower()
    kind = header.get("ImageType") or []
    screen = _SCREENS & {str(each).upper() for each in ([kind] if isinstance(kind, str) else kind)}
    return "likely" if screen or header.get("Modality") in _WRITTEN_ON else "unknown"
