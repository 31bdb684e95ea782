//! What the registry promises, one file per behaviour.

mod bonds;
mod candidates;
mod capacity;
mod feeless;
mod invariants;
mod leaving;
mod liveness;
mod offers;
mod origins;
mod registration;
mod reservations;
mod slashing;
mod status;
