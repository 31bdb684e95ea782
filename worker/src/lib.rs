//! The daemon that sells a machine's verified computing on AI Dragon.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`config`] | settings: file, environment, flags |
//! | [`daemon`] | the loop that keeps chain and machine in step |
//! | [`decide`] | what to do next about a task, as a pure function |
//! | [`challenge`] | the machine's side of the challenge |
//! | [`journal`] | what must survive the process |
//! | [`outcome`] | from a run's end to a signed attestation |
//! | [`executor`] | running programs where they can do no harm |
//! | [`register`], [`lifecycle`] | joining, draining, resuming, leaving |
//! | [`status`], [`doctor`] | where the machine stands, and what is wrong |
//! | [`machine`], [`metrics`] | what there is, and what is counted |

pub mod challenge;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod decide;
pub mod doctor;
pub mod executor;
pub mod journal;
pub mod lifecycle;
pub mod machine;
pub mod metrics;
pub mod outcome;
pub mod register;
pub mod status;
