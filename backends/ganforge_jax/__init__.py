"""ganforge in JAX: pure functions, one compiled step whose arrays are donated, functions with pytrees to take away."""
