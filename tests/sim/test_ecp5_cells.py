"""The models of ECP5's multiplier and block RAM against references in Python that are written another way, and what they refuse."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hwgen.family import Family
from sim.cell_models import cell_models
from sim.tools import Simulator
from tests.sim.cell_player import UNKNOWN, Instance, play

#: The lowest bit of an address that a port of some width uses.
WIDTHS = {1: 0, 2: 1, 4: 2, 9: 3, 18: 4, 36: 5}
WRITE_MODES = ("NORMAL", "WRITETHROUGH", "READBEFOREWRITE")
Bits = npt.NDArray[np.uint8]


def verilog_bits(bits: Bits) -> int:
    """Bits, lowest first, as an integer."""
    return int("".join(map(str, bits[::-1])) or "0", 2)


# --- block RAM ------------------------------------------------------------------------------------


@dataclass
class BlockRam:
    """18,432 bits; a port sees some of them by its address, as the memory usage guide's tables of address and data lines have it."""

    bits: Bits
    width: dict[str, int]
    mode: dict[str, str]
    latch: dict[str, Bits] = field(default_factory=dict)

    def places(self, port: str, address: int) -> Bits:
        """Numbers of the bits that a port sees: nine to a byte of the address, of which narrow ports leave out the last."""
        width = self.width[port]
        if width >= 9:
            return np.arange(width) + (address >> WIDTHS[width]) * width
        return np.arange(width) + 9 * (address >> 3) + (address & 7) // width * width

    def enabled(self, port: str, address: int) -> npt.NDArray[np.bool_]:
        """Which of these bits a write writes: with 18 and 36 bits the lowest address lines are byte enables."""
        width = self.width[port]
        bytes_ = width // 9 if width >= 18 else 0
        return np.repeat([bool(address >> byte & 1) for byte in range(bytes_)], 9) if bytes_ else np.ones(width, np.bool_)

    def cycle(self, pins: dict[str, dict[str, int]]) -> None:
        """A clock edge for both ports.  pins: enable, write, reset, address and data for each."""
        before = self.bits.copy()
        writing = {port: bool(pin["enable"] and pin["write"] and not pin["reset"]) for port, pin in pins.items()}
        written = {}
        for port, pin in pins.items():
            places = self.places(port, pin["address"])[self.enabled(port, pin["address"])] if writing[port] else np.zeros(0, np.int64)
            written[port] = places
            data = np.array([pin["data"] >> bit & 1 for bit in range(self.width[port])], np.uint8)
            if writing[port]:
                self.bits[places] = data[self.enabled(port, pin["address"])]
        for port, pin in pins.items():
            other = "B" if port == "A" else "A"
            places = self.places(port, pin["address"])
            if pin["reset"]:
                self.latch[port] = np.zeros(self.width[port], np.uint8)
            elif pin["enable"]:
                if pin["write"] and self.mode[port] == "NORMAL":
                    continue
                through = pin["write"] and self.mode[port] == "WRITETHROUGH"
                found = self.bits[places] if through else before[places]
                own = np.isin(places, written[port]) & bool(through)
                self.latch[port] = np.where(np.isin(places, written[other]) & ~own, UNKNOWN, found).astype(np.uint8)


def ram_case(rng: np.random.Generator, a: int, b: int, cycles: int) -> tuple[Instance, list[dict[str, dict[str, int]]], BlockRam]:
    """A DP16KD with ports of these widths, what happens at its pins in each cycle, and its reference."""
    bits = rng.integers(0, 2, 18432, np.uint8)
    mode = {"A": "NORMAL" if a == 36 else str(rng.choice(WRITE_MODES)), "B": "NORMAL" if b == 36 else str(rng.choice(WRITE_MODES))}
    events: list[dict[str, dict[str, int]]] = []
    rows, within = rng.integers(0, 1 << 9, 3), rng.integers(0, 32, 6)
    for _ in range(cycles):
        pins: dict[str, dict[str, int]] = {}
        for port, width in (("A", a), ("B", b)):
            # Few rows, so that what was written is read, and often both ports meet in one.
            enables = int(rng.integers(16)) if width >= 18 else 0
            address = int(rng.choice(rows)) << 5 | int(rng.choice(within)) ^ enables
            pins[port] = {
                "enable": int(rng.random() < 0.9),
                "write": int(port == "A") if width == 36 else int(rng.random() < 0.5),  # port A of 36 bits writes, port B reads
                "reset": int(rng.random() < 0.05 and (port, width) != ("A", 36)),
                "address": address,
                "data": int(rng.integers(1 << 36)) & ((1 << width) - 1),
            }
        if pins["A"]["write"] and pins["B"]["write"] and pins["A"]["address"] >> 5 == pins["B"]["address"] >> 5:
            pins["B"]["write"] = 0  # which the model refuses
        if a == 36:
            pins["B"]["data"] = pins["A"]["data"] >> 18 & ((1 << b) - 1)  # the same pins
        events.append(pins)
    parameters = {"DATA_WIDTH_A": str(a), "DATA_WIDTH_B": str(b), **{f"WRITEMODE_{port}": f'"{value}"' for port, value in mode.items()}}
    parameters |= {"CSDECODE_B": '"0b101"'}
    for slice_ in range(64):
        words = bits[288 * slice_ : 288 * slice_ + 288].reshape(16, 18)
        value = sum(verilog_bits(word) << 20 * index for index, word in enumerate(words))
        parameters[f"INITVAL_{slice_:02X}"] = f"320'h{value:x}"
    pins_ = {"CLKA": "clk", "CLKB": "clk", "OCEA": "1'b0", "OCEB": "1'b0"}
    pins_ |= {f"CSA{i}": "1'b0" for i in range(3)} | {"CSB0": "1'b1", "CSB1": "1'b0", "CSB2": "1'b1"}
    outputs = [f"DO{port}{i}" for port in "BA" for i in range(17, -1, -1)]
    return Instance("DP16KD", parameters, pins_, outputs), events, BlockRam(bits.copy(), {"A": a, "B": b}, mode)


