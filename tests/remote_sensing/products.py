"""Writes small products in the real formats: Sentinel-2 L1C and L2A, Sentinel-1 GRD, aerial photographs, band files.

Grids are real UTM grids with smooth scenes in them, so that every pixel has a value and a place to be checked.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.transform import from_gcps, from_origin

S2_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
METRES = {band: 10 for band in ("B02", "B03", "B04", "B08")} | {band: 60 for band in ("B01", "B09", "B10")}
L2A_NAME = "S2A_MSIL2A_20230615T103031_N0509_R108_T32TQM_20230615T164500.SAFE"
L1C_NAME = "S2B_MSIL1C_20210710T101559_N0301_R065_T32TQM_20210710T122000.SAFE"
S1_NAME = "S1A_IW_GRDH_1SDV_20230616T053012_20230616T053037_049010_05E4C5_1A2B.SAFE"
ORIGIN = (699960.0, 5000040.0)  # of T32TQM, EPSG:32632


def scene_values(rows: int, columns: int, low: float, high: float, seed: int) -> np.ndarray:
    """(rows, columns) float: a few smooth hills with a grain."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns] / max(rows, columns)
    hills = sum(np.sin(noise.uniform(2, 9) * x + noise.uniform(2, 9) * y + noise.uniform(0, 6)) for _ in range(4))
    return low + (high - low) * (0.5 + hills / 10) + noise.normal(0, (high - low) / 50, (rows, columns))


def raster(path: Path, values: np.ndarray, *, transform=None, crs="EPSG:32632", driver="GTiff", **profile) -> Path:
    """(bands, rows, columns) to a file of their own type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    more = {"QUALITY": "100", "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}
    with rasterio.open(
        path, "w", driver=driver, count=len(values), height=values.shape[1], width=values.shape[2],
        dtype=values.dtype.name, crs=crs, transform=transform, **more, **profile,
    ) as file:  # fmt: skip
        file.write(values)
    return path


def sentinel2(
    folder: Path, *, level: str = "L2A", size: int = 600, baseline: str | None = None, dn: dict | None = None,
    clouds: float = 0.25, origin: tuple[float, float] = ORIGIN, crs: str = "EPSG:32632", empty_rows: int = 0,
) -> Path:  # fmt: skip
    """A product of `size` pixels of 10 m. `dn` gives constant digital numbers by band; the upper `clouds` are cloud."""
    l2a = level == "L2A"
    baseline = baseline or ("05.09" if l2a else "03.01")
    name = (L2A_NAME if l2a else L1C_NAME).replace("N0509" if l2a else "N0301", "N" + baseline.replace(".", ""))
    product = folder / name
    taken = name.split("_")[2]
    granule = product / "GRANULE" / f"{level}_T32TQM_A000000_{taken}" / "IMG_DATA"
    for number, band in enumerate(S2_BANDS):
        metres = METRES.get(band, 20)
        if l2a and band == "B10":
            continue
        side = size * 10 // metres
        if dn is not None:
            values = np.full((side, side), dn.get(band, 1000 + number))
        else:
            low, high = (2500, 5500) if band in ("B07", "B08", "B8A") else (1200, 2200)
            values = scene_values(side, side, low, high, number)
        if empty_rows:
            values[: max(1, empty_rows * side // size)] = 0
        values = np.clip(values, 0 if empty_rows else 1, 65535) if dn is None else values
        where = granule / f"R{metres}m" / f"T32TQM_{taken}_{band}_{metres}m.jp2"
        if not l2a:
            where = granule / f"T32TQM_{taken}_{band}.jp2"
        grid = from_origin(*origin, metres, metres)
        raster(where, values[None].astype(np.uint16), transform=grid, crs=crs, driver="JP2OpenJPEG")
    if l2a:
        side = size // 2
        classes = np.full((1, side, side), 4, dtype=np.uint8)
        classes[:, : int(side * clouds)] = 9
        if empty_rows:
            classes[:, : max(1, empty_rows * side // size)] = 0
        grid = from_origin(*origin, 20, 20)
        raster(granule / "R20m" / f"T32TQM_{taken}_SCL_20m.jp2", classes, transform=grid, crs=crs, driver="JP2OpenJPEG")
        quality = granule.parent / "QI_DATA"
        raster(
            quality / "MSK_DETFOO_B02.jp2",
            np.ones((1, 20, 20), np.uint8),
            transform=grid,
            crs=crs,
            driver="JP2OpenJPEG",
        )
    (product / f"MTD_MSI{level}.xml").write_text(_s2_manifest(name, level, baseline, taken, clouds))
    return product


def _s2_manifest(name: str, level: str, baseline: str, taken: str, clouds: float) -> str:
    when = f"{taken[:4]}-{taken[4:6]}-{taken[6:8]}T{taken[9:11]}:{taken[11:13]}:{taken[13:15]}.024Z"
    offset, add = ("BOA", "BOA_ADD_OFFSET") if level == "L2A" else ("Radiometric", "RADIO_ADD_OFFSET")
    values = "".join(f'<{add} band_id="{number}">-1000</{add}>' for number in range(13))
    offsets = f"<{offset}_Offset_List>{values}</{offset}_Offset_List>" if int(baseline[:2]) >= 4 else ""
    scale = "BOA_QUANTIFICATION_VALUE" if level == "L2A" else "QUANTIFICATION_VALUE"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-{level[1:]}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level[1:]}.xsd">
<n1:General_Info><Product_Info><PRODUCT_START_TIME>{when}</PRODUCT_START_TIME><PRODUCT_URI>{name}</PRODUCT_URI>
<PROCESSING_LEVEL>Level-{level[1:]}</PROCESSING_LEVEL><PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
<Datatake><SPACECRAFT_NAME>Sentinel-{name[1:3]}</SPACECRAFT_NAME></Datatake></Product_Info>
<Product_Image_Characteristics><{scale} unit="none">10000</{scale}>{offsets}</Product_Image_Characteristics>
</n1:General_Info><n1:Quality_Indicators_Info><Cloud_Coverage_Assessment>{clouds * 100}</Cloud_Coverage_Assessment>
</n1:Quality_Indicators_Info></n1:Level-{level[1:]}_User_Product>"""


