"""The compiler: integer graph + accelerator configuration -> program, images, memory map."""

from hwgen.compiler.compile import compile_graph
from hwgen.compiler.program import Layer, Program

__all__ = ["Layer", "Program", "compile_graph"]