#: Bits of the stimulus of a RAM: for each port enable, write, reset, 14 of address and 18 of data.
PORT_BITS = 3 + 14 + 18


def ram_stimulus(pins: dict[str, dict[str, int]], wide: bool) -> int:
    word = 0
    for index, port in enumerate("AB"):
        pin = pins[port]
        data = pins["A"]["data"] >> 18 if wide and port == "B" else pin["data"] & 0x3FFFF
        value = pin["enable"] | pin["write"] << 1 | pin["reset"] << 2 | pin["address"] << 3 | data << 17
        word |= value << PORT_BITS * index
    return word


def ram_pins(offset: int) -> dict[str, str]:
    pins = {}
    for index, port in enumerate("AB"):
        at = offset + PORT_BITS * index
        pins |= {f"CE{port}": f"s[{at}]", f"WE{port}": f"s[{at + 1}]", f"RST{port}": f"s[{at + 2}]"}
        pins |= {f"AD{port}{i}": f"s[{at + 3 + i}]" for i in range(14)}
        pins |= {f"DI{port}{i}": f"s[{at + 17 + i}]" for i in range(18)}
    return pins


ALL = [(a, b) for a in WIDTHS for b in WIDTHS]
#: Pairs of widths; Icarus takes two seconds for a block RAM with all its contents.
PAIRS = {
    "icarus": (Simulator.ICARUS, [(1, 4), (2, 2), (9, 18), (18, 18), (18, 36), (36, 36)]),
    "verilator": (Simulator.VERILATOR, [(4, 1), (9, 9), (18, 9), (1, 18), (36, 9), (2, 36), (36, 36)]),
    "all": (Simulator.ICARUS, ALL),
}


@pytest.mark.parametrize("which", ["icarus", "verilator", pytest.param("all", marks=pytest.mark.slow)])
def test_block_ram(which: str, tmp_path: Path) -> None:
    """Both ports in all widths, with initial contents, every write mode, byte enables, resets, and both ports at the same word."""
    simulator, pairs = PAIRS[which]
    rng = np.random.default_rng(3)
    cycles = 100 if simulator is Simulator.ICARUS else 1000
    cases = [ram_case(rng, a, b, cycles) for a, b in pairs]
    instances = []
    for number, (instance, _, _) in enumerate(cases):
        instances.append(
            Instance(instance.cell, instance.parameters, {**instance.pins, **ram_pins(2 * PORT_BITS * number)}, instance.outputs)
        )
    stimulus = [
        sum(ram_stimulus(events[cycle], pairs[number][0] == 36) << 2 * PORT_BITS * number for number, (_, events, _) in enumerate(cases))
        for cycle in range(cycles)
    ]
    found = play(instances, stimulus, 2 * PORT_BITS * len(cases), simulator, tmp_path / "run")
    unknown = 0
    for (a, b), (_, events, ram), got in zip(pairs, cases, found, strict=True):
        checked = 0
        for cycle, pins in enumerate(events):
            ram.cycle(pins)
            for port, columns in (("B", got[cycle, :18]), ("A", got[cycle, 18:])):
                if port not in ram.latch or (port == "A" and 36 in (a, b)):
                    continue
                wide = port == "B" and b == 36
                value = np.concatenate([got[cycle, 18:][::-1], got[cycle, :18][::-1]]) if wide else columns[::-1][: ram.width[port]]
                expected = ram.latch[port]
                known = expected != UNKNOWN
                assert (value[known] == expected[known]).all(), f"{a} and {b} bits, port {port}, cycle {cycle}"
                if simulator is Simulator.ICARUS:
                    assert (value[~known] == UNKNOWN).all(), f"{a} and {b} bits, port {port}, cycle {cycle}: must be x"
                checked, unknown = checked + int(known.sum()), unknown + int((~known).sum())
        assert checked > cycles / 2
    assert unknown > cycles, "both ports have met"


