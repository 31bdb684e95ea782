//! AI Dragon's node: BABE and GRANDPA consensus, networking and RPC around the runtime.

// The sdk's own error type is large, and every function here that fails returns it once, at the start of a process.
#![allow(clippy::result_large_err, reason = "the sdk's error type is what it is")]

pub mod chain_spec;
pub mod cli;
pub mod command;
pub mod rpc;
pub mod service;
