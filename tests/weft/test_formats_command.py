"""`weft formats`."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from golden.number_formats.catalogue import all_formats
from tests.weft.small import Command


def rows(command: Command, *arguments: object) -> dict[str, dict[str, Any]]:
    """The records of the formats by name, from `--json`."""
    result = command("formats", *arguments, "--json")
    assert (result.code, result.err) == (0, "")
    return {row["format"]: row for row in json.loads(result.out)["formats"]}


def test_the_table_has_every_format(command: Command) -> None:
    result = command("formats")
    assert (result.code, result.err) == (0, "")
    assert all(format.name in result.out for format in all_formats())
    assert "Horowitz" in result.out
    described = json.loads(command("formats", "--json").out)
    fp16 = next(row for row in described["formats"] if row["format"] == "FP16")
    assert (fp16["greatest"], fp16["smallest_normal"], fp16["fields"]) == (65504, 2**-14, {"sign": 1, "exponent": 5, "mantissa": 10})
    energy = {row["format"]: row["mac"] for row in described["energy"]["operations"]}
    assert (energy["INT8"], energy["FP32"]) == (0.3, 4.6)


def test_width_of_integers(command: Command) -> None:
    described = rows(command, "--width", 4)
    assert (described["twos-complement4"]["least"], described["twos-complement4"]["greatest"]) == (-8, 7)
    assert "Q2.2" in described


def test_minus_49_in_every_view(command: Command) -> None:
    found = rows(command, "-49")
    views = {name: row["bits"] for name, row in found.items() if name.endswith("8")}
    assert views == {
        "unsigned8": "00000000",
        "sign-magnitude8": "1|0110001",
        "ones-complement8": "1|1001110",
        "twos-complement8": "1|1001111",
    }
    assert found["unsigned8"]["outcome"] == "saturated"
    assert found["FP8-E4M3"]["value"] == -48
    assert found["FP8-E4M3"]["error"] == 1


def test_a_value_for_people(command: Command) -> None:
    result = command("formats", "0.265625", "--format", "fp32")
    assert result.out.startswith("0.265625 = 0.010001 (binary) = 1.0001 * 2^-2\n")
    assert re.search(r"FP32 .* 0\|01111101\|00010000000000000000000 .* 1\.0625 \* 2\^-2 .* 125 .* exact", result.out)
    assert "0b11.001 = 3.125 = 11.001 (binary) = 1.1001 * 2^1" in command("formats", "0b11.001").out
    assert "0.1, without end in binary" in command("formats", "0.1").out
    assert command("formats", "2e-30").out.startswith("2e-30, without end")
    assert command("formats", "0x", "--format", "fp32").code == 2


def test_a_pattern(command: Command) -> None:
    found = rows(command, "--bits", "00110001")
    assert {name: row["value"] for name, row in found.items()} == {
        "unsigned8": 49, "sign-magnitude8": 49, "ones-complement8": 49, "twos-complement8": 49, "Q4.4": 3.0625,
        "FP8-E4M3": 0.5625, "FP8-E5M2": 0.15625,
    }  # fmt: skip
    assert list(rows(command, "--bits", "0x31", "--format", "Q2.6")) == ["Q2.6"]
    assert "--format Qm.n" in command("formats", "--bits", "00110001").out


def test_what_json_has_no_number_for(command: Command) -> None:
    assert rows(command, "1e40", "--format", "fp32")["FP32"]["value"] == "inf"
    assert rows(command, "1e40", "--format", "fp32", "--saturate")["FP32"]["outcome"] == "saturated"
    found = rows(command, "nan")
    assert (found["FP16"]["value"], found["FP4-E2M1"]["outcome"]) == ("nan", "has no NaN")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x"], "a value must be a number such as"),
        (["--nonsense"], "No such option '--nonsense'"),
        (["1", "2"], "unexpected extra argument"),
        (["--bits", "12"], "made of 0 and 1"),
        (["--bits", "1"], "from 2 to 32 bits, not 1"),
        (["--bits", "0x" + "0" * 16], "from 2 to 32 bits, not 64"),
        (["--bits", "0011", "--format", "fp16"], "FP16 has 16 bits"),
        (["1", "--bits", "0011"], "not both"),
        (["1", "--format", "fp7"], "there is no number format 'fp7'"),
        (["--width", "64"], "64 is not in the range 2<=x<=32"),
    ],
)
def test_bad_input(command: Command, arguments: list[str], message: str) -> None:
    result = command("formats", *arguments)
    assert result.code == 2
    assert message in result.err
    assert result.out == ""
