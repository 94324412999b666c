"""Hits as KML 2.2, for globes."""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from typing import TYPE_CHECKING, Any

from fieldglass.spatial.features import Feature
from fieldglass.spatial.geojson import mapping

if TYPE_CHECKING:
    from fieldglass.result import SearchResult

__all__ = ["kml"]

_SPACE = "http://www.opengis.net/kml/2.2"


def kml(result: SearchResult) -> str:
    """A document with one placemark per hit that has a place: name, rank and columns, footprint or pin."""
    root = Xml.Element("kml", xmlns=_SPACE)
    document = Xml.SubElement(root, "Document")
    Xml.SubElement(document, "name").text = _clean(str(result.asked) or "Fieldglass")
    style = Xml.SubElement(Xml.SubElement(document, "Style", id="hit"), "PolyStyle")
    Xml.SubElement(style, "color").text = "402b69f5"  # alpha, blue, green, red
    for feature in result.features():
        if feature.geometry is not None:
            _placemark(document, feature)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _placemark(document: Xml.Element, feature: Feature) -> None:
    mark = Xml.SubElement(document, "Placemark")
    Xml.SubElement(mark, "name").text = _clean(f"{feature.hit.rank or '★'}. {feature.hit.id}")
    Xml.SubElement(mark, "styleUrl").text = "#hit"
    data = Xml.SubElement(mark, "ExtendedData")
    for name, value in feature.properties.items():
        if value is not None:
            Xml.SubElement(Xml.SubElement(data, "Data", name=_clean(name)), "value").text = _clean(str(value))
    _geometry(mark, mapping(feature.geometry))


def _geometry(parent: Xml.Element, shape: dict[str, Any]) -> None:
    kind = shape["type"]
    if kind.startswith("Multi") or kind == "GeometryCollection":
        many = Xml.SubElement(parent, "MultiGeometry")
        parts = shape.get("geometries") or [
            {"type": kind.removeprefix("Multi"), "coordinates": each} for each in shape["coordinates"]
        ]
        for part in parts:
            _geometry(many, part)
        return
    if kind == "Polygon":
        polygon = Xml.SubElement(parent, "Polygon")
        for number, ring in enumerate(shape["coordinates"]):
            edge = Xml.SubElement(polygon, "innerBoundaryIs" if number else "outerBoundaryIs")
            Xml.SubElement(Xml.SubElement(edge, "LinearRing"), "coordinates").text = _tuples(ring)
        return
    made = Xml.SubElement(parent, kind)
    coordinates = [shape["coordinates"]] if kind == "Point" else shape["coordinates"]
    Xml.SubElement(made, "coordinates").text = _tuples(coordinates)


def _tuples(ring: Any) -> str:
    return " ".join(f"{point[0]!r},{point[1]!r}" for point in ring)


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return "".join(each for each in text if each in "\t\n\r" or (each >= " " and each not in "\ufffe\uffff"))
