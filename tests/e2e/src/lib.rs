//! What the end-to-end tests stand on: real processes, a hand-driven machine, and waiting with a limit.
//!
//! | module | what it holds |
//! |---|---|
//! | [`scene`] | one scenario: its directory, its time limit, and the logs that are shown when it fails |
//! | [`process`] | a process that is started with a log file, and ends with whoever started it |
//! | [`paths`] | where the built programs, the task guests and the checkout are |
//! | [`wait`] | waiting for something with a limit and a name |
//! | [`node`] | nodes, alone or as a network of validators |
//! | [`daemon`] | worker daemons |
//! | [`dragon`] | the command line of a submitter |
//! | [`polkadot_js`] | the same through polkadot.js |
//! | [`market`] | task sources, specifications, and tasks on their way |
//! | [`puppet`] | a machine that the test drives by hand, honestly or not |
//! | [`crew`] | machines driven by hand that deliver as fast as the chain takes it |
//! | [`rpc`] | many requests at once to a node |
//! | [`load`] | transactions that keep a node's pool full, and what blocks held |
//! | [`ledger`] | who owned what, before and after |
//!
//! The tests take turns (`--test-threads=1`), for each of them computes challenges and measures time. They run
//! what `cargo build --workspace` and `scripts/build-examples.sh` built; `AIDRAGON_BIN_DIR` and
//! `AIDRAGON_EXAMPLES_DIR` name other places.

pub mod crew;
pub mod daemon;
pub mod dragon;
pub mod ledger;
pub mod load;
pub mod market;
pub mod node;
pub mod paths;
pub mod polkadot_js;
pub mod process;
pub mod puppet;
pub mod rpc;
pub mod scene;
pub mod wait;
