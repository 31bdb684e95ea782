//! Whole scenarios with real processes, each on a chain of its own. They take turns: `--test-threads=1`.

mod digits;
mod dissent;
mod federated;
mod hostile;
mod recovery;
mod throughput;
mod validators;
