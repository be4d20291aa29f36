"""The feeder: activation addresses, padding, and the order of the whole computation."""

from __future__ import annotations

from collections.abc import Mapping

from amaranth.hdl import C, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME, Operation
from hwgen.gateware.byte_shifter import ByteShifter
from hwgen.gateware.command import DescriptorStream, field_of
from hwgen.gateware.control import Control
from hwgen.gateware.delay import delay
from hwgen.gateware.loop_counter import loop_counter
from hwgen.gateware.ram import far_read_latency

#: Descriptor fields that the unit keeps.
_FIELDS = (
    "operation",
    "layer",
    "pad_value",
    "groups",
    "kernel_y",
    "kernel_x",
    "channel_words",
    "pixels_y",
    "pixels_x",
    "start_y",
    "start_x",
    "height",
    "width",
    "stride_y",
    "stride_x",
    "dilation_y",
    "dilation_x",
    "step_x",
    "step_y",
    "step_kernel_x",
    "step_kernel_y",
    "table",
    "extra_walks",
    "stream_x",
    "decimate",
    "paired",
    "dense",
    "dense_byte",
    "dense_shift",
)


class Feeder(wiring.Component):
    """Walks output groups, kernel rows, kernel columns, channel words, output rows and output columns (the last fastest), reads one
    activation word for each, and puts the zero point in place of padding.  No im2col copy exists: the loops are address counters.

    A word is issued in every cycle but those in which the feeder waits: at the start of a tile for its weights, at the start of a group
    for a free accumulator bank, at the start of a descriptor with a barrier for the last write of everything before; and in the
    cycle in which it accepts a descriptor.  There is no other bubble, neither between tiles nor between groups.

    For pooling and residual adds there are no weights.  For these and for depthwise convolution a group is `config.pool_channels`
    channels, and the groups walk along the words of a pixel.

    A group's kernel may be walked several times, each with weights of its own (`extra_walks`), for weights of more than 8 bits.

    Depthwise convolution streams the input columns of an output row one after the other (`stream_x` of them); every `decimate`-th
    begins an output pixel, until there are `pixels_x`.  The array needs the columns after a pixel's first as well; those beyond the
    last streamed are padding, which is also what `act` is while nothing is issued.

    Paired depthwise groups (stride 2, `config.depthwise_pairs`): even columns begin pixels of one slice of the word, odd columns those of
    the slice after it, one column late, so that a pixel of either begins in every cycle.  A pair has two weight tiles.

    Dense maps (a narrow input stored without gaps): x counts bytes.  The word read is that of a window's last byte; with the word
    before it a byte shifter makes the window one activation word, with the zero point in place of every byte outside the row.

    Without `overlap` the descriptor stays where it is while the feeder works on it, and a tile begins `TILE_INTERVAL` = 3 cycles after
    the tile before at the earliest, so that the accumulators need no forwarding.

    Latency: `latency(config)` = 5 cycles, without `overlap` 4, from an issue to `act`.  With `overlap` `read_en` and `read_addr` come with
    the issue, and the core has a register before the memory and one behind it; without, they come a cycle after it.  Throughput: a word a
    cycle.

    Members
    -------
    command:                      the descriptor.
    read_en, read_addr, read_data: activation memory.
    act[r], slot, control:        to the array and, past it, the accumulators.
    act_slice, operand:           which slice of the word a group takes, where there are several, and which operand of an add it is; with
                                  `act`.
    table:                        of a residual add; like `operation`.
    operation:                    of the words under way; changes only while none is.
    weights_ready (tiles that are ready: none, one, two or more), bank_ready, drained: levels from the core's credit counters.
    wanted:                       tiles that the next issue takes.
    take_tile, take_bank, slot_released: a tile (or two) or group starts, the last activation of a tile (or two) is issued.
    issue, waits_weights, waits_post, layer: for the performance counters.
    idle:                         no descriptor is in work.
    """

    TILE_INTERVAL = 3

    @staticmethod
    def latency(config: AcceleratorConfig) -> int:
        """Cycles from an issue to `act`: an address register, the memory, and the register of `act`."""
        return 1 + far_read_latency(config) + 1

    def __init__(self, config: AcceleratorConfig, address_bits: int) -> None:
        self.config, self.address_bits = config, address_bits
        slices = {"act_slice": Out(range(config.slices))} if config.slices > 1 else {}
        super().__init__(
            {
                "command": In(DescriptorStream),
                "read_en": Out(1),
                "read_addr": Out(address_bits),
                "read_data": In(config.rows * 8),
                "act": Out(signed(8)).array(config.rows),
                "slot": Out((config.slots - 1).bit_length()),
                "control": Out(Control),
                **slices,
                "operand": Out(1),
                "odd": Out(1),
                "table": Out(BY_NAME["table"].bits),
                "operation": Out(Operation),
                "weights_ready": In(2),
                "bank_ready": In(1),
                "drained": In(1),
                "wanted": Out(2),
                "take_tile": Out(2),
                "take_bank": Out(1),
                "slot_released": Out(2),
                "issue": Out(1),
                "idle": Out(1),
                "waits_weights": Out(1),
                "waits_post": Out(1),
                "layer": Out(BY_NAME["layer"].bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config

        active = Signal()
        payload = {name: field_of(config, self.command.payload, name) for name in _FIELDS}
        absent = {"paired": not config.depthwise_pairs, "dense": not config.dense_input, "table": not config.add_tables}
        payload |= {name: C(0, len(payload[name])) for name, is_absent in absent.items() if is_absent}
        fields: dict[str, Value] = dict(payload)
        if config.overlap:
            fields |= {name: Signal.like(value, name=name, reset_less=True) for name, value in payload.items() if not absent.get(name)}
        barrier = Signal()  # still to be waited for
        # What follows from a descriptor is known with it, so that it costs no time when it is needed.
        now = _derived(payload)
        derived = now
        if config.overlap:
            derived = {name: Signal(value.shape(), name=name, reset_less=True) for name, value in now.items()}
        depthwise, slicing, tiles = derived["depthwise"], derived["slicing"], derived["tiles"]

        # The loops, the innermost first; one takes a step when every inner one is at its last.
        accept = self.command.ready & self.command.valid
        last: dict[str, Value] = {}
        ends: list[Value] = []
        inner: Value = C(1, 1)
        for name, end in _LOOPS.items():
            given, kept = (now[name], derived[name]) if name in derived else (payload[name], fields[name])
            last[name] = loop_counter(m, name, given=given, kept=kept, restart=accept, step=self.issue & inner, ahead=config.overlap)
            ends.append(Signal(name=end))
            m.d.comb += ends[-1].eq(inner & last[name])
            inner = ends[-1]
        row_end, tile_end, tap_end, tap_row_end, kernel_end, group_end, descriptor_end = ends
        first = Signal()  # tile of its group
        tap_odd = Signal()  # kernel column: the second operand of an add

        # Addresses and coordinates of the current word, of its output row's first word, and of the tile's and group's first.
        address = Signal(self.address_bits)
        row_address, tile_address, group_address = (
            Signal.like(address, name=f"{n}_address", reset_less=True) for n in ("row", "tile", "group")
        )
        y, tile_y = (Signal(signed(config.place_bits), name=n, reset_less=True) for n in ("y", "tile_y"))
        x, tile_x = (Signal(signed(config.place_bits), name=n, reset_less=True) for n in ("x", "tile_x"))
        act_slice = Signal(range(max(2, config.slices)))
        last_slice = act_slice == config.slices - 1 - fields["paired"]
        tile_start, group_start = Signal(), Signal()

        waits_barrier = barrier & ~self.drained
        waits_bank = group_start & ~self.bank_ready
        waits_weights = self.weights_ready < self.wanted
        waits_tile = Signal()
        issue = self.issue
        m.d.comb += [
            issue.eq(active & ~waits_barrier & ~waits_bank & ~waits_weights & ~waits_tile),
            self.waits_post.eq(active & (waits_barrier | waits_bank)),
            self.waits_weights.eq(active & ~waits_barrier & ~waits_bank & waits_weights),
            self.take_tile.eq(Mux(issue, self.wanted, 0)),
            self.take_bank.eq(issue & group_start),
            self.slot_released.eq(Mux(issue & tile_end, tiles, 0)),
            self.command.ready.eq(~active),
            self.idle.eq(~active),
        ]
        if not config.overlap:
            interval = Signal(range(self.TILE_INTERVAL))  # cycles until a tile may begin
            m.d.comb += waits_tile.eq(tile_start & (interval != 0))
            with m.If(issue & tile_start):
                m.d.sync += interval.eq(self.TILE_INTERVAL - 1)
            with m.Elif(interval != 0):
                m.d.sync += interval.eq(interval - 1)
        # The layer of a cycle is the old one until the barrier is passed.
        layer = Signal.like(self.layer)
        m.d.comb += self.layer.eq(Mux(active & ~waits_barrier, fields["layer"], layer))
        m.d.sync += layer.eq(self.layer)

        # --- the loops ----------------------------------------------------------------------------
        next_row, next_tile, next_group = (Signal.like(address, name=f"next_{n}") for n in ("row", "tile", "group"))
        next_tile_x, next_tile_y = Signal.like(x), Signal.like(y)
        m.d.comb += [
            next_row.eq(row_address + fields["step_y"]),
            # Pooling, add and depthwise move a group on to the next slice of the word, or to the next word.
            next_group.eq(group_address + (slicing & last_slice)),
            next_tile.eq(tile_address + 1),
            next_tile_x.eq(tile_x),
            next_tile_y.eq(tile_y),
        ]
        with m.If(kernel_end):
            m.d.comb += [
                next_tile.eq(Mux(group_end, next_group, group_address)),
                next_tile_x.eq(fields["start_x"]),
                next_tile_y.eq(fields["start_y"]),
            ]
        with m.Elif(tap_row_end):
            m.d.comb += [
                next_tile.eq(tile_address + fields["step_kernel_y"]),
                next_tile_x.eq(fields["start_x"]),
                next_tile_y.eq(tile_y + fields["dilation_y"]),
            ]
        with m.Elif(tap_end):
            m.d.comb += [next_tile.eq(tile_address + fields["step_kernel_x"]), next_tile_x.eq(tile_x + fields["dilation_x"])]

        # Depthwise: which of the streamed columns begin output pixels.
        phase = Signal.like(payload["decimate"], name="phase")
        begun = Signal(len(payload["pixels_x"]))  # output pixels of the row so far
        begins = (phase == 0) & (begun != fields["pixels_x"])
        begins_odd = Signal()  # the pixel of the pair's second slice, after that of the first
        pixel_last = Mux(fields["paired"], begins_odd & (begun == fields["pixels_x"]), begins & (begun + 1 == fields["pixels_x"]))
        with m.If(issue):
            m.d.sync += [phase.eq(Mux(phase + 1 == fields["decimate"], 0, phase + 1)), begun.eq(begun + begins)]
            m.d.sync += begins_odd.eq(begins & fields["paired"])
            with m.If(row_end):
                m.d.sync += [phase.eq(0), begun.eq(0), begins_odd.eq(0)]
        next_word = fields["step_x"]
        if config.dense_input:
            m.submodules.shifter = shifter = ByteShifter(config)
            next_word = Mux(fields["dense"], shifter.crosses, fields["step_x"])
            m.d.comb += [
                shifter.restart.eq(accept | (issue & row_end)),
                shifter.first_byte.eq(Mux(accept, self.command.payload.dense_byte, fields["dense_byte"])),
                shifter.issue.eq(issue),
                shifter.x.eq(x),
                shifter.dense.eq(fields["dense"]),
                shifter.stride.eq(fields["stride_x"]),
                shifter.shift.eq(fields["dense_shift"]),
                shifter.width.eq(fields["width"]),
                shifter.read_data.eq(self.read_data),
            ]

        with m.If(issue):
            m.d.sync += [barrier.eq(0), tile_start.eq(tile_end), self.wanted.eq(Mux(tile_end, tiles, 0)), group_start.eq(group_end)]
            m.d.sync += [address.eq(address + next_word), x.eq(x + fields["stride_x"])]
            with m.If(row_end):
                m.d.sync += [address.eq(next_row), row_address.eq(next_row), x.eq(tile_x), y.eq(y + fields["stride_y"])]
            with m.If(tile_end):
                m.d.sync += first.eq(group_end)
                m.d.sync += [address.eq(next_tile), row_address.eq(next_tile), tile_address.eq(next_tile)]
                m.d.sync += [x.eq(next_tile_x), tile_x.eq(next_tile_x), y.eq(next_tile_y), tile_y.eq(next_tile_y)]
            with m.If(tap_end):
                m.d.sync += tap_odd.eq(~tap_odd & ~tap_row_end)
            with m.If(group_end):
                m.d.sync += group_address.eq(next_group)
                m.d.sync += act_slice.eq(Mux(last_slice, 0, act_slice + 1 + fields["paired"]))
            with m.If(descriptor_end):
                m.d.sync += active.eq(0)

        with m.If(accept):
            if config.overlap:
                m.d.sync += [register.eq(payload[name]) for name, register in fields.items() if isinstance(register, Signal)]
                m.d.sync += [register.eq(now[name]) for name, register in derived.items() if isinstance(register, Signal)]
                m.d.sync += barrier.eq(self.command.payload.barrier)
            m.d.sync += [
                active.eq(1),
                tile_start.eq(1),
                self.wanted.eq(now["tiles"]),
                group_start.eq(1),
                act_slice.eq(0),
                first.eq(1),
                tap_odd.eq(0),
            ]
            m.d.sync += [counter.eq(0) for counter in (phase, begun, begins_odd)]
            m.d.sync += [register.eq(self.command.payload.act_address) for register in (address, row_address, tile_address, group_address)]
            m.d.sync += [register.eq(payload["start_y"]) for register in (y, tile_y)]
            m.d.sync += [register.eq(payload["start_x"]) for register in (x, tile_x)]

        # --- the read and its companions ----------------------------------------------------------
        inside_y = (y >= 0) & (y < fields["height"])
        inside = Signal()
        m.d.comb += inside.eq(issue & inside_y & (fields["dense"] | ((x >= 0) & (x < fields["width"]))))
        asked = delay(m, inside, 1, name="inside", resets=True)
        if config.overlap:
            m.d.comb += [self.read_en.eq(inside), self.read_addr.eq(address)]
        else:
            m.d.comb += self.read_en.eq(asked)
            m.d.sync += self.read_addr.eq(address)
        # Operation, table and padding value change with the descriptor; words of two layers are never under way together, but the
        # feeder may already hold the next layer's descriptor, so they are taken when a word is issued.
        pad_value = fields["pad_value"]
        if config.overlap:
            pad_value = Signal(signed(8), reset_less=True)
            operation = Signal(Operation)
            with m.If(issue):
                m.d.sync += [operation.eq(fields["operation"]), pad_value.eq(fields["pad_value"]), self.table.eq(fields["table"])]
            m.d.comb += self.operation.eq(operation)
        else:
            m.d.comb += [self.operation.eq(fields["operation"]), self.table.eq(fields["table"])]
        inside_later = delay(m, asked, far_read_latency(config), name="inside_later", resets=True)
        data, valid_bytes = self.read_data, inside_later.replicate(config.rows)
        if config.dense_input:
            data, valid_bytes = shifter.data, shifter.inside & valid_bytes
        for r, act in enumerate(self.act):
            register = Signal(signed(8), name=f"act_{r}", reset_less=True)
            m.d.sync += register.eq(Mux(valid_bytes[r], data[r * 8 : r * 8 + 8].as_signed(), pad_value))
            m.d.comb += act.eq(register)

        slot = Signal.like(self.slot)
        slots = [slot]  # this one, and those one and two tiles on
        for ahead in (1, 2):
            slots.append(Signal.like(slot, name=f"slot_{ahead}"))
            m.d.comb += slots[ahead].eq(Mux(slots[ahead - 1] == config.slots - 1, 0, slots[ahead - 1] + 1))
        with m.If(self.slot_released == 1):
            m.d.sync += slot.eq(slots[1])
        with m.Elif(self.slot_released == 2):
            m.d.sync += slot.eq(slots[2])
        odd = fields["paired"] & phase[0]
        latency = self.latency(config)
        control = Signal(Control)
        last_tile = last["channel_words"] & last["kernel_x"] & last["kernel_y"] & last["walks"]
        m.d.comb += [
            control.valid.eq(issue & (~depthwise | begins | begins_odd)),
            control.first.eq(first),
            control.tile_last.eq(Mux(depthwise, pixel_last & last["pixels_y"], tile_end)),
            control.group_last.eq(
                Mux(
                    depthwise,
                    pixel_last & last["pixels_y"] & last_tile,
                    group_end,
                )
            ),
            self.slot.eq(delay(m, Mux(odd, slots[1], slot), latency, name="slot")),
            self.odd.eq(delay(m, odd, latency, name="odd")),
            self.operand.eq(delay(m, tap_odd, latency, name="operand")),
            self.control.as_value().eq(delay(m, control.as_value(), latency, name="control", resets=True)),
        ]
        if config.slices > 1:
            m.d.comb += self.act_slice.eq(delay(m, act_slice, latency, name="act_slice"))
        return m


#: The loops, the innermost first, and the end that comes with the last step of each and of those within it.
_LOOPS = {
    "columns": "row_end",
    "pixels_y": "tile_end",
    "channel_words": "tap_end",
    "kernel_x": "tap_row_end",
    "kernel_y": "kernel_end",
    "walks": "group_end",
    "groups": "descriptor_end",
}


def _derived(fields: Mapping[str, Value]) -> dict[str, Value]:
    """What the feeder needs that follows from a descriptor's fields: two flags, weight tiles of a tile of words, limits of two loops."""
    depthwise = fields["operation"] == Operation.DEPTHWISE
    slicing = fields["operation"] != Operation.CONV
    return {
        "depthwise": depthwise,
        "slicing": slicing,
        "tiles": Mux(slicing & ~depthwise, 0, 1 + fields["paired"]),
        "columns": Mux(depthwise, fields["stream_x"], fields["pixels_x"]),
        "walks": fields["extra_walks"] + 1,
    }