def sentinel1(
    folder: Path, *, rows: int = 500, columns: int = 700, gain: float = 400.0, dn: int | None = None,
    polarisations: tuple[str, ...] = ("vv", "vh"), orbit: str = "Descending", name: str = S1_NAME,
) -> Path:  # fmt: skip
    """A GRD product of 10 m pixels over T32TQM, descending, with ground control points and a calibration table."""
    product = folder / name
    points = ground_points(rows, columns)
    lines = "".join(
        f"<calibrationVector><line>{line}</line><pixel count=\"3\">0 {columns // 2} {columns}</pixel>"
        f'<sigmaNought count="3">{gain:e} {gain:e} {gain:e}</sigmaNought></calibrationVector>'
        for line in (0, rows // 2, rows)
    )  # fmt: skip
    for number, band in enumerate(polarisations, start=1):
        stem = f"s1a-iw-grd-{band}-20230616t053012-20230616t053037-049010-05e4c5-00{number}"
        values = scene_values(rows, columns, 60, 300, number).clip(1) if dn is None else np.full((rows, columns), dn)
        path = product / "measurement" / f"{stem}.tiff"
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
            path, "w", driver="GTiff", count=1, height=rows, width=columns, dtype="uint16",
            gcps=[GroundControlPoint(*each) for each in points], crs="EPSG:4326",
        ) as file:  # fmt: skip
            file.write(values[None].astype(np.uint16))
        calibration = product / "annotation" / "calibration" / f"calibration-{stem}.xml"
        calibration.parent.mkdir(parents=True, exist_ok=True)
        calibration.write_text(
            f'<calibration><calibrationVectorList count="3">{lines}</calibrationVectorList></calibration>'
        )
        (product / "annotation" / f"{stem}.xml").write_text(
            "<product><adsHeader><missionId>S1A</missionId><startTime>2023-06-16T05:30:12.000000</startTime></adsHeader>"
            f"<generalAnnotation><productInformation><pass>{orbit}</pass></productInformation></generalAnnotation>"
            "</product>"
        )
    (product / "manifest.safe").write_text("<xfdu:XFDU xmlns:xfdu='urn:ccsds:schema:xfdu:1'/>")
    return product


def ground_points(rows: int, columns: int) -> list[tuple[float, float, float, float]]:
    """(row, column, lon, lat) of a grid turned by 10 degrees, of 10 m pixels from 11.5 E, 45.1 N."""
    turn, metre = np.radians(10), 1 / 111_195
    found = []
    for row in np.linspace(0, rows, 6):
        for column in np.linspace(0, columns, 8):
            east = 10 * (column * np.cos(turn) + row * np.sin(turn))
            north = 10 * (column * np.sin(turn) - row * np.cos(turn))
            lat = 45.1 + north * metre
            found.append((float(row), float(column), 11.5 + east * metre / np.cos(np.radians(45.1)), float(lat)))
    return found


def aerial(path: Path, *, rows: int = 400, columns: int = 500, metres: float = 0.5, crs: str = "EPSG:25832") -> Path:
    """Red, green, blue and near infrared, 8 bits, tiled, with the names of its bands."""
    values = np.stack([scene_values(rows, columns, 30, 200, band) for band in range(4)]).clip(1, 254).astype(np.uint8)
    grid = from_origin(705000, 4995000, metres, metres)
    raster(
        path, values, transform=grid, crs=crs, tiled=True, blockxsize=128, blockysize=128, photometric="RGB", alpha="NO"
    )
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("red", "green", "blue", "nir")
        file.update_tags(TIFFTAG_DATETIME="2022:07:03 09:15:00")
    return path


def zipped(product: Path) -> Path:
    """The product as an archive beside it; the folder goes."""
    made = Path(shutil.make_archive(str(product.with_suffix("")), "zip", product.parent, product.name))
    shutil.rmtree(product)
    return made


def north_up(points: list[tuple[float, float, float, float]]):
    """The affine transform of ground points, for comparison."""
    return from_gcps([GroundControlPoint(*each) for each in points])