def test_the_wide_block_ram(tmp_path: Path) -> None:
    """PDPW16KD: the halves of what it reads are exchanged, as in the netlists of the vendor's tools."""
    rng = np.random.default_rng(5)
    for width in (9, 18, 36):
        cycles = 120
        events = []
        for _ in range(cycles):
            enable, row, address = int(rng.random() < 0.6), int(rng.integers(4)), int(rng.integers(128))
            events.append((enable, int(rng.integers(16)), row, int(rng.integers(1 << 36)), address))
        stimulus = [en | be << 1 | row << 5 | data << 14 | address << 50 for en, be, row, data, address in events]
        pins = {"CLKW": "clk", "CLKR": "clk", "CEW": "s[0]", "CER": "1'b1", "OCER": "1'b1", "RST": "1'b0"}
        pins |= {f"BE{i}": f"s[{1 + i}]" for i in range(4)} | {f"ADW{i}": f"s[{5 + i}]" for i in range(9)}
        pins |= {f"DI{i}": f"s[{14 + i}]" for i in range(36)} | {f"ADR{i}": f"s[{50 + i}]" for i in range(14)}
        pins |= {f"CS{port}{i}": "1'b0" for port in "WR" for i in range(3)}
        instance = Instance("PDPW16KD", {"DATA_WIDTH_R": str(width)}, pins, [f"DO{i}" for i in range(35, -1, -1)])
        (got,) = play([instance], stimulus, 64, Simulator.ICARUS, tmp_path / str(width))
        ram = BlockRam(np.zeros(18432, np.uint8), {"A": 36, "B": width}, {"A": "NORMAL", "B": "NORMAL"})
        for cycle, (en, be, row, data, address) in enumerate(events):
            write = {"enable": en, "write": 1, "reset": 0, "address": row << 5 | be, "data": data}
            ram.cycle({"A": write, "B": {"enable": 1, "write": 0, "reset": 0, "address": address, "data": 0}})
            value = got[cycle][::-1]
            value = np.concatenate([value[18:], value[:18]]) if width == 36 else value[:width]
            assert (value == ram.latch["B"]).all(), f"{width} bits, cycle {cycle}"


# --- multiplier -----------------------------------------------------------------------------------

REGISTERS = ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT")


@pytest.mark.parametrize("simulator", list(Simulator))
def test_multiplier(simulator: Simulator, tmp_path: Path) -> None:
    """Each choice of registers, with enables and resets of their own, operands signed or not, extremes among them."""
    rng = np.random.default_rng(7)
    cycles = 300
    choices = [0b0000, 0b1111, 0b0011, 0b0100, 0b1000, 0b0101, 0b1110, 0b0001]
    words = np.array([0, 1, (1 << 17) - 1, 1 << 17, (1 << 18) - 1])
    events = []
    for _ in range(cycles):
        a, b = (int(rng.choice(words)) if rng.random() < 0.3 else int(rng.integers(1 << 18)) for _ in "ab")
        controls = [int(rng.random() < 0.85) for _ in range(4)] + [int(rng.random() < 0.1) for _ in range(4)]
        events.append((a, b, int(rng.integers(2)), int(rng.integers(2)), controls))
    stimulus = [
        a | b << 18 | sa << 36 | sb << 37 | sum(bit << 38 + index for index, bit in enumerate(controls))
        for a, b, sa, sb, controls in events
    ]
    pins = {f"A{i}": f"s[{i}]" for i in range(18)} | {f"B{i}": f"s[{18 + i}]" for i in range(18)} | {f"C{i}": "1'b0" for i in range(18)}
    pins |= {"SIGNEDA": "s[36]", "SIGNEDB": "s[37]", "SOURCEA": "1'b0", "SOURCEB": "1'b0"} | {f"CLK{i}": "clk" for i in range(4)}
    pins |= {f"CE{i}": f"s[{38 + i}]" for i in range(4)} | {f"RST{i}": f"s[{42 + i}]" for i in range(4)}
    instances = []
    for choice in choices:
        on = [register for index, register in enumerate(REGISTERS) if choice >> index & 1]
        parameters = {f"REG_{register}_CLK": f'"CLK{index}"' for index, register in enumerate(REGISTERS) if register in on}
        parameters |= {f"REG_{register}_{pin}": f'"{pin}{index}"' for index, register in enumerate(REGISTERS) for pin in ("CE", "RST")}
        instances.append(Instance("MULT18X18D", parameters, pins, [f"P{i}" for i in range(35, -1, -1)]))
    found = play(instances, stimulus, 46, simulator, tmp_path / "run")
    for choice, got in zip(choices, found, strict=True):
        state: dict[str, int | None] = dict.fromkeys(REGISTERS)
        checked = 0
        for cycle, (a, b, sa, sb, controls) in enumerate(events):
            left, right = a - (a >> 17 & sa) * (1 << 18), b - (b >> 17 & sb) * (1 << 18)

            def through(register: str, value: int | None, choice: int = choice, state: dict[str, int | None] = state) -> int | None:
                return state[register] if choice >> REGISTERS.index(register) & 1 else value

            def times(x: int | None, y: int | None) -> int | None:
                return None if x is None or y is None else x * y

            # All registers take in what was there before the edge.
            product = times(through("INPUTA", left), through("INPUTB", right))
            taken = {"INPUTA": left, "INPUTB": right, "PIPELINE": product, "OUTPUT": through("PIPELINE", product)}
            for index, register in enumerate(REGISTERS):
                if controls[4 + index]:
                    state[register] = 0
                elif controls[index]:
                    state[register] = taken[register]
            product = times(through("INPUTA", left), through("INPUTB", right))
            expected = through("OUTPUT", through("PIPELINE", product))
            if expected is not None:
                assert verilog_bits(got[cycle][::-1]) == expected & (1 << 36) - 1, f"registers {choice:04b}, cycle {cycle}"
                checked += 1
        assert checked > cycles / 2


