"""The methods that can take part in a comparison, one kind a file."""

from weft.comparison.contenders.by_recipe import ByRecipe
from weft.comparison.contenders.codebook import Codebook
from weft.comparison.contenders.contender import Contender, Quantized, Task
from weft.comparison.contenders.mixed import Mixed
from weft.comparison.contenders.quantization_aware import QuantizationAware
from weft.comparison.contenders.ternary import Ternary

__all__ = ["ByRecipe", "Codebook", "Contender", "Mixed", "QuantizationAware", "Quantized", "Task", "Ternary"]
