"""cocotb test modules: they run inside the simulator, started by `sim.runner.run`."""
