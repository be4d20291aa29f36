"""The models of Gowin's multipliers and block RAM against references in Python that are written another way, and what they refuse."""

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

Bits = npt.NDArray[np.uint8]
#: What happens at the pins of a port in a cycle: enable, selected, write, reset, pipeline (its output register's enable), address, data.
Pins = dict[str, int]
NORMAL, WRITE_THROUGH, READ_BEFORE_WRITE = range(3)


def integer(bits: Bits) -> int:
    """Bits, lowest first, as an integer."""
    return int("".join(map(str, bits[::-1])), 2)


# --- block RAM ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """A cell of block RAM.  byte: its bits; ports: for each what its pins end in, and what it can do."""

    name: str
    byte: int
    ports: dict[str, str]

    @property
    def pins(self) -> int:
        """Data pins of a port."""
        return (2 if self.name.startswith("DP") else 4) * self.byte

    @property
    def widths(self) -> list[int]:
        narrow = [1, 2, 4] if self.byte == 8 else []
        return [width for width in (*narrow, self.byte, 2 * self.byte, 4 * self.byte) if width <= self.pins]


CELLS = {
    cell.name: cell
    for cell in (
        Cell("SP", 8, {"": "read and write"}),
        Cell("SPX9", 9, {"": "read and write"}),
        Cell("SDPB", 8, {"A": "write", "B": "read"}),
        Cell("SDPX9B", 9, {"A": "write", "B": "read"}),
        Cell("DPB", 8, {"A": "read and write", "B": "read and write"}),
        Cell("DPX9B", 9, {"A": "read and write", "B": "read and write"}),
    )
}


