//! What the worker daemon and the command line share: keys, the chain client and the blob transport.
//!
//! | module | what it holds |
//! |---|---|
//! | [`keys`] | accounts, addresses and the files that hold secrets |
//! | [`calls`] | one constructor for each call of the chain |
//! | [`task`] | a task with what it shares with the other tasks of its job |
//! | [`replay`] | recomputing which machines a task got, and why |
//! | [`chain`] | the connection to a node: blocks, typed state, submission |
//! | [`blobs`] | the local blob store, the server that hands it out and the fetcher that fills it |
//!
//! Nothing here is generated from metadata: values are the types of `aidragon-primitives`, encoded and
//! decoded as SCALE. What the connected chain offers is checked once, when the connection is made.

pub mod blobs;
pub mod calls;
pub mod chain;
pub mod keys;
pub mod replay;
pub mod task;

pub use task::Task;

/// A worker machine as the chain knows it.
pub type Worker = aidragon_primitives::worker::Worker<keys::AccountId>;
/// What the chain keeps of a task, apart from what its job says.
pub type TaskRecord = aidragon_primitives::task::Task<keys::AccountId>;
/// What the tasks of a job have in common.
pub type Job = aidragon_primitives::job::Job<keys::AccountId>;
/// One replica of a task.
pub type Replica = aidragon_primitives::task::Replica<keys::AccountId>;
/// What registers a machine.
pub type Registration = aidragon_primitives::worker::Registration<keys::AccountId>;
