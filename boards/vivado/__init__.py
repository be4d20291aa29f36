"""Projects for Vivado: what it needs to make a bitstream of a design for a board with a 7-series device."""

from boards.vivado.project import SYNTHESIS_FOLDER, write_project
from boards.vivado.resources import Resource, synthesized

__all__ = ["SYNTHESIS_FOLDER", "Resource", "synthesized", "write_project"]
