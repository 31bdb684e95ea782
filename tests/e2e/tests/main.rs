//! All of it in one program. To run one scenario: `cargo test -p aidragon-e2e scenario::digits -- --nocapture`.

mod dependencies;
mod scenario;
