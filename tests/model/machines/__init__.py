"""What the models are tried with: state machines of Hypothesis, or parts of one."""
