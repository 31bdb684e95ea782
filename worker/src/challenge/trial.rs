//! What a challenge would prove of this machine, found out without a chain.

use super::{
	compute::run_round,
	extent::{rounds_kept, Extent},
};
use aidragon_kernels::fastest;
use aidragon_primitives::{
	challenge::{MatrixSize, NextRows, Prover},
	merkle::{Hasher, Software, LEAF_BYTES},
	worker::{Capability, Capacity, Proof},
	Hash32,
};
use serde::Serialize;
use std::{
	fmt,
	time::{Duration, Instant},
};

/// The outcome of a trial.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
	/// How the processor multiplies.
	pub kernel: &'static str,
	/// Threads that took part.
	pub threads: u16,
	/// Rows and columns of the matrices.
	pub rows: usize,
	/// Rounds that were finished.
	pub rounds: u32,
	/// How long they took.
	pub seconds: f64,
	/// Million int8 operations per second.
	pub throughput_mops: f64,
	/// The part of a round's time that goes into hashing its state, on one thread.
	pub hash_share: f64,
	/// The time that hashing a state's leaves takes with BLAKE3, over that with BLAKE2b, which is in use.
	pub blake3_over_blake2: f64,
	/// Memory that the states of such a run take, in MiB.
	pub states_mib: usize,
	/// Elements that the chain opens of such a run.
	pub openings: u32,
	/// Bytes of one opening at the most.
	pub opening_bytes: u32,
	/// vCPUs that a challenge would prove with these operations a second, if the chain's time were no longer.
	pub vcpus_proved: u16,
}

/// Runs rounds as in a challenge for some `time`, with matrices of `size`, or of the size that a challenge would get.
pub fn try_out(threads: u16, memory_mib: u32, size: Option<MatrixSize>, time: Duration) -> Trial {
	let size = size.unwrap_or_else(|| Extent::Most { memory_mib }.plan(threads, time).0);
	let rounds_max = rounds_kept(size, memory_mib);
	let mut prover = Prover::new([0; 32], size);
	let begun = Instant::now();
	while begun.elapsed() < time && prover.rounds() < rounds_max && run_round(&mut prover, threads)
	{
	}
	let seconds = begun.elapsed().as_secs_f64();
	let operations = f64::from(prover.rounds()) * size.round_operations() as f64;
	let throughput_mops = operations / seconds / 1e6;
	Trial {
		kernel: fastest().name(),
		threads,
		rows: size.rows(),
		rounds: prover.rounds(),
		seconds,
		throughput_mops,
		hash_share: hash_share(size),
		blake3_over_blake2: blake3_over_blake2(size),
		states_mib: ((prover.rounds() as usize + 1) * size.state_bytes()) >> 20,
		openings: size.openings(),
		opening_bytes: size.opening_bytes_max(),
		vcpus_proved: vcpus(throughput_mops),
	}
}

fn vcpus(throughput_mops: f64) -> u16 {
	let processor = Proof { amount: throughput_mops as u32, proved_at: 0, valid_until: 0 };
	let capability = Capability { processor: Some(processor), ..Default::default() };
	capability.proved_part(&Capacity::cpu(u16::MAX, u32::MAX), 0).vcpus
}

/// Hashes a state by itself, and compares that with a whole round.
fn hash_share(size: MatrixSize) -> f64 {
	let mut prover = Prover::new([1; 32], size);
	let begun = Instant::now();
	prover.run_round(fastest());
	let round = begun.elapsed();
	let elements: Vec<i8> = (0..size.state_bytes()).map(|at| at as i8).collect();
	let begun = Instant::now();
	let hashed = NextRows::new(size, elements);
	let hashing = begun.elapsed();
	drop(hashed);
	hashing.as_secs_f64() / round.as_secs_f64()
}

/// Hashes the leaves of a state with either function.
fn blake3_over_blake2(size: MatrixSize) -> f64 {
	let bytes: Vec<u8> = (0..size.state_bytes()).map(|at| at as u8).collect();
	let time = |hash: fn(&[u8]) -> Hash32| {
		let begun = Instant::now();
		let hashes: Vec<Hash32> = bytes.chunks_exact(LEAF_BYTES).map(hash).collect();
		std::hint::black_box(hashes);
		begun.elapsed().as_secs_f64()
	};
	time(|leaf| *blake3::hash(leaf).as_bytes()) / time(Software::hash)
}

impl fmt::Display for Trial {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { kernel, threads, rows, rounds, seconds, .. } = self;
		writeln!(
			f,
			"throughput  {:.0} Mops: {rounds} rounds of {rows} rows in {seconds:.1} s",
			self.throughput_mops
		)?;
		writeln!(
			f,
			"kernel      {kernel}, {threads} threads, {:.0} % of it hashing",
			100.0 * self.hash_share
		)?;
		writeln!(f, "states      {} MiB", self.states_mib)?;
		write!(
			f,
			"a proof     of {} vCPUs, in {} openings of up to {} bytes",
			self.vcpus_proved, self.openings, self.opening_bytes
		)
	}
}
