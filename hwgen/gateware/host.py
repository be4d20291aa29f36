"""The host port: registers and memory windows behind an AXI4-Lite slave (SPEC section 9)."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Array, C, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out

from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.gateware.address_decoder import AddressDecoder, DecodedAddress, chunk_bits, word_bits
from hwgen.gateware.axil import Response, slave_members
from hwgen.gateware.ram import far_read_latency
from hwgen.regmap import Access, Window


def core_members(config: AcceleratorConfig) -> dict[str, Member]:
    """The members between host port and core, as the host port sees them."""
    weights = {
        "weight_read_en": Out(1),
        "weight_read_addr": Out((config.weight_depth - 1).bit_length()),
        "weight_read_data": In(regmap.MEMORIES[Window.WEIGHT].word_bits(config)),
    }
    return {
        "start": Out(1),
        "busy": In(1),
        "done": In(1),
        "cycles": In(32),
        "counter_layer": Out(max(1, (config.max_layers - 1).bit_length())),
        "counter_data": In(32 * len(regmap.COUNTERS)),
        "mem_write": Out(1),
        "mem_window": Out(regmap.ADDRESS_BITS - regmap.WINDOW_SHIFT),
        "mem_word": Out(word_bits(config)),
        "mem_chunk": Out(chunk_bits(config)),
        "mem_data": Out(32),
        "mem_strobe": Out(4),
        "act_read_en": Out(1),
        "act_read_addr": Out((config.act_depth - 1).bit_length()),
        "act_read_data": In(8 * config.rows),
        "program_read_en": Out(1),
        "program_read_addr": Out((config.program_depth - 1).bit_length()),
        "program_read_data": In(32),
        **(weights if Window.WEIGHT in regmap.readable(config) else {}),
    }


class HostPort(wiring.Component):
    """AXI4-Lite slave with the registers, the interrupt and the way to the memories that `hwgen.regmap` declares.

    Clock and reset: one clock; `rst` is synchronous and active high.  In the cycle after the last with rst = 1 the port accepts
    transactions.  Reset answers nothing that was under way, clears every register with state, and ends a run as seen from here;
    memory contents survive it.  The master keeps its valid signals low while rst = 1.

    Bus: AW and W come in any order and apart; reads and writes are independent of each other.  No valid waits for a ready; a
    response stays until it is taken.  Bits 1:0 of an address are ignored, awprot and arprot too.  wstrb selects the bytes of a
    register or a memory word that a write changes.  Responses, the first that applies:
        DECERR  no register, counter or memory word is at the address;
        SLVERR  the access is not among those that `regmap` allows there; or a memory window while busy; or start = 1 while busy.
    Neither has any effect, and the data read with it is 0.  Chunks beyond a memory word's bits read 0 and ignore writes, as the
    bits beyond them do.

    Latency, from the (later) address or data handshake to the response's valid: write 2 cycles, register read 3, counter read 5, memory
    read 8 (one more when a memory write is in its way).  Throughput with a master that never waits: a write in 2 cycles, a register read
    in 4, a counter read in 6, a memory read in 9.  Back-pressure: one write and one read at a time, by the ready signals.

    Members towards the core:
        start:   high for one cycle; the port counts itself busy from this cycle on.
        busy, done: the core's.  done is high for one cycle at the end of a run, and busy falls with it or in the cycle after.
            The port is busy from start to done and whenever `busy` is 1, with `overlap` a cycle later than that.
        irq:     level, IRQ_STATUS.done and CONTROL.irq_enable.
        cycles:  what CYCLES reads.
        counter_layer -> counter_data: the layer's counters, the first of `regmap.COUNTERS` in the lowest 32 bits; taken
            `COUNTER_LATENCY` cycles after counter_layer became stable.  Also read while busy.
        mem_write: high for one cycle, never while busy, with mem_window, mem_word, mem_chunk, mem_data, mem_strobe (one bit a byte):
            write bytes into bits [32 chunk + 31 : 32 chunk] of the word, in that cycle or one of the two after it.
        act_read_en, act_read_addr -> act_read_data: activation memory; act_read_en is high for one cycle, never while busy and never
            in the cycle after mem_write (without `overlap`: together with it); the data is taken exactly
            `read_latency(config)` cycles after it: 4, without `overlap` 2.
        program_read_en, program_read_addr -> program_read_data: the same of program memory; weight_read_*: of a volatile weight memory.

    Without `overlap` the port has no registers for addresses and data: it makes one access at a time, takes a write's address and data
    together, and the address of a read when it answers.  Latency then, from valid signals: write and register read 1 cycle, memory read 3.
    """

    COUNTER_LATENCY = 2

    @staticmethod
    def read_latency(config: AcceleratorConfig) -> int:
        """Cycles from the read of a memory to its data; activation memory has registers before it and behind it."""
        return config.overlap + far_read_latency(config)

    def __init__(self, config: AcceleratorConfig) -> None:
        regmap.check_windows(config)
        self.config = config
        super().__init__(
            {
                **slave_members("s_axil_", regmap.ADDRESS_BITS),
                "irq": Out(1),
                **core_members(config),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        running = Signal()  # from start to done, so that no gap is left before the core's busy rises
        finished = Signal()
        irq_done = Signal()
        irq_enable = Signal()
        scratch = Signal(32)
        busy = Signal()
        core_busy: Value = self.busy
        if self.config.overlap:  # the core is far away; `running` is there before it and until its end
            core_busy = Signal(name="core_busy")
            m.d.sync += core_busy.eq(self.busy)
        m.d.comb += [busy.eq(running | core_busy), self.irq.eq(irq_done & irq_enable)]
        m.d.sync += self.start.eq(0)
        state: dict[tuple[str, str], Value] = {
            ("CONTROL", "start"): C(0, 1),
            ("CONTROL", "irq_enable"): irq_enable,
            ("STATUS", "busy"): busy,
            ("STATUS", "done"): finished,
            ("IRQ_STATUS", "done"): irq_done,
            ("CYCLES", "cycles"): self.cycles,
            ("SCRATCH", "value"): scratch,
        }
        reading = Signal()  # without `overlap`: a read is under way
        if not self.config.overlap:
            m.submodules.decoder = self.decoder = AddressDecoder(self.config)
            m.d.comb += self.decoder.address.eq(Mux(self._write_waits() & ~reading, self.s_axil_awaddr, self.s_axil_araddr))
        self._write_channel(m, busy, running, finished, state, reading)
        # After the host's writes: the end of a run is never lost to a clear in the same cycle.
        with m.If(self.done):
            m.d.sync += [running.eq(0), finished.eq(1), irq_done.eq(1)]
        self._read_channel(m, busy, state, reading)
        return m

    def _write_waits(self) -> Value:
        """Whether address and data of a write are there."""
        return self.s_axil_awvalid & self.s_axil_wvalid

    # --- writes -----------------------------------------------------------------------------------

    def _held(self, m: Module, decoder: AddressDecoder, perform: Signal) -> tuple[Value, Value]:
        """Takes a write's address and data as they come; its data and strobe."""
        address_held, data_held = Signal(), Signal()
        address = Signal(regmap.ADDRESS_BITS, reset_less=True)
        data = Signal(32, reset_less=True)
        strobe = Signal(4, reset_less=True)
        m.d.comb += [
            self.s_axil_awready.eq(~address_held),
            self.s_axil_wready.eq(~data_held),
            perform.eq(address_held & data_held & (~self.s_axil_bvalid | self.s_axil_bready)),
            decoder.address.eq(address),
        ]
        with m.If(self.s_axil_awvalid & self.s_axil_awready):
            m.d.sync += [address.eq(self.s_axil_awaddr), address_held.eq(1)]
        with m.If(self.s_axil_wvalid & self.s_axil_wready):
            m.d.sync += [data.eq(self.s_axil_wdata), strobe.eq(self.s_axil_wstrb), data_held.eq(1)]
        with m.If(perform):
            m.d.sync += [address_held.eq(0), data_held.eq(0)]
        return data, strobe

    def _write_channel(
        self, m: Module, busy: Signal, running: Signal, finished: Signal, state: dict[tuple[str, str], Value], reading: Signal
    ) -> None:
        perform = Signal()
        allowed = Signal()
        data: Value
        strobe: Value
        if self.config.overlap:
            m.submodules.write_decoder = decoder = AddressDecoder(self.config)
            data, strobe = self._held(m, decoder, perform)
        else:
            decoder, data, strobe = self.decoder, self.s_axil_wdata, self.s_axil_wstrb
            m.d.comb += [
                perform.eq(self._write_waits() & ~reading & (~self.s_axil_bvalid | self.s_axil_bready)),
                self.s_axil_awready.eq(perform),
                self.s_axil_wready.eq(perform),
            ]
        with m.If(self.s_axil_bready):
            m.d.sync += self.s_axil_bvalid.eq(0)

        mask = Cat(bit.replicate(8) for bit in strobe)
        start = Signal()
        m.d.comb += start.eq(data[regmap.BY_NAME["CONTROL"].field("start").offset] & strobe[0])
        with m.If(decoder.memory):
            m.d.comb += allowed.eq(~busy)
        with m.If(decoder.register), m.Switch(decoder.register_index):
            for index, register in enumerate(regmap.REGISTERS):
                if register.access.writable:
                    with m.Case(index):
                        m.d.comb += allowed.eq(~(start & busy) if register.name == "CONTROL" else 1)
        m.d.sync += [
            self.mem_write.eq(perform & allowed & decoder.memory & ~decoder.padding),
            self.mem_window.eq(decoder.window),
            self.mem_word.eq(decoder.word),
            self.mem_chunk.eq(decoder.chunk),
            self.mem_data.eq(data),
            self.mem_strobe.eq(strobe),
        ]
        with m.If(perform):
            m.d.sync += self.s_axil_bvalid.eq(1)
            mapped = decoder.register | decoder.counter | decoder.memory
            m.d.sync += self.s_axil_bresp.eq(Mux(allowed, Response.OKAY, Mux(mapped, Response.SLVERR, Response.DECERR)))
        with m.If(perform & allowed & decoder.register), m.Switch(decoder.register_index):
            for index, register in enumerate(regmap.REGISTERS):
                if not register.access.writable:
                    continue
                with m.Case(index):
                    for field in register.fields:
                        span = slice(field.offset, field.offset + field.bits)
                        old, new, enabled = state[register.name, field.name], data[span], mask[span]
                        if (register.name, field.name) == ("CONTROL", "start"):
                            with m.If(start):
                                m.d.sync += [self.start.eq(1), running.eq(1), finished.eq(0)]
                        elif register.access is Access.W1C:
                            m.d.sync += old.eq(old & ~(new & enabled))
                        else:
                            m.d.sync += old.eq((old & ~enabled) | (new & enabled))

    # --- reads ------------------------------------------------------------------------------------

    def _read_channel(self, m: Module, busy: Signal, state: dict[tuple[str, str], Value], reading: Signal) -> None:
        lean = not self.config.overlap
        ports = {window: window.name.lower() for window in regmap.readable(self.config)}
        decoder: AddressDecoder | DecodedAddress
        if lean:
            decoder = self.decoder
        else:
            m.submodules.read_decoder = asked = AddressDecoder(self.config)
            address = Signal(regmap.ADDRESS_BITS, reset_less=True)
            m.d.comb += asked.address.eq(address)
            decoder = DecodedAddress(m, asked)
            m.d.sync += [getattr(self, f"{name}_read_en").eq(0) for name in ports.values()]
        m.d.comb += self.counter_layer.eq(decoder.layer)
        domain = m.d.comb if lean else m.d.sync  # memories are far away
        for name in ports.values():
            domain += getattr(self, f"{name}_read_addr").eq(decoder.word)
        selected = {window: decoder.window == window for window in ports}

        def answer(response: Response, data: Value | int = 0) -> None:
            m.d.sync += [self.s_axil_rvalid.eq(1), self.s_axil_rresp.eq(response), self.s_axil_rdata.eq(data)]
            if lean:
                m.d.comb += self.s_axil_arready.eq(1)
            m.next = "RESPOND"

        registers = Array(self._register_value(register, state) for register in regmap.REGISTERS)
        words = {}
        for window, name in ports.items():
            words[window] = Signal(32 * regmap.MEMORIES[window].chunks(self.config), name=f"{name}_word")
            m.d.comb += words[window].eq(getattr(self, f"{name}_read_data"))

        def decode() -> None:
            with m.If(decoder.register):
                answer(Response.OKAY, registers[decoder.register_index])
            with m.Elif(decoder.counter):
                m.next = "WAIT"
            with m.Elif(decoder.memory):
                with m.If(busy | ~Cat(selected.values()).any()):
                    answer(Response.SLVERR)
                with m.Elif(~self.mem_write):  # the memory's two ports never meet, so no word is read while it changes
                    reads = [getattr(self, f"{name}_read_en").eq(selected[window]) for window, name in ports.items()]
                    if lean:
                        m.d.comb += reads
                        m.next = "WAIT"
                    else:
                        m.d.sync += reads  # as the core writes, a cycle after it is told to
                        m.next = "READ"
            with m.Else():
                answer(Response.DECERR)

        with m.FSM(name="read") as states:
            with m.State("IDLE"):
                if lean:
                    with m.If(self.s_axil_arvalid & ~self._write_waits()):
                        decode()
                else:
                    m.d.comb += self.s_axil_arready.eq(1)
                    with m.If(self.s_axil_arvalid):
                        m.d.sync += address.eq(self.s_axil_araddr)
                        m.next = "DECODE"
            if not lean:
                with m.State("DECODE"):
                    m.next = "ANSWER"
                with m.State("ANSWER"):
                    decode()
                ways = ["READ", *(f"AWAY_{cycle}" for cycle in range(self.read_latency(self.config) - self.COUNTER_LATENCY)), "WAIT"]
                for here, after in pairwise(ways):
                    with m.State(here):
                        m.next = after
            with m.State("WAIT"):
                m.next = "TAKE"
            with m.State("TAKE"):
                found: Value = self.counter_data.word_select(decoder.counter_index, 32)
                for window, word in words.items():
                    found = Mux(decoder.memory & selected[window], word.word_select(decoder.chunk, 32), found)
                answer(Response.OKAY, found)
            with m.State("RESPOND"), m.If(self.s_axil_rready):
                m.d.sync += self.s_axil_rvalid.eq(0)
                m.next = "IDLE"
        if lean:
            m.d.comb += reading.eq(~states.ongoing("IDLE"))

    def _register_value(self, register: regmap.Register, state: dict[tuple[str, str], Value]) -> Value:
        value = C(register.constant(self.config), 32)
        for field in register.fields:
            if field.value is None:
                value = value | (state[register.name, field.name] << field.offset)
        return value[:32]
