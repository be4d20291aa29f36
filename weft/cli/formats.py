"""`weft formats`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import click

from golden import cost
from golden.errors import InputError
from golden.number_formats.catalogue import all_formats, formats_of_width, parse_format
from golden.number_formats.floating_point import FloatingPoint
from golden.number_formats.notation import binary, binary_scientific, finite, parse_number, parse_pattern
from golden.number_formats.number_format import Number, NumberFormat
from golden.number_formats.uniform import GREATEST_BITS, LEAST_BITS
from weft.cli.options import json_option
from weft.cli.terminal import Report

#: Binary expansions longer than this are of no use to the eye.
_LONGEST_BINARY = 40


@click.command(context_settings={"ignore_unknown_options": True})  # a negative VALUE is no option
@click.argument("value", required=False)
@click.option("--bits", "pattern", metavar="PATTERN", help="Decode this pattern, such as 00110001 or 0x3e88, in every format of its width.")
@click.option("--format", "names", metavar="NAME", multiple=True, help="This format alone, such as Q4.4, int8, fp8-e4m3; may be repeated.")
@click.option(
    "--width",
    type=click.IntRange(LEAST_BITS, GREATEST_BITS),
    default=8,
    show_default=True,
    help="Bits of the integers and of fixed point, where no format is named.",
)
@click.option("--saturate", is_flag=True, help="Beyond the range take the nearest finite value, in formats with infinity or NaN too.")
@json_option
def formats(value: str | None, pattern: str | None, names: tuple[str, ...], width: int, saturate: bool, as_json: bool) -> None:
    """Show number formats: their range and precision; VALUE in each of them; or what a pattern of bits stands for.

    VALUE is a decimal number, a fraction (1/3), a binary number (0b11.001), inf or nan.
    """
    report = Report(as_json)
    if value is not None and pattern is not None:
        raise InputError("give a value to encode or a pattern to decode (--bits), not both")
    chosen = [parse_format(name) for name in names]
    if value is not None:
        if value.startswith("--"):
            raise click.NoSuchOption(value, ctx=click.get_current_context())
        _encode(report, value, chosen or all_formats(width), saturate)
    elif pattern is not None:
        _decode(report, pattern, chosen)
    else:
        _describe(report, chosen or all_formats(width), energies=not names)


def _describe(report: Report, chosen: Sequence[NumberFormat], energies: bool) -> None:
    records: list[dict[str, Any]] = [
        {
            "format": format.name,
            "bits": format.bits,
            "fields": {field.name: field.bits for field in format.fields},
            "least": format.least,
            "greatest": format.greatest,
            "smallest_normal": format.smallest_normal,
            "smallest_subnormal": format.smallest_subnormal,
            "ulp_at_1": format.ulp(1.0),
            "specials": format.specials,
        }
        for format in chosen
    ]
    report.table(
        "number formats",
        ["format", "bits", "fields", "least", "greatest", "smallest normal", "subnormal", "ulp at 1", "besides"],
        [
            [
                record["format"],
                record["bits"],
                " + ".join(map(str, record["fields"].values())),
                *(_short(record[key]) for key in ("least", "greatest", "smallest_normal", "smallest_subnormal", "ulp_at_1")),
                record["specials"],
            ]
            for record in records
        ],
    )
    report.note("fields: sign + exponent + mantissa; sign + the rest of an integer; integer + fraction")
    report.note("ulp: distance to the next value, one unit in the last place")
    result: dict[str, Any] = {"formats": records}
    if energies:
        result["energy"] = _energies(report)
    report.result(result)


def _energies(report: Report) -> dict[str, Any]:
    arithmetics = [cost.FP32, cost.FP16, cost.INT32, cost.INT8]
    report.table(
        "energy in pJ at 45 nm (Horowitz, ISSCC 2014): one operation, and moving one value",
        ["format", "multiply", "add", "MAC", *(memory.name for memory in cost.MEMORIES)],
        [
            [a.name, _short(a.multiply), _short(a.add), _short(a.mac), *(_per_value(a, memory) for memory in cost.MEMORIES)]
            for a in arithmetics
        ],
    )
    return {
        "unit": "pJ",
        "source": "M. Horowitz, Computing's energy problem (and what we can do about it), ISSCC 2014: 45 nm, 0.9 V",
        "operations": [{"format": a.name, "multiply": a.multiply, "add": a.add, "mac": a.mac} for a in arithmetics],
        "byte_moved": {memory.name: memory.per_byte() for memory in cost.MEMORIES},
    }


def _per_value(arithmetic: cost.Arithmetic, memory: cost.Memory) -> str:
    least, greatest = (energy * arithmetic.bits / 8 for energy in memory.per_byte())
    return _short(least) if least == greatest else f"{_short(least)} to {_short(greatest)}"


def _encode(report: Report, text: str, chosen: Sequence[NumberFormat], saturate: bool) -> None:
    value = parse_number(text)
    records: list[dict[str, Any]] = []
    for format in chosen:
        try:
            encoded = format.encode(value, saturate=saturate)
        except InputError:
            records.append({"format": format.name, "bits": None, "value": None, "error": None, "ulp": None, "outcome": "has no NaN"})
            continue
        records.append(
            {
                "format": format.name,
                "bits": format.written(encoded.pattern),
                **_reading(format, encoded.pattern),
                "error": encoded.error(value),
                "ulp": format.ulp(encoded.value),
                "outcome": encoded.outcome.value,
            }
        )
    report.note(_equation(text.strip(), value))
    report.table(
        "",
        ["format", "bits", "value", "reading", "exponent", "error", "ulp", "outcome"],
        [
            [
                record["format"],
                record["bits"],
                _long(record["value"]),
                record.get("scientific"),
                record.get("exponent_field"),
                _short(record["error"], 4),
                _short(record["ulp"], 4),
                record["outcome"],
            ]
            for record in records
        ],
    )
    report.result({"value": text.strip(), "formats": [_plain(record) for record in records]})


def _decode(report: Report, text: str, chosen: Sequence[NumberFormat]) -> None:
    pattern, width = parse_pattern(text)
    unfit = [f"{format.name} has {format.bits} bits" for format in chosen if format.bits != width]
    if unfit:
        raise InputError(f"the pattern {text.strip()} has {width} bits; give one of the format's width", unfit)
    if not LEAST_BITS <= width <= GREATEST_BITS:
        raise InputError(f"a pattern must have from {LEAST_BITS} to {GREATEST_BITS} bits, not {width}")
    records = []
    for format in chosen or formats_of_width(width):
        reading = _reading(format, pattern)
        records.append({"format": format.name, "bits": format.written(pattern), "fields": format.split(pattern), **reading})
    report.table(
        f"{pattern:0{width}b}",
        ["format", "bits", "fields", "value", "reading"],
        [
            [
                record["format"],
                record["bits"],
                ", ".join(f"{name} {number}" for name, number in record["fields"].items()),
                _long(record["value"]),
                record.get("scientific"),
            ]
            for record in records
        ],
    )
    if not chosen:
        report.note("other places of the binary point: --format Qm.n or --format UQm.n")
    report.result({"bits": f"{pattern:0{width}b}", "formats": [_plain(record) for record in records]})


def _reading(format: NumberFormat, pattern: int) -> dict[str, Any]:
    value = format.decode(pattern)
    if not isinstance(format, FloatingPoint) or not math.isfinite(value) or value == 0:
        return {"value": value}
    return {"value": value, "scientific": format.scientific(pattern, digits=7), "exponent_field": format.split(pattern)["exponent"]}


def _equation(text: str, value: Number) -> str:
    """The number in decimal and in binary, as far as these have an end that is worth reading."""
    exact = finite(value)
    if exact is None:
        return text
    parts = [text]
    if "0b" in text.lower() or "/" in text:
        parts.append(_long(float(exact)) if Fraction(_long(float(exact))) == exact else f"about {_long(float(exact))}")
    digits = binary(exact)
    if digits is None:
        return " = ".join(parts) + ", without end in binary"
    if len(digits) > _LONGEST_BINARY:
        return " = ".join(parts)
    return " = ".join([*parts, f"{digits} (binary)", *filter(None, [binary_scientific(exact)])])


def _long(value: float | None) -> str:
    """A value with more digits than tables have room for."""
    return "" if value is None else f"{value:.9g}"


def _short(value: float | None, digits: int = 6) -> str:
    return "" if value is None else f"{value:.{digits}g}"


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity and no NaN: they become strings."""
    return {key: str(entry) if isinstance(entry, float) and not math.isfinite(entry) else entry for key, entry in record.items()}
