//! What challenges and the beacon promise, one file per behaviour.

mod answers;
mod audits;
mod beacon;
mod called;
mod capabilities;
mod commitments;
mod feeless;
mod invariants;
mod origins;
mod reports;
mod requests;
mod slots;
