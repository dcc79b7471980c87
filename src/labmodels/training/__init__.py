"""What becomes a model of the lab's own; so far, how weights are written for llama.cpp."""
