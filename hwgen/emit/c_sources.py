"""The C driver of an emitted folder: the same source for every network, and beside it what it needs to know of this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files

from golden.graph import Graph
from hwgen import register_header, regmap
from hwgen.compiler.host_part import host_graph
from hwgen.compiler.placement import Placement
from hwgen.compiler.program import Program
from hwgen.emit.images import image_files, images
from hwgen.gateware.core import IMAGE_FILES

DRIVER = ("weft_driver.h", "weft_driver.c")

_YOURS = "Generated files are yours: use, change and distribute them under any terms you like."


def c_sources(program: Program) -> dict[str, str]:
    """Text of the C headers and sources, by file name: register map, this network on this accelerator, memory images, driver."""
    folder, host_images = files("hwgen.emit") / "templates", _host_images(program)
    return {
        "weft_registers.h": register_header.render(),
        "weft_network.h": "\n".join([*_network_header(program, len(host_images) + 2), ""]),
        "weft_network.c": "\n".join([*_network_source(program), ""]),
        "weft_images.c": "\n".join([*_image_source(host_images), ""]),
        **{name: (folder / name).read_text(encoding="utf-8") for name in DRIVER},
    }


def _string(text: str) -> str:
    """A C string literal of the text in UTF-8."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode()) + '"'


def _comment(text: str) -> str:
    """Text that can stand in a C comment."""
    return "".join(c if c.isascii() and c.isprintable() and c != "\\" else "?" for c in text).replace("*/", "* /").replace("/*", "/ *")


def _tensors(program: Program) -> Iterator[tuple[str, str]]:
    """(INPUT_0, its name) and so on."""
    for role, names in (("INPUT", program.graph.inputs), ("OUTPUT", program.device.outputs)):
        yield from ((f"{role}_{index}", name) for index, name in enumerate(names))


def _host_operators(graph: Graph) -> str:
    """What is left to the host, as a sentence."""
    rest = host_graph(graph)
    if rest is None:
        return "The outputs are the network's: nothing is left to the host."
    names = ", ".join(f"{type(op).__name__} {op.name!r}" for op in rest.ops)
    return f"Left to the host, and not among the C driver's work: {names}. The outputs below are what these take."


def _network_header(program: Program, image_count: int) -> Iterator[str]:
    config, graph = program.config, program.graph
    yield f"/* {_comment(graph.name)} on an accelerator of {config.rows} x {config.cols}."
    yield f" * {_comment(_host_operators(graph))}"
    yield " * A tensor lies in activation memory as README.md says."
    yield " * real = SCALE * (integer - ZERO_POINT), an integer of BITS bits in an int8."
    yield f" * {_YOURS} */"
    yield "#ifndef WEFT_NETWORK_H"
    yield "#define WEFT_NETWORK_H"
    yield ""
    yield '#include "weft_driver.h"'
    yield ""
    yield f"#define WEFT_NETWORK_NAME {_string(graph.name)}"
    yield f"#define WEFT_NETWORK_CYCLES {program.cycles & 0xFFFFFFFF}u /* of an inference, modulo 2^32 */"
    for key, name in _tensors(program):
        place, tensor = program.placements[name], graph.tensors[name]
        address = regmap.host_address(regmap.Window.ACT, place.base, 0, config)
        yield ""
        yield f"/* {_comment(name)}: {'x'.join(map(str, tensor.shape))}, {'without gaps in a row' if place.dense else 'pixel by pixel'} */"
        values = {
            "HEIGHT": f"{place.shape[0]}u",
            "WIDTH": f"{place.shape[1]}u",
            "CHANNELS": f"{place.shape[2]}u",
            "SIZE": f"{tensor.size}u",
            "ADDRESS": f"{address:#010x}u",
            "BITS": str(tensor.bits),
            "SCALE": repr(float(tensor.affine.scale)),
            "ZERO_POINT": f"({tensor.affine.zero_point})",
        }
        yield from (f"#define WEFT_{key}_{field} {value}" for field, value in values.items())
    yield ""
    yield "/* Memories: the first byte address, words, bits of a word, and 32-bit words of the bus that hold one. */"
    for memory in regmap.MEMORIES.values():
        if memory.depth(config):
            name = f"WEFT_{memory.window.name}"
            yield f"#define {name}_FIRST {regmap.host_address(memory.window, 0, 0, config):#010x}u"
            yield f"#define {name}_WORDS {memory.depth(config)}u"
            yield f"#define {name}_BITS {memory.word_bits(config)}u"
            yield f"#define {name}_CHUNKS {memory.chunks(config)}u"
    yield ""
    yield "/* What the registers of this configuration read. */"
    for register in _constant_registers():
        yield f"#define WEFT_{register.name}_VALUE {register.constant(config):#010x}u"
    yield f"#define WEFT_IMAGE_COUNT {image_count}u"
    yield ""
    yield "#ifdef __cplusplus"
    yield 'extern "C" {'
    yield "#endif"
    yield "extern const struct weft_network weft_model;"
    yield "/* For weft_load; a program whose device has its images already needs no weft_images.c. */"
    yield "extern const struct weft_image weft_images[WEFT_IMAGE_COUNT];"
    yield "#ifdef __cplusplus"
    yield "}"
    yield "#endif"
    yield ""
    yield "#endif"


