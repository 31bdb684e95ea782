//! Benchmarks of the calls and of the beacon, in the state that costs them most.

mod thin;

use crate::{
	called::CLASS_SAMPLE_MAX, dispatch::Host, Audits, Beacons, Call, Capabilities, Challenges,
	Config, Duties, LatestBeacon, Pallet,
};
use aidragon_primitives::{
	audit::{Archive, Audit, AUDITORS, AUDIT_OPENINGS},
	challenge::{Commitment, MatrixSize, OPENINGS_MAX, ROUNDS_MAX},
	interface::{Roster, Standings, WorkerDirectory},
	memory::{MEMORY_MAX_MIB, MEMORY_OPENINGS},
	merkle::MerkleTree,
	task::BlobRef,
	verification::{Answer, Challenge, Committed, Slot, Stage},
	worker::{Capability, Proof},
	BlockNumber, Hash32, WorkerId,
};
use alloc::vec;
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::{traits::Get, BoundedVec};
use frame_system::RawOrigin;
use thin::{ThinFill, ThinRun, WORST_SIZE};

/// What benchmarks need of the runtime around the pallet.
pub trait BenchmarkHelper<AccountId> {
	/// Registers machine `index`, which is on line and ready for work but for its proofs, and returns its hot key.
	///
	/// # Errors
	/// What registering it says.
	fn register_machine(index: u32) -> Result<AccountId, BenchmarkError>;
	/// Lets so many machines be on line in tier 1, all of them names of these ones.
	fn fill_roster(machines: u32, these: &[WorkerId]);
	/// Lets `output` be what the block's author brought along as its VRF output.
	fn set_author_vrf(output: Hash32);
}

/// Late enough for every deadline that lies before it.
const NOW: BlockNumber = 1_000;

fn go_to<T: Config>(block: BlockNumber) {
	frame_system::Pallet::<T>::set_block_number(block.into());
}

fn machine<T: Config>(index: u32) -> Result<(T::AccountId, WorkerId), BenchmarkError> {
	let hot_key = T::BenchmarkHelper::register_machine(index)?;
	let worker = T::Directory::worker_of(&hot_key).ok_or("the helper registers the machine")?;
	Ok((hot_key, worker))
}

/// The seed and the beacon of a run that is audited.
const AUDIT_SEED: Hash32 = [5; 32];
const AUDIT_BEACON: Hash32 = [6; 32];

/// Lets what `worker` committed to be audited by these machines.
fn audit<T: Config>(
	worker: WorkerId,
	auditors: [WorkerId; AUDITORS as usize],
	committed: Committed,
	archive: Archive,
) {
	for auditor in auditors {
		Duties::<T>::mutate(auditor, |duties| {
			let _ = duties.try_push((worker, committed.slot()));
		});
	}
	let audit = Audit {
		seed: AUDIT_SEED,
		beacon: AUDIT_BEACON,
		committed,
		archive,
		auditors: BoundedVec::truncate_from(auditors.to_vec()),
		drawn: AUDITORS,
		confirmed: 0,
		closes_at: BlockNumber::MAX,
	};
	Audits::<T>::insert((worker, committed.slot()), audit);
}

/// A challenge of `slot` that was asked for in block `requested_at`.
fn challenge(slot: Slot, requested_at: BlockNumber, stage: Stage) -> Challenge {
	Challenge { slot, requested_at, is_called: false, proof_until: BlockNumber::MAX, stage }
}

/// Lets a machine have proved everything, for ever.
fn prove<T: Config>(worker: WorkerId) {
	let proof = Proof { amount: 10_000, proved_at: 1, valid_until: BlockNumber::MAX };
	let proved = Capability { processor: Some(proof), memory: Some(proof), gpus: None };
	Capabilities::<T>::insert(worker, proved);
	for slot in Slot::ALL {
		Challenges::<T>::insert((worker, slot), challenge(slot, 1, Stage::Passed));
	}
	// It stands in the supply, from which it may be taken.
	for slot in Slot::ALL {
		T::Standings::proved(worker, slot, true);
	}
}

fn archive() -> Archive {
	Archive { root: [3; 32], blob: BlobRef { hash: [4; 32], size_bytes: 1 } }
}

/// Lets as many machines be on line as can be drawn for an audit, each with as many duties as it can have but one.
fn auditors_are_there<T: Config>() -> Result<(), BenchmarkError> {
	for index in 1..=AUDITORS {
		machine::<T>(index)?;
	}
	Ok(())
}

