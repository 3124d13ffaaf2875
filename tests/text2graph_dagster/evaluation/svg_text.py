"""Shared by the tests of SVG output: parse it, and list its texts."""

from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"


def parse_svg(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def svg_texts(svg: str) -> list[str]:
    return [node.text or "" for node in parse_svg(svg).iter(f"{SVG}text")]
