//! Benchmarks of the calls and of the beacon, in the state that costs them most.

use crate::{Beacons, Call, Capabilities, Challenges, Config, LatestBeacon, Pallet};
use aidragon_primitives::{
	challenge::{
		positions, verify, Challenge, Commitment, Opening, OpeningError, Openings, Position, Stage,
		LEAF_BYTES, LEAVES_PER_ROW, MATRIX_SIZE, OPENINGS, ROUNDS_MAX, ROWS_HEIGHT, ROW_HEIGHT,
	},
	interface::WorkerDirectory,
	merkle::{leaf_hash, root_from_path, MerkleTree},
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

/// A run of the most rounds, so with the longest paths, that holds wherever it is opened though
/// nobody computed it: every state is zero but for the elements at `positions`.
struct ThinRun {
	positions: Vec<Position>,
	elements: Vec<u8>,
	zero_state: MerkleTree,
}

impl ThinRun {
	/// A beacon that draws elements of rounds that do not touch each other, and the run for them.
	fn new(seed: &Hash32) -> Result<(Hash32, Self), BenchmarkError> {
		let (beacon, positions) = (0..=u8::MAX)
			.map(|n| [n; 32])
			.map(|beacon| {
				(beacon, positions(&beacon, &Commitment { rounds: ROUNDS_MAX, root: [0; 32] }))
			})
			.find(|(_, positions)| Self::are_apart(positions))
			.ok_or("one of so many beacons draws rounds that are apart")?;
		let zero_leaf = leaf_hash(&[0; LEAF_BYTES]);
		let zero_state = MerkleTree::new(vec![zero_leaf; MATRIX_SIZE * LEAVES_PER_ROW]);
		let elements = vec![0; positions.len()];
		let mut run = Self { positions, elements, zero_state };
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
				match verify(seed, &commitment, &self.positions[index], opening) {
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

	fn leaf(&self, index: usize) -> (Vec<u8>, usize) {
		let (row, column) = (self.positions[index].row, self.positions[index].column);
		let mut leaf = vec![0; LEAF_BYTES];
		leaf[row as usize % LEAF_BYTES] = self.elements[index];
		(leaf, column as usize * LEAVES_PER_ROW + row as usize / LEAF_BYTES)
	}

	/// What the machine commits to, and all openings.
	fn answer(&self) -> Result<(Commitment, Openings), BenchmarkError> {
		let mut roots = vec![self.zero_state.root(); ROUNDS_MAX as usize];
		for (index, position) in self.positions.iter().enumerate() {
			let (leaf, at) = self.leaf(index);
			let path = self.zero_state.path(0, at);
			let root = root_from_path(leaf_hash(&leaf), at as u64, ROWS_HEIGHT + ROW_HEIGHT, &path);
			roots[position.round as usize] = root.ok_or("the leaf lies in the state")?;
		}
		let rounds = MerkleTree::new(roots);
		let openings: Vec<_> =
			(0..self.positions.len()).map(|index| self.open(index, &rounds)).collect();
		let commitment = Commitment { rounds: ROUNDS_MAX, root: rounds.root() };
		let openings = Openings::try_from(openings).map_err(|_| "as many as are drawn")?;
		Ok((commitment, openings))
	}

	fn open(&self, index: usize, rounds: &MerkleTree) -> Opening {
		let Position { round, row, .. } = self.positions[index];
		let (leaf_after, at) = self.leaf(index);
		Opening {
			row_before: vec![0; MATRIX_SIZE],
			row_path: self.zero_state.path(ROW_HEIGHT as usize, row as usize),
			before_path: rounds.path(0, round as usize - 1),
			leaf_after,
			leaf_path: self.zero_state.path(0, at),
			after_path: rounds.path(0, round as usize),
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
		Beacons::<T>::insert(challenge.seed_block(), [1; 32]);
		let commitment = Commitment { rounds: ROUNDS_MAX, root: [2; 32] };
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), commitment);
		let stage = Stage::Committed { commitment, committed_at: NOW };
		assert_eq!(Challenges::<T>::get(worker).map(|challenge| challenge.stage), Some(stage));
		Ok(())
	}

	/// All openings of the longest run, all right: nothing is left out.
	#[benchmark]
	fn submit_openings() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (hot_key, worker) = machine::<T>()?;
		let requested = Challenge { requested_at: NOW - 10, stage: Stage::Requested };
		Beacons::<T>::insert(requested.seed_block(), [1; 32]);
		let seed = Pallet::<T>::seed_of(worker, &requested).ok_or("the seed is drawn")?;
		let (beacon, run) = ThinRun::new(&seed)?;
		let (commitment, openings) = run.answer()?;
		assert_eq!(openings.len(), OPENINGS as usize);
		let stage = Stage::Committed { commitment, committed_at: NOW - 4 };
		Challenges::<T>::insert(worker, Challenge { stage, ..requested });
		Beacons::<T>::insert(NOW - 3, beacon);
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), openings);
		assert!(Capabilities::<T>::contains_key(worker));
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
