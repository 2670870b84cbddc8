"""A package of its own: torch-fidelity installs one of the same name, which would be found first."""
