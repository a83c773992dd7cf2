//! Runs many seeds: `SEEDS`, `BLOCKS`, or one again: `SEED`.

fn main() {}
