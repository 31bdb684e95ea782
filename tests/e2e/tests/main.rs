//! All scenarios, in one program. To run one: `cargo test -p aidragon-e2e digits`.

mod dependencies;
mod digits;
mod dissent;
mod hostile;
mod recovery;
mod validators;
