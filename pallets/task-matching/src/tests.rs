//! One file per behaviour.

mod agenda;
mod cancel;
mod corruption;
mod delivery;
mod drawing;
mod failures;
mod flow;
mod frozen;
mod gpus;
mod jobs;
mod origins;
mod random_walk;
mod retries;
mod settlement;
mod stakes;
mod submission;
mod supply;
mod terms;
mod waiting;
