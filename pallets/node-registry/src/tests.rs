//! What the registry promises, one file per behaviour.

mod bonds;
mod calls;
mod candidates;
mod capacity;
mod feeless;
mod invariants;
mod keys;
mod leaving;
mod liveness;
mod offers;
mod origins;
mod registration;
mod reservations;
mod sites;
mod slashing;
mod stakes;
mod standing;
mod status;
mod thresholds;