fn stage_of<T: Config>(worker: WorkerId, slot: Slot) -> Option<Stage> {
	Challenges::<T>::get((worker, slot)).map(|challenge| challenge.stage)
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn extend_beacon() {
		let oldest = NOW - T::BeaconHistory::get();
		go_to::<T>(NOW);
		LatestBeacon::<T>::put((NOW - 1, [1; 32]));
		Beacons::<T>::insert(oldest, [2; 32]);
		T::BenchmarkHelper::set_author_vrf([3; 32]);
		#[block]
		{
			Pallet::<T>::extend_beacon();
		}
		assert_eq!(LatestBeacon::<T>::get(), Beacons::<T>::get(NOW).map(|b| (NOW, b)));
		assert_eq!(Beacons::<T>::get(oldest), None);
	}

	/// Calls for the challenges of a class of so many machines.
	#[benchmark]
	fn call_challenges(n: Linear<0, CLASS_SAMPLE_MAX>) -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let mut workers = vec![];
		for index in 0..n {
			let (_, worker) = machine::<T>(index)?;
			prove::<T>(worker);
			workers.push(worker);
		}
		let lengths = T::Roster::lengths();
		#[block]
		{
			Pallet::<T>::call_class(&lengths, 1, 0, Slot::Memory);
		}
		for worker in workers {
			assert_eq!(stage_of::<T>(worker, Slot::Memory), Some(Stage::Requested));
		}
		Ok(())
	}

	/// After a challenge that was lost by silence, which lowers the machine's standing.
	#[benchmark]
	fn request_challenge() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (hot_key, worker) = machine::<T>(0)?;
		prove::<T>(worker);
		let run = Commitment { size: WORST_SIZE, rounds: ROUNDS_MAX, root: [2; 32] };
		let stage = Stage::Committed { committed: Committed::Run(run), committed_at: 2 };
		let older = challenge(Slot::Processor, 1, stage);
		Challenges::<T>::insert((worker, Slot::Processor), older);
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), Slot::Processor);
		assert_eq!(stage_of::<T>(worker, Slot::Processor), Some(Stage::Requested));
		Ok(())
	}

	#[benchmark]
	fn commit_challenge() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (hot_key, worker) = machine::<T>(0)?;
		prove::<T>(worker);
		let requested = challenge(Slot::Processor, NOW - 5, Stage::Requested);
		Challenges::<T>::insert((worker, Slot::Processor), requested);
		Beacons::<T>::insert(requested.seed_block(), [1; 32]);
		let run = Commitment { size: WORST_SIZE, rounds: ROUNDS_MAX, root: [2; 32] };
		let committed = Committed::Run(run);
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), committed);
		let stage = Stage::Committed { committed, committed_at: NOW };
		assert_eq!(stage_of::<T>(worker, Slot::Processor), Some(stage));
		Ok(())
	}

	/// By one of the auditors of a proof.
	#[benchmark]
	fn confirm_audit() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (_, worker) = machine::<T>(0)?;
		let (hot_key, auditor) = machine::<T>(1)?;
		let run = Commitment { size: WORST_SIZE, rounds: ROUNDS_MAX, root: [2; 32] };
		audit::<T>(worker, [auditor, auditor + 1, auditor + 2], Committed::Run(run), archive());
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), worker, Slot::Processor);
		let confirmed = Audits::<T>::get((worker, Slot::Processor)).map(|audit| audit.confirmed);
		assert_eq!(confirmed, Some(1));
		Ok(())
	}

	/// An opening of the longest run with the most rows, which is false: it is checked, and the bond is slashed.
	#[benchmark]
	fn report_entry() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (_, worker) = machine::<T>(0)?;
		let (hot_key, auditor) = machine::<T>(1)?;
		prove::<T>(worker);
		let (commitment, entry) = ThinRun::false_entry(&AUDIT_SEED, &AUDIT_BEACON)?;
		let mut hashes = vec![[0; 32]; AUDIT_OPENINGS as usize];
		hashes[0] = sp_io::hashing::blake2_256(&entry.encode());
		let tree = MerkleTree::new(hashes);
		let archive = Archive { root: tree.root(), ..archive() };
		let auditors = [auditor, auditor + 1, auditor + 2];
		audit::<T>(worker, auditors, Committed::Run(commitment), archive);
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), worker, Slot::Processor, 0, entry, tree.path(0, 0));
		assert_eq!(stage_of::<T>(worker, Slot::Processor), Some(Stage::Failed));
		assert!(!Audits::<T>::contains_key((worker, Slot::Processor)));
		Ok(())
	}

	/// All openings of the longest run, of which the last is false: all are checked, and the bond is slashed.
	#[benchmark]
	fn submit_false_openings() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (hot_key, worker) = machine::<T>(0)?;
		prove::<T>(worker);
		let requested = challenge(Slot::Processor, NOW - 10, Stage::Requested);
		Beacons::<T>::insert(requested.seed_block(), [1; 32]);
		let seed = Pallet::<T>::seed_of(worker, &requested).ok_or("the seed is drawn")?;
		let (beacon, mut run) = ThinRun::new(&seed, WORST_SIZE)?;
		let last = run.elements.last_mut().ok_or("elements are drawn")?;
		*last = last.wrapping_add(1);
		let (commitment, openings) = run.answer()?;
		assert_eq!(openings.len(), OPENINGS_MAX as usize);
		let committed = Committed::Run(commitment);
		let stage = Stage::Committed { committed, committed_at: NOW - 4 };
		let committed = Challenge { stage, ..requested };
		Challenges::<T>::insert((worker, Slot::Processor), committed);
		Beacons::<T>::insert(NOW - 3, beacon);
		#[extrinsic_call]
		submit_openings(RawOrigin::Signed(hot_key), Answer::Run(openings), archive());
		assert_eq!(stage_of::<T>(worker, Slot::Processor), Some(Stage::Failed));
		Ok(())
	}

	/// All openings of the longest run, which hold: the proof is written, and its audit begun in place of an older one.
	#[benchmark]
	fn submit_openings() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (hot_key, worker) = machine::<T>(0)?;
		prove::<T>(worker);
		auditors_are_there::<T>()?;
		let older = [worker + 1, worker + 2, worker + 3];
		let requested = challenge(Slot::Processor, NOW - 10, Stage::Requested);
		Beacons::<T>::insert(requested.seed_block(), [1; 32]);
		let seed = Pallet::<T>::seed_of(worker, &requested).ok_or("the seed is drawn")?;
		let (beacon, run) = ThinRun::new(&seed, WORST_SIZE)?;
		let (commitment, openings) = run.answer()?;
		let committed = Committed::Run(commitment);
		audit::<T>(worker, older, committed, archive());
		let stage = Stage::Committed { committed, committed_at: NOW - 4 };
		let bound = Challenge { stage, ..requested };
		Challenges::<T>::insert((worker, Slot::Processor), bound);
		Beacons::<T>::insert(NOW - 3, beacon);
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), Answer::Run(openings), archive());
		assert_eq!(stage_of::<T>(worker, Slot::Processor), Some(Stage::Passed));
		Ok(())
	}

	/// All openings of the largest fill, which hold.
	#[benchmark]
	fn submit_memory_openings() -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let (hot_key, worker) = machine::<T>(0)?;
		prove::<T>(worker);
		auditors_are_there::<T>()?;
		let requested = challenge(Slot::Memory, NOW - 10, Stage::Requested);
		Beacons::<T>::insert(requested.seed_block(), [1; 32]);
		let seed = Pallet::<T>::seed_of(worker, &requested).ok_or("the seed is drawn")?;
		let (beacon, fill) = ThinFill::new(&seed, MEMORY_MAX_MIB)?;
		let (commitment, openings) = fill.answer()?;
		assert_eq!(openings.len(), MEMORY_OPENINGS as usize);
		let committed = Committed::Fill(commitment);
		let older = [worker + 1, worker + 2, worker + 3];
		audit::<T>(worker, older, committed, archive());
		let stage = Stage::Committed { committed, committed_at: NOW - 4 };
		Challenges::<T>::insert((worker, Slot::Memory), Challenge { stage, ..requested });
		Beacons::<T>::insert(NOW - 3, beacon);
		#[extrinsic_call]
		submit_openings(RawOrigin::Signed(hot_key), Answer::Fill(openings), archive());
		assert_eq!(stage_of::<T>(worker, Slot::Memory), Some(Stage::Passed));
		Ok(())
	}

	/// The largest window of a class with 10^s machines on line.
	#[benchmark(extra)]
	fn class_at_scale(s: Linear<3, 6>) -> Result<(), BenchmarkError> {
		go_to::<T>(NOW);
		let mut workers = vec![];
		for index in 0..CLASS_SAMPLE_MAX {
			let (_, worker) = machine::<T>(index)?;
			prove::<T>(worker);
			workers.push(worker);
		}
		let machines = 10u32.pow(s);
		T::BenchmarkHelper::fill_roster(machines, &workers);
		let lengths = T::Roster::lengths();
		let called;
		#[block]
		{
			called =
				Pallet::<T>::call_class(&lengths, 1, machines - CLASS_SAMPLE_MAX, Slot::Processor);
		}
		assert_eq!(called, CLASS_SAMPLE_MAX);
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

	/// One opening of a fill by itself, from 16 MiB to 1 TiB, each 16 times the one before.
	#[benchmark(extra)]
	fn verify_memory_opening(s: Linear<0, 4>) -> Result<(), BenchmarkError> {
		let seed = [1; 32];
		let (_, fill) = ThinFill::new(&seed, 16 << (4 * s))?;
		let (commitment, openings) = fill.answer()?;
		let verified;
		#[block]
		{
			verified = aidragon_primitives::memory::verify::<Host>(
				&seed,
				&commitment,
				fill.drawn[0],
				&openings[0],
			);
		}
		assert_eq!(verified, Ok(()));
		Ok(())
	}

	/// The other hash function, in WebAssembly as there is no host function for it: what [`hash_row`] is compared with.
	#[benchmark(extra)]
	fn hash_row_blake3(s: Linear<0, 4>) {
		let row = vec![1u8; MatrixSize::ALL[s as usize].rows()];
		let hash;
		#[block]
		{
			hash = blake3::hash(&row);
		}
		assert_ne!(hash.as_bytes(), &[0; 32]);
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