# --- what the models refuse -----------------------------------------------------------------------

REFUSED = {
    "a multiplier's operand C": ('MULT18X18D #(.REG_INPUTC_CLK("CLK0")) u ();', "the operand C is not modelled"),
    "a shift chain": ("MULT18X18D u (.SOURCEA(1'b1));", "shift chains"),
    "asynchronous resets": ('MULT18X18D #(.RESETMODE("ASYNC")) u ();', "only the RESETMODE SYNC is modelled, not ASYNC"),
    "an unknown clock": ('MULT18X18D #(.REG_OUTPUT_CLK("CLK7")) u ();', "the clock CLK7"),
    "an odd width": ("DP16KD #(.DATA_WIDTH_A(12)) u ();", "no data widths of 12 and 18 bits"),
    "a write mode": ('DP16KD #(.WRITEMODE_B("READ")) u ();', "no WRITEMODE_B of READ"),
    "contents from elsewhere": ('DP16KD #(.INIT_DATA("DYNAMIC")) u ();', "only the INIT_DATA STATIC"),
    "a reset of an output register": (
        "DP16KD #(.REGMODE_A(\"OUTREG\")) u (.CLKA(clk), .CEA(1'b1), .WEA(1'b0), .RSTA(1'b1), .OCEA(1'b1));",
        "a reset is modelled for",
    ),
    "two writes of one row": (
        "DP16KD u (.CLKA(clk), .CLKB(clk), .CEA(1'b1), .CEB(1'b1), .WEA(1'b1), .WEB(1'b1), .RSTA(1'b0), .RSTB(1'b0),"
        " .CSA0(1'b0), .CSA1(1'b0), .CSA2(1'b0), .CSB0(1'b0), .CSB1(1'b0), .CSB2(1'b0),"
        + ", ".join(f".AD{port}{i}(1'b0)" for port in "AB" for i in range(14))
        + ");",
        "both ports write the row 0 at once",
    ),
    "a clock enable that nothing drives": (
        'wire p; MULT18X18D #(.REG_OUTPUT_CLK("CLK0")) u (.CLK0(clk), .RST0(1\'b0), .P0(p)); initial #50 $display("%b: unknown if x", p);',
        "x: unknown if x",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str, tmp_path: Path) -> None:
    cell, message = REFUSED[what]
    text = f"module top; reg clk = 0; initial #3 forever #5 clk = ~clk; initial #60 $finish; {cell} endmodule\n"
    (tmp_path / "top.v").write_text(text)
    (models,) = cell_models(Family.ECP5)
    subprocess.run(
        ["iverilog", "-g2012", "-s", "top", "-o", "top.vvp", "top.v", str(models)], cwd=tmp_path, check=True, capture_output=True
    )
    done = subprocess.run(["vvp", "-n", "top.vvp"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert re.search(re.escape(message), done.stdout + done.stderr), done.stdout + done.stderr
