//! The supply: which machines may be given work, in buckets by what they have left.
//!
//! A bucket is a class and free part (or number) of graphics processors × free cores × free memory, each rounded down to a
//! tier. Each bucket is a dense list, kept in pages that hold what scoring needs, so that one read shows many machines. A
//! machine is added at the end and removed by moving the last one into its place; one directory says how long each list is,
//! and what its cheapest machine asks.
//!
//! ## Properties
//!
//! * **P6** Inserting, moving and removing a machine touches at most three pages, two places and the directory, for any
//!   number of machines.
//! * A machine stands in a bucket whose every tier it reaches, so a task looks only where it may fit.

mod bucket;
mod directory;
mod index;
mod memory;
mod page;

pub use bucket::{bucket_of, Bucket, Shape, CPU_TIERS_MILLI, MEMORY_TIERS_MIB};
pub use directory::{floor_of, floor_of_page, Directory, Floor, Listed, DIRECTORY_MAX};
pub(crate) use index::pages_of;
pub use index::{insert, remove, update, update_at, SupplyStore};
pub use memory::MemoryStore;
pub use page::{Entry, Page, Place, ProviderTag, PAGE_MACHINES};
