//! Drawing what is frozen and what waits: the steps that a block takes.
//!
//! The chain takes these steps over its own state, a client over a copy of it to see that the chain did what it should have. So
//! what decides which machine gets a task is written once, over a [`Market`].
//!
//! A block first draws the tasks that were frozen two blocks ago or earlier ([`draw_frozen`]): batch by batch in an order that the
//! beacon decides, up to [`GROUP_MAX`] tasks of a batch from one look at the supply ([`Group`]). Then it draws tasks that wait, for
//! the machines that came ([`Serving`]). A [`Budget`] says where it stops.
//!
//! ## Properties
//!
//! * **P5** What is drawn is a function of the beacon, of the state before, and of where the budget ends.
//! * **P6** A step costs the same for any number of machines and tasks.

mod frozen;
mod group;
mod market;
mod waking;

pub use frozen::{draw_frozen, Batch, Cursor, GROUP_MAX};
pub use group::{enqueue, provider_tag, Cost, Group, Outcome};
pub use market::{Budget, Market};
pub use waking::{turns, Look, Serving};
