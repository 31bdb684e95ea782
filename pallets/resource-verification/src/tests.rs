//! What challenges and the beacon promise, one file per behaviour.

mod answers;
mod beacon;
mod capabilities;
mod commitments;
mod feeless;
mod invariants;
mod origins;
mod requests;
