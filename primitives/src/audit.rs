//! Audits: many more openings than a chain can check, checked by drawn machines of other providers.
//!
//! With the openings that the chain checks, a machine binds itself to an *archive* of [`AUDIT_OPENINGS`] more, drawn by the
//! same beacon, and serves it as a blob. Whoever finds one in it that does not hold shows that one to the chain, with its
//! path in the archive: no word of anybody's is needed.
//!
//! Properties, each with a test:
//! * **Completeness**: no entry of an honest archive is a fault.
//! * **Soundness**: an entry counts only at its place in the archive that the machine bound itself to.
//! * **Blame**: an entry that does not hold is the machine's fault, whatever is wrong with it; it is a lie where it leads to
//!   the committed root and is not what the work gives.

use crate::{
	beacon::call_seed,
	challenge::{self, Opening},
	memory::{self, MemoryOpening},
	merkle::{root_from_path, Hasher, MerklePath, MerkleTree, Software},
	task::BlobRef,
	verification::{Committed, Work},
	BlockNumber, Hash32, WorkerId,
};
use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeAll, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Openings in an archive. A power of two.
pub const AUDIT_OPENINGS: u32 = 128;
/// Machines that are drawn to check an archive.
pub const AUDITORS: u32 = 3;
/// Blocks in which an archive can be confirmed or refuted, from the block in which the proof was accepted on.
pub const AUDIT_BLOCKS: u32 = 200;
/// Audits that a machine has in hand at most. An older one gives way to a newer.
pub const DUTIES_MAX: u32 = 16;
/// Most bytes of an archive.
pub const ARCHIVE_BYTES_MAX: u64 = 4 << 20;

/// Levels between an entry and the root of its archive.
const ARCHIVE_HEIGHT: u32 = AUDIT_OPENINGS.trailing_zeros();

/// What a machine binds itself to with its openings.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Archive {
	/// Merkle root over the hashes of the encoded entries, in the order in which they are drawn.
	pub root: Hash32,
	/// The blob that holds all entries, one after the other.
	pub blob: BlobRef,
}

/// One entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Entry {
	/// An opening of a run.
	#[codec(index = 0)]
	Run(Opening),
	/// An opening of a fill.
	#[codec(index = 1)]
	Fill(MemoryOpening),
}

/// An audit, as the chain keeps it.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Audit {
	/// The seed of the challenge.
	pub seed: Hash32,
	/// The beacon that drew what to open.
	pub beacon: Hash32,
	/// What the machine committed to.
	pub committed: Committed,
	/// What it bound itself to with its openings.
	pub archive: Archive,
	/// The machines that were drawn to check it and have not said anything yet.
	pub auditors: BoundedVec<WorkerId, ConstU32<AUDITORS>>,
	/// Those that were drawn.
	pub drawn: u32,
	/// Those of them that found nothing wrong.
	pub confirmed: u32,
	/// The last block in which it can be confirmed or refuted.
	pub closes_at: BlockNumber,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
	/// Whether it proves by itself that the committed work was not done.
	pub is_false: bool,
}

impl Audit {
	/// Whether somebody may still show something, and nobody confirmed it.
	pub fn is_pending_at(&self, now: BlockNumber) -> bool {
		self.drawn > 0 && self.confirmed == 0 && now <= self.closes_at
	}

	/// Whether entry `index` is what the archive holds at that place.
	pub fn holds_entry<H: Hasher>(&self, index: u32, entry: &Entry, path: &MerklePath) -> bool {
		let hash = H::hash(&entry.encode());
		root_from_path::<H>(hash, index.into(), ARCHIVE_HEIGHT, path) == Some(self.archive.root)
	}

	/// What is wrong with entry `index`, if anything is.
	pub fn fault<H: Hasher>(&self, index: u32, entry: &Entry) -> Option<Fault> {
		fault::<H>(&self.seed, &self.beacon, &self.committed, index, entry)
	}
}

