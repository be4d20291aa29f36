"""The way past the array: activations straight to the accumulators, for pooling and residual adds."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME
from hwgen.gateware.delay import delay
from hwgen.gateware.ram import READ_LATENCY, Ram

TABLE_FILE = "tables.hex"
#: Entries of a residual add's table: 256 for each operand.
TABLE_ENTRIES = 512


class PoolingPath(wiring.Component):
    """Takes the `config.pool_channels` channels of the chosen slice of each activation word to the accumulators' columns, as they are or
    (`add`) rescaled by a table.

    A residual add rescales each operand before the sum.  An operand has 256 values, so the compiler tabulates the rescale: entry
    512 * table + 256 * operand + (the byte as unsigned).  Each channel has its own copy of the tables, since all look up at once.

    Latency: `LATENCY` = 3 cycles.  Throughput: a word a cycle.  No flow control.  Columns beyond the channels get 0.

    Members: act[r], act_slice (where a word has several slices), operand (0 or 1); add, table (constant while words are under way);
    -> value[c]; table_write_en, table_write_addr, table_write_data (a 32-bit entry, into all copies).  The last five and `operand`
    matter only with add_tables.
    """

    LATENCY = 1 + READ_LATENCY

    def __init__(self, config: AcceleratorConfig, tables: tuple[int, ...] = ()) -> None:
        self.config, self.tables = config, tables
        slices = {"act_slice": In(range(config.slices))} if config.slices > 1 else {}
        self.depth = TABLE_ENTRIES * max(1, config.add_tables)
        super().__init__(
            {
                "act": In(signed(8)).array(config.rows),
                **slices,
                "operand": In(1),
                "add": In(1),
                "table": In(BY_NAME["table"].bits),
                "value": Out(signed(config.value_bits)).array(config.cols),
                "table_write_en": In(1),
                "table_write_addr": In((self.depth - 1).bit_length()),
                "table_write_data": In(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        channels = config.pool_channels
        operand = delay(m, self.operand, 1, name="operand")
        for c in range(channels):
            chosen = Signal(signed(8), name=f"chosen_{c}", reset_less=True)
            slices = [self.act[k * channels + c] for k in range(config.slices)]
            m.d.sync += chosen.eq(Array(slices)[self.act_slice] if config.slices > 1 else slices[0])
            plain = delay(m, chosen, READ_LATENCY, name=f"plain_{c}")
            if not config.add_tables:
                m.d.comb += self.value[c].eq(plain)
                continue
            table = Ram(width=config.acc_bits, depth=self.depth, init=self.tables, init_file=TABLE_FILE)
            m.submodules[f"table_{c}"] = table
            m.d.comb += [
                table.read_en.eq(self.add),
                table.read_addr.eq(Cat(chosen.as_unsigned(), operand, self.table)),
                table.write_en.eq(self.table_write_en),
                table.write_addr.eq(self.table_write_addr),
                table.write_data.eq(self.table_write_data),
                self.value[c].eq(Mux(self.add, table.read_data.as_signed(), plain)),
            ]
        return m
