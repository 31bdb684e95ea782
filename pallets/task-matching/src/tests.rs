//! One file per behaviour.

mod agenda;
mod corruption;
mod delivery;
mod drawing;
mod origins;
mod random_walk;
mod retries;
mod settlement;
mod stakes;
mod submission;
mod supply;
mod terms;
