"""ganforge in TensorFlow 2: variables, one traced function a step, Keras models to take away."""
