//! How a task finds machines: what fits, which is best, and the draw.
//!
//! A draw looks at a constant number of pages of the supply, chosen by randomness that did not exist when the task was frozen,
//! filters the machines on them by everything that task and machine ask of each other, and takes the best by the task's policy:
//! the power of k choices. Tasks of one job that are drawn together share that look ([`View`]). Everything here is pure and runs over any [`crate::supply::SupplyStore`]: on the chain, in a
//! simulator, and in a client that recomputes what the chain did.
//!
//! ## Properties
//!
//! * **P5** A draw is a function of its seed and of the supply. Replicas of a task belong to different providers, and in a
//!   bucket of several pages to different pages, so that machines that stand side by side are not drawn together.
//! * **P6** At most [`PAGES_MAX`] pages are read per replica, for any number of machines.
//! * **P12** Every machine that was looked at gets a [`Verdict`].

mod draw;
mod fit;
mod order;
mod pages;
mod score;
mod survey;

pub use draw::{Considered, Drawn, Pick, Request, Verdict, View, PAGES_MAX, VETTED_MAX};
pub use fit::{check_candidate, check_fit, Misfit, MISFITS};
pub use order::order_of;
pub use score::{score, Score};
pub use survey::{Survey, Wanted};
