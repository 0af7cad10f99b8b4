"""The `quant` command. Modules import what they need inside the functions, so that `quant --help` stays quick."""
