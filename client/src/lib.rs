//! What the worker daemon and the command line share: keys, the chain client and the blob transport.
//!
//! | module | what it holds |
//! |---|---|
//! | [`keys`] | accounts, addresses and the files that hold secrets |
//! | [`calls`] | one constructor for each call of the chain |
//! | [`chain`] | the connection to a node: blocks, typed state, submission |
//! | [`blobs`] | the local blob store, the server that hands it out and the fetcher that fills it |
//!
//! Nothing here is generated from metadata: values are the types of `aidragon-primitives`, encoded and
//! decoded as SCALE. What the connected chain offers is checked once, when the connection is made.

pub mod blobs;
pub mod calls;
pub mod chain;
pub mod keys;

/// A worker machine as the chain knows it.
pub type Worker = aidragon_primitives::worker::Worker<keys::AccountId>;
/// What the chain keeps of a task.
pub type Task = aidragon_primitives::task::Task<keys::AccountId>;
/// One replica of a task.
pub type Replica = aidragon_primitives::task::Replica<keys::AccountId>;
/// What registers a machine.
pub type Registration = aidragon_primitives::worker::Registration<keys::AccountId>;
