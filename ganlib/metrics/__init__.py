"""How good it is: measures of samples, each with controls that must fail."""
