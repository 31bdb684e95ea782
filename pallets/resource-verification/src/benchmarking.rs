//! Benchmarks of the calls and of the beacon, in the state that costs them most.

use crate::{
	dispatch::Host, Beacons, Call, Capabilities, Challenges, Config, LatestBeacon, Pallet,
};
use aidragon_primitives::{
	challenge::{
		positions, verify, Challenge, Commitment, MatrixSize, Opening, OpeningError, Openings,
		Position, Stage, OPENINGS_MAX, ROUNDS_MAX,
	},
	interface::{SupplyListener, WorkerDirectory},
	merkle::{leaf_hash, root_from_path, subtree_root, MerklePath, MerkleTree, LEAF_BYTES},
	worker::Capability,
	BlockNumber, Hash32, WorkerId,
};
use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_support::traits::Get;
use frame_system::RawOrigin;

/// What benchmarks need of the runtime around the pallet.
pub trait BenchmarkHelper<AccountId> {
	/// Registers a machine that is ready for work but for its proof, and returns its hot key.
	///
	/// # Errors
	/// What registering it says.
	fn register_machine() -> Result<AccountId, BenchmarkError>;
	/// Lets `output` be the VRF output of the parent block's author.
	fn set_parent_vrf(output: Hash32);
}

/// Late enough for every deadline that lies before it.
const NOW: BlockNumber = 1_000;

fn go_to<T: Config>(block: BlockNumber) {
	frame_system::Pallet::<T>::set_block_number(block.into());
}

fn machine<T: Config>() -> Result<(T::AccountId, WorkerId), BenchmarkError> {
	let hot_key = T::BenchmarkHelper::register_machine()?;
	let worker = T::Directory::worker_of(&hot_key).ok_or("the helper registers the machine")?;
	Ok((hot_key, worker))
}

/// The size at which the openings of a challenge take most hashing: they are as many as at any, and longest of those.
const WORST_SIZE: MatrixSize = MatrixSize::N2048;

/// A run of the most rounds, so with the longest paths, that holds wherever it is opened though
/// nobody computed it: every state is zero but for the elements at `positions`.
struct ThinRun {
	size: MatrixSize,
	positions: Vec<Position>,
	elements: Vec<u8>,
	/// Of a state of zeros: the hash of a leaf, of two leaves, and so on up to its root.
	zero_hashes: Vec<Hash32>,
}

impl ThinRun {
	/// A beacon that draws elements of rounds that do not touch each other, and the run for them.
	fn new(seed: &Hash32, size: MatrixSize) -> Result<(Hash32, Self), BenchmarkError> {
		let longest = Commitment { size, rounds: ROUNDS_MAX, root: [0; 32] };
		let (beacon, positions) = (0..=u8::MAX)
			.map(|n| [n; 32])
			.map(|beacon| (beacon, positions(&beacon, &longest)))
			.find(|(_, positions)| Self::are_apart(positions))
			.ok_or("one of so many beacons draws rounds that are apart")?;
		let mut zero_hashes = vec![leaf_hash(&[0; LEAF_BYTES])];
		for _ in 0..size.rows_height() + size.row_height() {
			let below = *zero_hashes.last().ok_or("there is the leaf")?;
			zero_hashes.push(subtree_root::<Host>(vec![below; 2]).ok_or("two is a power of two")?);
		}
		let elements = vec![0; positions.len()];
		let mut run = Self { size, positions, elements, zero_hashes };
		run.find_elements(seed)?;
		Ok((beacon, run))
	}

	/// Whether no round is the first, and no state comes after one drawn round and before another.
	fn are_apart(positions: &[Position]) -> bool {
		positions.iter().all(|a| {
			let touching = positions.iter().filter(|b| a.round.abs_diff(b.round) <= 1);
			a.round > 0 && touching.count() == 1
		})
	}

	/// Raises each element until it verifies: 256 attempts reach every byte.
	fn find_elements(&mut self, seed: &Hash32) -> Result<(), BenchmarkError> {
		for _ in 0..=u8::MAX {
			let (commitment, openings) = self.answer()?;
			let mut is_right = true;
			for (index, opening) in openings.iter().enumerate() {
				match verify::<Host>(seed, &commitment, &self.positions[index], opening) {
					Ok(()) => {}
					Err(OpeningError::Element) => {
						is_right = false;
						self.elements[index] = self.elements[index].wrapping_add(1);
					}
					Err(_) => return Err("the paths lead to the root".into()),
				}
			}
			if is_right {
				return Ok(());
			}
		}
		Err("one of 256 bytes is right".into())
	}

	fn leaf(&self, index: usize) -> ([u8; LEAF_BYTES], usize) {
		let (row, column) = (self.positions[index].row, self.positions[index].column);
		let mut leaf = [0; LEAF_BYTES];
		leaf[row as usize % LEAF_BYTES] = self.elements[index];
		(leaf, column as usize * self.size.leaves_per_row() + row as usize / LEAF_BYTES)
	}

	/// From a node of a state of zeros up to the state's root.
	fn zero_path(&self, height: u32) -> MerklePath {
		let levels = self.zero_hashes.len() - 1;
		MerklePath(self.zero_hashes[height as usize..levels].to_vec())
	}