@dataclass
class Port:
    """A port's settings, and what it holds."""

    width: int
    write_mode: int
    pipelined: bool
    latch: Bits = field(init=False)
    output: Bits = field(init=False)

    def __post_init__(self) -> None:
        self.latch = self.output = np.zeros(self.width, np.uint8)

    @property
    def given(self) -> Bits:
        return self.output if self.pipelined else self.latch

    def places(self, byte: int, address: int) -> npt.NDArray[np.int64]:
        """Numbers of the memory's bits that it sees: an address counts bits, of which each byte has 8, whether there is a ninth or not."""
        if self.width < byte:
            return np.arange(self.width) + byte * (address >> 3) + (address & 7) // self.width * self.width
        bytes_ = self.width // byte
        return np.arange(self.width) + byte * ((address >> 3) // bytes_ * bytes_)

    def enabled(self, byte: int, address: int) -> npt.NDArray[np.bool_]:
        """Which of these a write writes: ports of several bytes have an enable for each in the lowest bits of the address."""
        bytes_ = self.width // byte
        return np.repeat([bytes_ < 2 or bool(address >> number & 1) for number in range(max(bytes_, 1))], self.width // max(bytes_, 1))


@dataclass
class BlockRam:
    """2,048 bytes, and ports."""

    byte: int
    bits: Bits
    ports: dict[str, Port]

    def cycle(self, pins: dict[str, Pins]) -> None:
        """A clock edge for all ports."""
        before = self.bits.copy()
        written: dict[str, npt.NDArray[np.int64]] = {}
        for name, pin in pins.items():
            port = self.ports[name]
            writing = pin["enable"] and pin["selected"] and pin["write"]
            enabled = port.enabled(self.byte, pin["address"]) & bool(writing)
            written[name] = port.places(self.byte, pin["address"])[enabled]
            self.bits[written[name]] = np.array([pin["data"] >> bit & 1 for bit in range(port.width)], np.uint8)[enabled]
        for name, pin in pins.items():
            port = self.ports[name]
            earlier = port.latch
            if pin["reset"]:
                port.latch = port.output = np.zeros(port.width, np.uint8)
                continue
            if pin["enable"] and pin["selected"] and not (pin["write"] and port.write_mode == NORMAL):
                places = port.places(self.byte, pin["address"])
                through = pin["write"] and port.write_mode == WRITE_THROUGH
                others = [places_ for other, places_ in written.items() if other != name]
                port.latch = np.where(np.isin(places, others), UNKNOWN, (self.bits if through else before)[places]).astype(np.uint8)
            if pin["pipeline"]:
                port.output = earlier


def ram_case(
    rng: np.random.Generator, turn: int, name: str, widths: tuple[int, ...], cycles: int
) -> tuple[Instance, list[dict[str, Pins]], BlockRam]:
    """A block RAM with ports of these widths, what happens at its pins in each cycle, and its reference.

    turn: the modes take turns, and those of a cell's ports differ.
    """
    cell = CELLS[name]
    ports = {
        ending: Port(widths[number], (turn + number) % 3 if "and" in can else NORMAL, (turn + number) % 2 == 1)
        for number, (ending, can) in enumerate(cell.ports.items())
    }
    ram = BlockRam(cell.byte, rng.integers(0, 2, 2048 * cell.byte, np.uint8), ports)
    # Few rows, so that what was written is read, and often both ports meet in one.
    rows, within = rng.integers(0, 1 << 9, 3), rng.integers(0, 32, 6)
    events: list[dict[str, Pins]] = []
    for _ in range(cycles):
        pins: dict[str, Pins] = {}
        for ending, can in cell.ports.items():
            enables = int(rng.integers(16)) if ports[ending].width > cell.byte else 0
            pins[ending] = {
                "enable": int(rng.random() < 0.9),
                "selected": int(rng.random() < 0.9),
                "write": {"write": 1, "read": 0, "read and write": int(rng.random() < 0.5)}[can],
                "reset": int(rng.random() < 0.05 and can != "write"),
                "pipeline": int(rng.random() < 0.8),
                "address": int(rng.choice(rows)) << 5 | int(rng.choice(within)) ^ enables,
                "data": int(rng.integers(1 << 36)),
            }
        if all(pin["write"] for pin in pins.values()) and len({pin["address"] >> 5 for pin in pins.values()}) < len(pins):
            pins["B"]["write"] = 0  # both in one row, which the model refuses
        events.append(pins)
    parameters = {"RESET_MODE": str(rng.choice(['"SYNC"', '"ASYNC"']))}
    for number, (ending, port) in enumerate(ports.items()):
        index, only = ("", "") if ending == "" else (f"_{number}", f"{number}")
        parameters |= {f"BIT_WIDTH{index}": f"32'd{port.width}", f"BLK_SEL{index}": "3'b101"}
        if "and" in cell.ports[ending]:
            parameters |= {f"WRITE_MODE{only}": f"2'd{port.write_mode}", f"READ_MODE{only}": f"1'b{int(port.pipelined)}"}
        elif cell.ports[ending] == "read":
            parameters["READ_MODE"] = f"1'b{int(port.pipelined)}"
    for number, word in enumerate(ram.bits.reshape(64, 32 * cell.byte)):
        parameters[f"INIT_RAM_{number:02X}"] = f"{32 * cell.byte}'h{integer(word):x}"
    endings = list(cell.ports) if name.startswith("DP") else [""]
    return Instance(name, parameters, {}, [f"DO{ending}[{cell.pins - 1}:0]" for ending in endings]), events, ram


#: Bits of the stimulus of a port, and where its pins are in them.
PORT_BITS = 5 + 14 + 36
FLAGS = ("enable", "selected", "write", "reset", "pipeline")


def ram_stimulus(pins: dict[str, Pins]) -> int:
    word = 0
    for number, pin in enumerate(pins.values()):
        flags = sum(pin[flag] << place for place, flag in enumerate(FLAGS))
        word |= (flags | pin["address"] << 5 | pin["data"] << 19) << PORT_BITS * number
    return word


def ram_pins(cell: Cell, offset: int) -> dict[str, str]:
    pins = {}
    for number, (ending, can) in enumerate(cell.ports.items()):
        at = offset + PORT_BITS * number
        pins |= {f"CLK{ending}": "clk", f"CE{ending}": f"s[{at}]", f"BLKSEL{ending}": f"{{2'b10, s[{at + 1}]}}"}
        pins |= {f"RESET{ending}": f"s[{at + 3}]", f"AD{ending}": f"s[{at + 5}+:14]"}
        if "and" in can:
            pins[f"WRE{ending}"] = f"s[{at + 2}]"
        if "write" in can:
            pins[f"DI{ending if 'and' in can else ''}"] = f"s[{at + 19}+:{cell.pins}]"
        if "read" in can:
            pins[f"OCE{ending if 'and' in can else ''}"] = f"s[{at + 4}]"
    return pins


Case = tuple[str, tuple[int, ...]]
ALL: list[Case] = [
    (cell.name, (a, b) if len(cell.ports) == 2 else (a,))
    for cell in CELLS.values()
    for a in cell.widths
    for b in (cell.widths if len(cell.ports) == 2 else [0])
]
CASES: dict[str, tuple[Simulator, list[Case]]] = {
    "icarus": (
        Simulator.ICARUS,
        [("SP", (32,)), ("SPX9", (18,)), ("SDPB", (1, 16)), ("SDPX9B", (36, 9)), ("DPB", (4, 16)), ("DPX9B", (18, 18)), ("DPX9B", (9, 18))],
    ),
    "verilator": (
        Simulator.VERILATOR,
        [("SP", (2,)), ("SPX9", (36,)), ("SDPB", (32, 4)), ("SDPX9B", (36, 36)), ("SDPX9B", (9, 18)), ("DPB", (8, 1)), ("DPX9B", (18, 9))],
    ),
    "all": (Simulator.ICARUS, ALL),
}


@pytest.mark.parametrize("which", ["icarus", "verilator", pytest.param("all", marks=pytest.mark.slow)])
def test_block_ram(which: str, tmp_path: Path) -> None:
    """Every cell, with initial contents, write modes, output registers, enables of bytes, resets, and both ports at the same word."""
    simulator, chosen = CASES[which]
    rng = np.random.default_rng(13)
    cycles = 150 if simulator is Simulator.ICARUS else 1000
    cases = [ram_case(rng, turn, name, widths, cycles) for turn, (name, widths) in enumerate(chosen)]
    instances = [
        Instance(instance.cell, instance.parameters, ram_pins(CELLS[instance.cell], 2 * PORT_BITS * number), instance.outputs)
        for number, (instance, _, _) in enumerate(cases)
    ]
    stimulus = [
        sum(ram_stimulus(events[cycle]) << 2 * PORT_BITS * number for number, (_, events, _) in enumerate(cases)) for cycle in range(cycles)
    ]
    found = play(instances, stimulus, 2 * PORT_BITS * len(cases), simulator, tmp_path / "run", Family.GOWIN)
    unknown = 0
    for (name, widths), (_, events, ram), got in zip(chosen, cases, found, strict=True):
        cell = CELLS[name]
        reading = [ending for ending, can in cell.ports.items() if "read" in can]
        checked = 0
        for cycle, pins in enumerate(events):
            ram.cycle(pins)
            for number, ending in enumerate(reading):
                at = f"{name}, {widths} bits, port {ending}, cycle {cycle}"
                value = got[cycle, number * cell.pins : (number + 1) * cell.pins][::-1]
                expected = ram.ports[ending].given
                known = expected != UNKNOWN
                assert (value[: len(expected)][known] == expected[known]).all(), at
                assert (value[len(expected) :] == 0).all(), at
                if simulator is Simulator.ICARUS:
                    assert (value[: len(expected)][~known] == UNKNOWN).all(), f"{at}: must be x"
                checked, unknown = checked + int(known.sum()), unknown + int((~known).sum())
        assert checked > cycles / 2
    assert unknown > cycles, "both ports have met"


RESET_BENCH = """
module top;
  reg clk = 0, reset = 0;
  wire [31:0] q;
  SP #(.RESET_MODE("{mode}"), .READ_MODE({read_mode}), .INIT_RAM_00(256'h1234)) ram (.CLK(clk), .CE(1'b1), .OCE(1'b1), .RESET(reset),
      .WRE(1'b0), .AD(14'd0), .BLKSEL(3'd0), .DI(32'd0), .DO(q));
  initial begin
    repeat (2) begin #5 clk = 1; #5 clk = 0; end
    #1 $display("read %h", q);
    reset = 1;
    #1 $display("reset %h", q);
    #1 clk = 1;
    #1 $display("edge %h", q);
    $finish;
  end
endmodule
"""


@pytest.mark.parametrize("read_mode", [0, 1])
@pytest.mark.parametrize(("mode", "at_once"), [("SYNC", "00001234"), ("ASYNC", "00000000")])
def test_when_a_reset_takes_effect(mode: str, at_once: str, read_mode: int, tmp_path: Path) -> None:
    output = simulate(RESET_BENCH.format(mode=mode, read_mode=read_mode), tmp_path)
    assert output.split("\n")[:3] == ["read 00001234", f"reset {at_once}", "edge 00000000"]


# --- multipliers ----------------------------------------------------------------------------------

REGISTERS = ("AREG", "BREG", "ASIGN_REG", "BSIGN_REG", "PIPE_REG", "OUT_REG")


#: Which of these are there.
CHOICES = (0b000000, 0b111111, 0b001111, 0b010000, 0b100000, 0b000101, 0b111010, 0b101100)
#: Factors, whether they are signed, enable and reset.
Event = tuple[int, int, int, int, int, int]


def products(bits: int, choice: int, events: list[Event]) -> list[int | None]:
    """What a multiplier with these registers gives after each event; None for what it does not know yet."""
    state: dict[str, int | None] = dict.fromkeys(REGISTERS)
    found = []
    for a, b, sa, sb, ce, reset in events:

        def through(register: str, value: int | None) -> int | None:
            return state[register] if choice >> REGISTERS.index(register) & 1 else value

        def product(a: int = a, b: int = b, sa: int = sa, sb: int = sb) -> int | None:
            """Behind the factors' registers."""
            factors = []
            for side, factor, sign in (("A", a, sa), ("B", b, sb)):
                held, signed = through(f"{side}REG", factor), through(f"{side}SIGN_REG", sign)
                negative = held is not None and held >> bits - 1
                if held is None or (negative and signed is None):
                    return None
                factors.append(held - (1 << bits) if negative and signed else held)
            return factors[0] * factors[1]

        # All registers take in what was there before the edge.
        taken = dict(zip(REGISTERS, (a, b, sa, sb, product(), through("PIPE_REG", product())), strict=True))
        if reset or ce:
            state.update(dict.fromkeys(REGISTERS, 0) if reset else taken)
        found.append(through("OUT_REG", through("PIPE_REG", product())))
    return found


@pytest.mark.parametrize("simulator", list(Simulator))
def test_multiplier(simulator: Simulator, tmp_path: Path) -> None:
    """Both sizes with choices of registers, with enable and reset, factors signed or not, extremes among them."""
    rng = np.random.default_rng(17)
    cases = [(bits, choice) for bits in (9, 18) for choice in CHOICES]
    events: dict[int, list[Event]] = {}
    for bits in (9, 18):
        words = np.array([0, 1, (1 << bits - 1) - 1, 1 << bits - 1, (1 << bits) - 1])
        events[bits] = []
        for _ in range(300):
            a, b = (int(rng.choice(words)) if rng.random() < 0.3 else int(rng.integers(1 << bits)) for _ in "ab")
            events[bits].append((a, b, int(rng.integers(2)), int(rng.integers(2)), int(rng.random() < 0.85), int(rng.random() < 0.1)))
    stimulus = [
        sum(
            (a | b << 18 | sa << 36 | sb << 37 | ce << 38 | reset << 39) << 40 * half for half, (a, b, sa, sb, ce, reset) in enumerate(both)
        )
        for both in zip(events[9], events[18], strict=True)
    ]
    instances = []
    for bits, choice in cases:
        at = 40 * (bits == 18)
        pins = {"A": f"s[{at}+:{bits}]", "B": f"s[{at + 18}+:{bits}]", "ASIGN": f"s[{at + 36}]", "BSIGN": f"s[{at + 37}]"}
        pins |= {"CE": f"s[{at + 38}]", "RESET": f"s[{at + 39}]", "CLK": "clk"}
        pins |= {"ASEL": "1'b0", "BSEL": "1'b0", "SIA": f"{bits}'d0", "SIB": f"{bits}'d0"}
        parameters = {register: f"1'b{choice >> index & 1}" for index, register in enumerate(REGISTERS)}
        instances.append(Instance(f"MULT{bits}X{bits}", parameters, pins, [f"DOUT[{2 * bits - 1}:0]"]))
    found = play(instances, stimulus, 80, simulator, tmp_path / "run", Family.GOWIN)
    for (bits, choice), got in zip(cases, found, strict=True):
        checked = 0
        for cycle, expected in enumerate(products(bits, choice, events[bits])):
            if expected is not None:
                value = integer(got[cycle][::-1])
                assert value == expected & (1 << 2 * bits) - 1, f"{bits} bits, registers {choice:06b}, cycle {cycle}"
                checked += 1
            elif simulator is Simulator.ICARUS:
                assert UNKNOWN in got[cycle], f"{bits} bits, registers {choice:06b}, cycle {cycle}: must be x"
        assert checked > len(events[bits]) / 2


# --- what the models refuse -----------------------------------------------------------------------

PORTS = ".CLKA(clk), .CLKB(clk), .CEA(1'b1), .CEB(1'b1), .BLKSELA(3'd0), .BLKSELB(3'd0), .ADA(14'd0)"
REFUSED = {
    "a shift chain": ("MULT18X18 u (.ASEL(1'b0), .BSEL(1'b1));", "MULT18X18: shift chains (ASEL, BSEL) are not modelled"),
    "asynchronous resets of a multiplier": (
        'MULT9X9 #(.MULT_RESET_MODE("ASYNC")) u ();',
        "MULT9X9: only the MULT_RESET_MODE SYNC is modelled, not ASYNC",
    ),
    "a width of nine bits": ("SDPB #(.BIT_WIDTH_0(9)) u ();", "SDPB: no data widths of 9 and 32 bits"),
    "a width of eight bits": ("SPX9 #(.BIT_WIDTH(8)) u ();", "SPX9: no data widths of 8 and 36 bits"),
    "two wide ports": ("DPX9B #(.BIT_WIDTH_1(36)) u ();", "DPX9B: no data widths of 18 and 36 bits"),
    "a read mode": ("SP #(.READ_MODE(2)) u ();", "SP: no read modes 2 and 0"),
    "a write mode": ("DPB #(.WRITE_MODE1(3)) u ();", "DPB: no write modes 0 and 3"),
    "a reset mode": ('SDPX9B #(.RESET_MODE("NONE")) u ();', "SDPX9B: no RESET_MODE NONE"),
    "a reset of a port that writes": (f"SDPB u ({PORTS}, .RESETA(1'b1));", "SDPB: RESETA is modelled as 0 alone, not 1"),
    "two writes of one row": (
        f"DPB u ({PORTS}, .ADB(14'd16), .WREA(1'b1), .WREB(1'b1));",
        "DPB: both ports write the row 0 at once",
    ),
    "a write somewhere": ("SP u (.CLK(clk), .CE(1'b1), .WRE(1'b1), .BLKSEL(3'd0));", "SP: it is written at an unknown address"),
    "a clock enable that nothing drives": (
        "wire [17:0] p; MULT9X9 #(.OUT_REG(1'b1)) u (.CLK(clk), .RESET(1'b0), .DOUT(p)); initial #50 $display(\"%b: unknown if x\", p[0]);",
        "x: unknown if x",
    ),
}


def simulate(text: str, folder: Path) -> str:
    """What Icarus says of a module `top` with Gowin's cells."""
    (folder / "top.v").write_text(text)
    (models,) = cell_models(Family.GOWIN)
    command = ["iverilog", "-g2012", "-s", "top", "-o", "top.vvp", "top.v", str(models)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    done = subprocess.run(["vvp", "-n", "top.vvp"], cwd=folder, check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str, tmp_path: Path) -> None:
    cell, message = REFUSED[what]
    output = simulate(f"module top; reg clk = 0; initial #3 forever #5 clk = ~clk; initial #60 $finish; {cell} endmodule\n", tmp_path)
    assert re.search(re.escape(message), output), output
