//! `aidragon-sim`: what the market's matching does, measured on the pallet's own code.
//!
//! A runtime of frame_system and `pallet-task-matching` runs in one process, block by block, with machines, randomness and money in
//! plain memory. Tasks are submitted by the pallet's calls, drawn by its hook and delivered by signed attestations; what comes out
//! is compared with full scans that know everything.
//!
//! | module | what it holds |
//! |---|---|
//! | [`chain`] | the chain in one process, and what counts its reads and writes |
//! | [`workload`], [`input`], [`table`] | machines and tasks, read from CSV files |
//! | [`generate`] | a cluster and tasks of the usual shape |
//! | [`trace`] | a trace run by the pallet and by full scans |
//! | [`cluster`], [`baseline`], [`fragmentation`] | what full scans look at, and how they choose |
//! | [`market`], [`fairness`], [`grinding`], [`scale`] | prices, even shares, unforeseeable draws, and a million machines |
//! | [`dice`], [`stats`], [`progress`], [`error`], [`cli`] | what all of them use |
//!
//! The same command line gives the same bytes: nothing here looks at a clock except for progress on stderr.

pub mod baseline;
pub mod chain;
pub mod cli;
pub mod cluster;
pub mod dice;
pub mod error;
pub mod fairness;
pub mod fragmentation;
pub mod generate;
pub mod grinding;
pub mod input;
pub mod market;
pub mod progress;
pub mod scale;
mod shapes;
pub mod stats;
pub mod table;
pub mod trace;
pub mod workload;
