"""Verilog models of the cells of a netlist: look-up tables, flip-flops and carry chains as Yosys describes them, and ours (`sim/cells`).

Only the modules that a netlist uses are taken: Icarus refuses some others, and where both have a cell only one may be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hwgen.family import Family
from sim.cell_models import cell_models
from sim.yosys import Yosys

#: Models of Yosys, in its share folder.  Where both have a cell ours is taken: Yosys's are empty, or do not see a clock that is driven
#: through VPI (SB_MAC16 in Icarus 11).
_YOSYS_MODELS: Mapping[Family, tuple[str, ...]] = {
    Family.ECP5: ("ecp5/common_sim.vh", "ecp5/ccu2c_sim.vh"),
    Family.ICE40: ("ice40/cells_sim.v",),
    Family.GOWIN: ("gowin/cells_sim.v",),
}

_MODULE = re.compile(
    r"^[ \t]*(?:\(\*[^\n]*?\*\)[ \t]*\n?[ \t]*)?module[ \t]+(\\\S+|\w+)(?:(?!^[ \t]*endmodule\b).)*^[ \t]*endmodule\b[^\n]*\n",
    re.MULTILINE | re.DOTALL,
)
#: Of one line, or of several, of which all but the last end in a backslash.
_DIRECTIVE = re.compile(r"^[ \t]*`(?:define|undef|ifdef|ifndef|else|endif)\b(?:[^\n]*\\\n)*[^\n]*\n", re.MULTILINE)
#: The type of every cell of a netlist; more words than that do no harm.
_WORD = re.compile(r"^[ \t]*(\w+)[ \t]+(?:#[ \t]*\(|\\|\w)", re.MULTILINE)


def netlist_models(family: Family, netlist: str, yosys: Yosys) -> str:
    """Verilog of the models of all cells that a netlist has.  Cells without a model are left for the simulator to name."""
    shipped = [(yosys.share / name).read_text(encoding="utf-8") for name in _YOSYS_MODELS.get(family, ())]
    ours = [path.read_text(encoding="utf-8") for path in cell_models(family)]
    libraries = [*shipped, *ours]
    modules: dict[str, str] = {}
    for text in libraries:
        modules |= {match[1]: match[0] for match in _MODULE.finditer(text)}
    # Ports with default values, which Icarus does not take; the macros come before everything else.
    directives = "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n" + "".join(_directives(text) for text in libraries)
    used = _reachable({match[1] for match in _WORD.finditer(netlist)}, modules)
    return directives + "\n".join(modules[name] for name in modules if name in used)


def _directives(text: str) -> str:
    """The macros that a file of models defines before its first module."""
    start = _MODULE.search(text)
    return "".join(_DIRECTIVE.findall(text[: start.start()] if start else text))


def _reachable(names: Iterable[str], modules: Mapping[str, str]) -> set[str]:
    """The modules among `names` and all that they instantiate."""
    found: set[str] = set()
    pending = [name for name in names if name in modules]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [word for word in set(re.findall(r"\w+", modules[name])) if word in modules and word not in found]
    return found
