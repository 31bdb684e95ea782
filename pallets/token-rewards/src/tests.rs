//! What escrow, payments and rewards promise, one file per behaviour.

mod claims;
mod eras;
mod escrow;
mod invariants;
mod origins;
mod payments;
mod random_walk;
mod wash_trading;
