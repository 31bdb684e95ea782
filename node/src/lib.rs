//! AI Dragon's node: BABE and GRANDPA consensus, networking and RPC around the runtime.

pub mod chain_spec;
pub mod cli;
pub mod command;
pub mod rpc;
pub mod service;
