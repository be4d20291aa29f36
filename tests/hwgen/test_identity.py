"""The header of program memory, and the digest of memory images, recomputed from an emitted folder's files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from golden import network_file
from golden.graph import Graph
from hwgen.compiler import compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import encode
from hwgen.emit import emit
from hwgen.emit.c_sources import c_sources
from hwgen.emit.images import images
from hwgen.family import Family
from hwgen.identity import HEADER_MAGIC, HEADER_WORDS, Identity, images_sha256
from hwgen.regmap import Window

CONFIG = AcceleratorConfig(rows=4, cols=2, lanes=1, act_depth=512, weight_depth=4096, add_tables=1)


def test_the_header_says_the_first_digits() -> None:
    identity = Identity("0123456789abcdef" + "5" * 48, "fedcba9876543210" + "7" * 48)
    assert identity.header() == (HEADER_MAGIC, 0x01234567, 0x89ABCDEF, 0xFEDCBA98, 0x76543210)
    assert Identity.decode(identity.header()) == identity.short == Identity("0123456789abcdef", "fedcba9876543210")


@pytest.mark.parametrize("words", [(), (0,) * 5, (HEADER_MAGIC, 1, 2, 3), (HEADER_MAGIC ^ 1, 1, 2, 3, 4)])
def test_what_is_no_header(words: tuple[int, ...]) -> None:
    assert Identity.decode(words) is None


def test_the_digest_of_a_folders_files(digits_like, tmp_path: Path) -> None:
    """As SPEC section 6 says, from the images as `$readmemh` reads them: each word in 32-bit words, of which there are a power of two."""
    graph: Graph = digits_like.graph()
    program = compile_graph(graph, CONFIG)
    emit(program, tmp_path / "out", verilog=lambda config: "")
    digest = hashlib.sha256()
    for name, size in (("weights", 4), ("params", 16), ("program", 4), ("tables", 4)):
        words = [int(line, 16).to_bytes(size, "little") for line in (tmp_path / "out" / f"{name}.hex").read_text().split()]
        data = b"".join(words[HEADER_WORDS:] if name == "program" else words).rstrip(b"\0")
        data += bytes(-len(data) % 4)
        digest.update(len(data).to_bytes(8, "little") + data)
    described = json.loads((tmp_path / "out" / "config.json").read_text())
    assert described["images_sha256"] == digest.hexdigest() == program.identity.images
    assert described["network"]["sha256"] == network_file.sha256(graph) == program.identity.network
    assert program.words[:HEADER_WORDS] == program.identity.header()
    assert program.words[HEADER_WORDS:] == tuple(word for fields in program.descriptors for word in encode(fields))


def test_a_device_that_cannot_keep_its_weights_does_not_claim_them(digits_like) -> None:
    """Its bitstream holds the program, and the weights are loaded later: until then there is no network."""
    for family, overlap in ((Family.ICE40, False), (Family.ICE40, True), (Family.ECP5, False)):
        program = compile_graph(digits_like.graph(), replace(CONFIG, family=family, overlap=overlap))
        first, *rest = (int(line, 16) for line in images(program)["program.hex"].split())
        assert first == (0 if (family, overlap) == (Family.ICE40, False) else HEADER_MAGIC)
        assert rest == list(program.words[1:])
        assert f"\n    {HEADER_MAGIC:#010x}, " in c_sources(program)["weft_images.c"]


def test_every_weight_counts(digits_like) -> None:
    """Other weights, other parameters, another accelerator: other images; and nothing but the network makes another network."""
    graph: Graph = digits_like.graph()
    first = compile_graph(graph, CONFIG)
    retrained = replace(graph, ops=(replace(graph.ops[0], weight=graph.ops[0].weight ^ 1), *graph.ops[1:]))
    second, wider = compile_graph(retrained, CONFIG), compile_graph(graph, replace(CONFIG, cols=4))
    assert first.identity.network != second.identity.network
    assert first.identity.network == wider.identity.network
    assert len({program.identity.images for program in (first, second, wider)}) == 3


def test_zeros_at_the_end_do_not_count() -> None:
    images = {Window.WEIGHT: bytes([1, 2, 3, 0, 0, 5, 0, 0]), Window.PROGRAM: bytes(8)}
    digest = images_sha256(images)
    assert images_sha256({**images, Window.WEIGHT: images[Window.WEIGHT] + bytes(4), Window.TABLE: bytes(16)}) == digest
    assert images_sha256({**images, Window.WEIGHT: bytes(4) + images[Window.WEIGHT]}) != digest
    assert images_sha256({Window.PARAM: images[Window.WEIGHT]}) != digest