def _constant_registers() -> Iterator[regmap.Register]:
    """Those that tell configurations apart; ID and VERSION are the driver's own matter."""
    for register in regmap.REGISTERS:
        if register.name not in ("ID", "VERSION") and all(field.value is not None for field in register.fields):
            yield register


def _network_source(program: Program) -> Iterator[str]:
    config, graph = program.config, program.graph
    yield f"/* {_YOURS} */"
    yield '#include "weft_network.h"'
    yield '#include "weft_registers.h"'
    yield ""
    yield "static const struct weft_register configuration[] = {"
    yield from (f"    {{WEFT_REG_{register.name}, WEFT_{register.name}_VALUE}}," for register in _constant_registers())
    yield "};"
    yield ""
    yield "/* The header of the program: which network the memories hold, and which weights of it. */"
    yield "static const struct weft_register identity[] = {"
    words = enumerate(program.identity.header())
    yield from (f"    {{WEFT_WINDOW_PROGRAM + {regmap.HOST_BYTES * index}u, {word:#010x}u}}," for index, word in words)
    yield "};"
    for role, names in (("inputs", graph.inputs), ("outputs", program.device.outputs)):
        yield ""
        yield f"static const struct weft_tensor {role}[] = {{"
        yield from (f"    {_place(name, program.placements)}," for name in names)
        yield "};"
    yield ""
    yield "const struct weft_network weft_model = {"
    yield f"    WEFT_NETWORK_NAME, WEFT_NETWORK_CYCLES, {config.rows}u, WEFT_ACT_CHUNKS,"
    yield "    configuration, sizeof configuration / sizeof configuration[0],"
    yield "    identity, sizeof identity / sizeof identity[0],"
    yield "    inputs, sizeof inputs / sizeof inputs[0],"
    yield "    outputs, sizeof outputs / sizeof outputs[0],"
    yield "};"


def _place(name: str, placements: Mapping[str, Placement]) -> str:
    place = placements[name]
    numbers = (*place.shape, place.base, place.words_per_row, 0 if place.dense else place.words_per_pixel)
    return f"{{{_string(name)}, {', '.join(f'{number}u' for number in numbers)}}}"


def _host_images(program: Program) -> dict[regmap.Window, list[int]]:
    """The memories' contents as words of the bus; a memory that holds nothing is left out."""
    texts, config = (
        {**images(program), IMAGE_FILES[regmap.Window.PROGRAM]: "\n".join(f"{word:08x}" for word in program.words)},
        program.config,
    )
    found = {}
    for window, name in image_files(config).items():
        chunks = regmap.MEMORIES[window].chunks(config)
        words = [int(line, 16) for line in texts[name].split()]
        found[window] = [word >> regmap.HOST_BITS * chunk & 0xFFFFFFFF for word in words for chunk in range(chunks)]
    return {window: words for window, words in found.items() if words}


def _image_source(found: Mapping[regmap.Window, Sequence[int]]) -> Iterator[str]:
    yield f"/* {_YOURS} */"
    yield '#include "weft_network.h"'
    yield '#include "weft_registers.h"'
    yield ""
    yield "static const uint32_t nothing[] = {0};"
    for window, words in found.items():
        yield ""
        yield f"static const uint32_t {window.name.lower()}_words[] = {{"
        yield from _rows(words)
        yield "};"
    yield ""
    yield "/* The first word of the program's header first as 0 and last as it is: what is loaded in part is no network. */"
    yield "const struct weft_image weft_images[WEFT_IMAGE_COUNT] = {"
    yield "    {WEFT_WINDOW_PROGRAM, 1u, nothing},"
    for window, words in found.items():
        name, rest = window.name.lower(), int(window is regmap.Window.PROGRAM)
        offset = f" + {regmap.HOST_BYTES}u" * rest
        yield f"    {{WEFT_WINDOW_{window.name}{offset}, {len(words) - rest}u, {name}_words{' + 1' * rest}}},"
    yield "    {WEFT_WINDOW_PROGRAM, 1u, program_words},"
    yield "};"


def _rows(words: Sequence[int]) -> Iterator[str]:
    for start in range(0, len(words), 10):
        yield "    " + " ".join(f"{word:#010x}," for word in words[start : start + 10])