fn fault<H: Hasher>(
	seed: &Hash32,
	beacon: &Hash32,
	committed: &Committed,
	index: u32,
	entry: &Entry,
) -> Option<Fault> {
	let drawn_by = call_seed(*beacon, b"audit");
	let at = index as usize;
	match (committed, entry) {
		(Committed::Run(run), Entry::Run(opening)) => {
			let position = *challenge::draw(&drawn_by, run, AUDIT_OPENINGS).get(at)?;
			let error = challenge::verify::<H>(seed, run, &position, opening).err()?;
			Some(Fault { is_false: error == challenge::OpeningError::Element })
		}
		(Committed::Fill(fill), Entry::Fill(opening)) => {
			let block = *memory::draw(&drawn_by, fill, AUDIT_OPENINGS).get(at)?;
			let error = memory::verify::<H>(seed, fill, block, opening).err()?;
			Some(Fault { is_false: error == memory::MemoryOpeningError::False })
		}
		_ => Some(Fault { is_false: false }),
	}
}

/// An archive with all its entries, as the machine makes it and an auditor reads it.
#[derive(Clone, Debug)]
pub struct Entries {
	entries: Vec<Entry>,
	tree: MerkleTree,
}

impl Entries {
	/// Opens all that an audit draws by `beacon`. `None` where the work does not hold it.
	pub fn of(work: &Work, beacon: &Hash32) -> Option<Self> {
		match work {
			Work::Run(prover) => Self::of_run(prover, beacon),
			Work::Fill(filled) => Self::of_fill(filled, beacon),
		}
	}

	/// Opens all that an audit of a run draws. `None` where the run does not hold it.
	pub fn of_run(prover: &challenge::Prover, beacon: &Hash32) -> Option<Self> {
		let drawn =
			challenge::draw(&call_seed(*beacon, b"audit"), &prover.commitment(), AUDIT_OPENINGS);
		let entries: Option<Vec<_>> =
			drawn.iter().map(|position| prover.open(position).map(Entry::Run)).collect();
		Some(Self::new(entries?))
	}

	/// Opens all that an audit of a fill draws. `None` where the fill does not hold it.
	pub fn of_fill(filled: &memory::Filled, beacon: &Hash32) -> Option<Self> {
		let drawn =
			memory::draw(&call_seed(*beacon, b"audit"), &filled.commitment(), AUDIT_OPENINGS);
		let entries: Option<Vec<_>> =
			drawn.into_iter().map(|index| filled.open(index).map(Entry::Fill)).collect();
		Some(Self::new(entries?))
	}

	/// These entries, whatever they are.
	pub fn new(entries: Vec<Entry>) -> Self {
		let hash = |entry: &Entry| Software::hash(&entry.encode());
		let tree = MerkleTree::new(entries.iter().map(hash).collect());
		Self { entries, tree }
	}

	/// Reads the bytes of an archive's blob. `None` where they are not as many entries as an archive has.
	pub fn decode(mut bytes: &[u8]) -> Option<Self> {
		let mut entries = Vec::new();
		while entries.len() < AUDIT_OPENINGS as usize {
			entries.push(Entry::decode(&mut bytes).ok()?);
		}
		<()>::decode_all(&mut bytes).ok()?;
		Some(Self::new(entries))
	}

	/// The bytes of the blob.
	pub fn encode(&self) -> Vec<u8> {
		self.entries.iter().flat_map(Encode::encode).collect()
	}

	/// The root that binds the machine.
	pub fn root(&self) -> Hash32 {
		self.tree.root()
	}

