//! One file per behaviour.

mod agenda;
mod cancel;
mod corruption;
mod deliveries;
mod delivery;
mod drawing;
mod entries;
mod failures;
mod flow;
mod forgetting;
mod frozen;
mod gpus;
mod groups;
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
mod waking;
