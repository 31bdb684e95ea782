//! The compute market's domain, without FRAME: what pallets, worker, command line and tests agree on.
//!
//! Everything here is pure: types with bounds, the one function that moves a task from state to state,
//! price arithmetic, the draw, challenge proofs and attestations with the functions that check them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`task`] | the specification of a task, its limits and the record the chain keeps of it |
//! | [`state`] | the task state machine |
//! | [`worker`] | providers, worker machines, their offers and what they proved |
//! | [`resources`] | what a task takes of a machine, and what a machine has left |
//! | [`supply`] | the machines that may be given work, in buckets by what they have left |
//! | [`matching`] | fit, score and draw: how a task finds machines |
//! | [`drawing`] | the steps in which a block draws, over the chain's state or a copy of it |
//! | [`waiting`] | the queues of tasks that found none, and what wakes them |
//! | [`job`] | tasks that share a specification, and how they depend on each other |
//! | [`payout`] | escrow, payment and reward arithmetic |
//! | [`attestation`] | what a worker signs about a result, and the commitment to it |
//! | [`beacon`] | the randomness that draws and challenges use |
//! | [`verification`] | a challenge from its request to its end |
//! | [`challenge`] | the seeded int8 challenge of a processor: prover, openings, check, score |
//! | [`memory`] | the fill of a memory: prover, openings, check |
//! | [`audit`] | many more openings, checked by drawn machines |
//! | [`merkle`] | the Merkle tree under the challenges |
//! | [`interface`] | the traits through which the pallets talk to each other |

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod attestation;
pub mod audit;
pub mod beacon;
pub mod challenge;
pub mod drawing;
pub mod interface;
pub mod job;
pub mod matching;
pub mod memory;
pub mod merkle;
pub mod payout;
pub mod resources;
pub mod state;
pub mod supply;
pub mod task;
pub mod verification;
pub mod waiting;
pub mod worker;

/// An amount of DRGN in its smallest unit, 10⁻¹² DRGN.
pub type Balance = u128;
/// A block's height.
pub type BlockNumber = u32;
/// A 32-byte hash: BLAKE3 for blobs, BLAKE2b-256 for everything the chain computes.
pub type Hash32 = [u8; 32];
/// A worker machine, numbered in the order of registration.
pub type WorkerId = u32;
/// A task, numbered in the order of submission.
pub type TaskId = u64;
/// A job, by the number of its first task.
pub type JobId = TaskId;
/// A reward era: a fixed number of blocks over which work points are counted.
pub type EraIndex = u32;

/// Smallest units in one DRGN.
pub const DRGN: Balance = 1_000_000_000_000;
/// The units of fuel that a price is quoted for.
pub const GFUEL: u64 = 1_000_000_000;
/// Length of a slot, and so the aimed-for time between blocks.
pub const SLOT_DURATION_MS: u64 = 3_000;