	/// What the machine commits to, and all openings.
	fn answer(&self) -> Result<(Commitment, Openings), BenchmarkError> {
		let zero_root = *self.zero_hashes.last().ok_or("there is the root")?;
		let mut roots = vec![zero_root; ROUNDS_MAX as usize];
		for (index, position) in self.positions.iter().enumerate() {
			let (leaf, at) = self.leaf(index);
			let depth = self.size.rows_height() + self.size.row_height();
			let root =
				root_from_path::<Host>(leaf_hash(&leaf), at as u64, depth, &self.zero_path(0));
			roots[position.round as usize] = root.ok_or("the leaf lies in the state")?;
		}
		let rounds = MerkleTree::new(roots);
		let openings: Vec<_> =
			(0..self.positions.len()).map(|index| self.open(index, &rounds)).collect();
		let commitment = Commitment { size: self.size, rounds: ROUNDS_MAX, root: rounds.root() };
		let openings = Openings::try_from(openings).map_err(|_| "as many as are drawn")?;
		Ok((commitment, openings))
	}

	fn open(&self, index: usize, rounds: &MerkleTree) -> Opening {
		let round = self.positions[index].round as usize;
		Opening {
			row_before: vec![0; self.size.rows()],
			row_path: self.zero_path(self.size.row_height()),
			before_path: rounds.path(0, round - 1),
			leaf_after: self.leaf(index).0.to_vec(),
			leaf_path: self.zero_path(0),
			after_path: rounds.path(0, round),
		}
	}
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn extend_beacon() {
		let oldest = NOW - 1 - T::BeaconHistory::get();
		go_to::<T>(NOW);
		LatestBeacon::<T>::put((NOW - 2, [1; 32]));
		Beacons::<T>::insert(oldest, [2; 32]);
		T::BenchmarkHelper::set_parent_vrf([3; 32]);
		#[block]
		{
			Pallet::<T>::extend_beacon();
		}
		assert_eq!(LatestBeacon::<T>::get(), Beacons::<T>::get(NOW - 1).map(|b| (NOW - 1, b)));
		assert_eq!(Beacons::<T>::get(oldest), None);
	}

	#[benchmark]
	fn request_challenge() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (hot_key, worker) = machine::<T>()?;
		Challenges::<T>::insert(worker, Challenge { requested_at: 1, stage: Stage::Passed });
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key));
		let challenge = Challenge { requested_at: NOW, stage: Stage::Requested };
		assert_eq!(Challenges::<T>::get(worker), Some(challenge));
		Ok(())
	}

	#[benchmark]
	fn commit_challenge() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (hot_key, worker) = machine::<T>()?;
		let challenge = Challenge { requested_at: NOW - 5, stage: Stage::Requested };
		Challenges::<T>::insert(worker, challenge);
		let valid_until = BlockNumber::MAX;
		let proved = Capability { throughput_mops: 1, proved_at: 1, valid_until };
		Capabilities::<T>::insert(worker, proved);
		Beacons::<T>::insert(challenge.seed_block(), [1; 32]);
		let commitment = Commitment { size: WORST_SIZE, rounds: ROUNDS_MAX, root: [2; 32] };
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), commitment);
		let stage = Stage::Committed { commitment, committed_at: NOW };
		assert_eq!(Challenges::<T>::get(worker).map(|challenge| challenge.stage), Some(stage));
		Ok(())
	}

	/// All openings of the longest run, of which the last is false: all are checked, and the bond is slashed.
	#[benchmark]
	fn submit_openings() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (hot_key, worker) = machine::<T>()?;
		let requested = Challenge { requested_at: NOW - 10, stage: Stage::Requested };
		Beacons::<T>::insert(requested.seed_block(), [1; 32]);
		let seed = Pallet::<T>::seed_of(worker, &requested).ok_or("the seed is drawn")?;
		let (beacon, mut run) = ThinRun::new(&seed, WORST_SIZE)?;
		let last = run.elements.last_mut().ok_or("elements are drawn")?;
		*last = last.wrapping_add(1);
		let (commitment, openings) = run.answer()?;
		assert_eq!(openings.len(), OPENINGS_MAX as usize);
		let stage = Stage::Committed { commitment, committed_at: NOW - 4 };
		Challenges::<T>::insert(worker, Challenge { stage, ..requested });
		let valid_until = BlockNumber::MAX;
		let proved = Capability { throughput_mops: 10_000, proved_at: 1, valid_until };
		Capabilities::<T>::insert(worker, proved);
		// It stands in the supply, from which it is taken.
		T::Supply::supply_changed(worker);
		Beacons::<T>::insert(NOW - 3, beacon);
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), openings);
		assert_eq!(
			Challenges::<T>::get(worker).map(|challenge| challenge.stage),
			Some(Stage::Failed)
		);
		Ok(())
	}

	/// One opening by itself, for matrices of each size: what `scripts/measure.sh proof` shows.
	#[benchmark(extra)]
	fn verify_opening(s: Linear<0, 4>) -> Result<(), BenchmarkError> {
		let seed = [1; 32];
		let (_, run) = ThinRun::new(&seed, MatrixSize::ALL[s as usize])?;
		let (commitment, openings) = run.answer()?;
		let verified;
		#[block]
		{
			verified = aidragon_primitives::challenge::verify::<Host>(
				&seed,
				&commitment,
				&run.positions[0],
				&openings[0],
			);
		}
		assert_eq!(verified, Ok(()));
		Ok(())
	}

	/// The control of [`verify_opening`]: hashing one row of each size, and nothing else.
	#[benchmark(extra)]
	fn hash_row(s: Linear<0, 4>) {
		let row = vec![1u8; MatrixSize::ALL[s as usize].rows()];
		let hash;
		#[block]
		{
			hash = sp_io::hashing::blake2_256(&row);
		}
		assert_ne!(hash, [0; 32]);
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