	/// The first entry that does not hold, with its index and its path.
	pub fn find_fault(&self, audit: &Audit) -> Option<(u32, Entry, MerklePath)> {
		(0u32..).zip(&self.entries).find_map(|(index, entry)| {
			audit.fault::<Software>(index, entry)?;
			Some((index, entry.clone(), self.tree.path(0, index as usize)))
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::challenge::{MatrixSize, NextRows, Portable, Prover};

	const SEED: Hash32 = [7; 32];
	const BEACON: Hash32 = [8; 32];

	fn run(forged_rows: usize) -> Prover {
		let size = MatrixSize::N512;
		let mut prover = Prover::new(SEED, size);
		assert!(prover.run_round(&Portable));
		let rest = prover.next_rows(&Portable, forged_rows..size.rows());
		let forged = NextRows::new(size, vec![1; forged_rows * size.rows()]);
		assert!(prover.complete_round(vec![forged, rest]));
		prover
	}

	fn audit(committed: Committed, entries: &Entries) -> Audit {
		let blob = BlobRef { hash: [0; 32], size_bytes: entries.encode().len() as u64 };
		Audit {
			seed: SEED,
			beacon: BEACON,
			committed,
			archive: Archive { root: entries.root(), blob },
			auditors: Default::default(),
			drawn: 0,
			confirmed: 0,
			closes_at: 9,
		}
	}

	#[test]
	fn an_honest_archive_has_no_fault_and_reads_back() {
		let prover = run(0);
		let entries = Entries::of_run(&prover, &BEACON).unwrap();
		let audit_of_run = audit(Committed::Run(prover.commitment()), &entries);
		let read = Entries::decode(&entries.encode()).unwrap();
		assert_eq!(read.root(), entries.root());
		assert!(read.find_fault(&audit_of_run).is_none());
		let filled = memory::Fill::new(SEED, 16).unwrap().run().unwrap();
		let entries = Entries::of_fill(&filled, &BEACON).unwrap();
		let audit_of_fill = audit(Committed::Fill(filled.commitment()), &entries);
		assert!(entries.find_fault(&audit_of_fill).is_none());
		// Entries of the other slot are a fault, and no lie.
		assert!(entries.find_fault(&audit_of_run).is_some());
		assert!(entries.encode().len() as u64 <= ARCHIVE_BYTES_MAX);
	}

	#[test]
	fn p7_a_twentieth_that_was_not_computed_is_found_and_proved() {
		let prover = run(51);
		let entries = Entries::of_run(&prover, &BEACON).unwrap();
		let audit = audit(Committed::Run(prover.commitment()), &entries);
		let (index, entry, path) = entries.find_fault(&audit).unwrap();
		assert!(audit.holds_entry::<Software>(index, &entry, &path));
		assert_eq!(audit.fault::<Software>(index, &entry), Some(Fault { is_false: true }));
	}

	#[test]
	fn an_entry_counts_only_at_its_place_in_its_archive() {
		let entries = Entries::of_run(&run(0), &BEACON).unwrap();
		let audit = audit(Committed::Run(run(0).commitment()), &entries);
		let (entry, path) = (entries.entries[3].clone(), entries.tree.path(0, 3));
		assert!(audit.holds_entry::<Software>(3, &entry, &path));
		assert!(!audit.holds_entry::<Software>(2, &entry, &path));
		assert!(!audit.holds_entry::<Software>(3 + AUDIT_OPENINGS, &entry, &path));
		assert!(!audit.holds_entry::<Software>(3, &entries.entries[4], &path));
		assert_eq!(audit.fault::<Software>(AUDIT_OPENINGS, &entry), None);
		let other = Entries::new(entries.entries[..127].to_vec());
		assert_ne!(other.root(), entries.root());
		assert!(Entries::decode(&other.encode()).is_none());
		let mut longer = entries.encode();
		longer.push(0);
		assert!(Entries::decode(&longer).is_none());
	}

	#[test]
	fn a_malformed_entry_is_a_fault_and_no_lie() {
		let prover = run(0);
		let mut list = Entries::of_run(&prover, &BEACON).unwrap().entries;
		list[5] = Entry::Run(Opening::default());
		let entries = Entries::new(list);
		let audit = audit(Committed::Run(prover.commitment()), &entries);
		let (index, entry, path) = entries.find_fault(&audit).unwrap();
		assert!(index == 5 && audit.holds_entry::<Software>(index, &entry, &path));
		assert_eq!(audit.fault::<Software>(index, &entry), Some(Fault { is_false: false }));
	}
}
