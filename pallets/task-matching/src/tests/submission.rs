//! Submitting and cancelling.

use crate::{mock::*, Error, Event, Jobs, Tasks};
use aidragon_primitives::{resources::GpuShare, state::TaskState, task::*, worker::Region, DRGN};
use frame_support::{assert_noop, assert_ok};

#[test]
fn submission_holds_the_highest_cost() {
	build_and_execute(|| {
		let before = free(&submitter());
		let id = submit(spec(2));
		// 10 Gfuel × 10 DRGN × 2 replicas.
		assert_eq!(free(&submitter()), before - 200 * DRGN);
		assert_eq!((task(id).state, task(id).escrow), (TaskState::Queued, 200 * DRGN));
		assert_eq!((job(id).deadline, job(id).tasks, job(id).flow), (101, 1, None));
		System::assert_last_event(
			Event::JobSubmitted {
				job: id,
				tasks: 1,
				submitter: submitter(),
				escrow: 200 * DRGN,
				deadline: 101,
			}
			.into(),
		);
	});
}

#[test]
fn every_field_out_of_range_is_named() {
	type Case = (Error<Test>, fn(&mut TaskSpec));
	let cases: Vec<Case> = vec![
		(Error::ProgramSizeOutOfRange, |s| s.program.blob.size_bytes = 0),
		(Error::ProgramSizeOutOfRange, |s| s.program.blob.size_bytes = PROGRAM_BYTES_MAX + 1),
		(Error::MalformedSource, |s| s.source.sockets = Default::default()),
		(Error::MalformedSource, |s| {
			s.source.http = Some(b"no socket".to_vec().try_into().unwrap())
		}),
		(Error::CpuOutOfRange, |s| s.requirements.resources.cpu_milli = 0),
		(Error::MemoryOutOfRange, |s| s.requirements.resources.memory_mib = 0),
		(Error::MemoryOutOfRange, |s| s.requirements.resources.memory_mib = MEMORY_MIB_MAX + 1),
		(Error::GpuOutOfRange, |s| s.requirements.resources.gpu.milli = 1),
		(Error::GpuOutOfRange, |s| {
			s.requirements.resources.gpu = GpuShare { count: 2, milli: 999, ..Default::default() }
		}),
		(Error::MalformedRegion, |s| s.requirements.region = Some(Region(*b"de"))),
		(Error::FuelLimitOutOfRange, |s| s.fuel_limit = 0),
		(Error::FuelLimitOutOfRange, |s| s.fuel_limit = FUEL_MAX + 1),
		(Error::OutputLimitOutOfRange, |s| s.output_limit_bytes = 0),
		(Error::OutputLimitOutOfRange, |s| s.output_limit_bytes = OUTPUT_BYTES_MAX + 1),
		(Error::ExecutionBlocksOutOfRange, |s| s.execution_blocks = EXECUTION_BLOCKS_MIN - 1),
		(Error::FuelLimitUnreachable, |s| s.fuel_limit = 10 * FUEL_PER_BLOCK_MAX + 1),
		(Error::DeadlineOutOfRange, |s| s.deadline_blocks = 23),
		(Error::DeadlineOutOfRange, |s| s.deadline_blocks = DEADLINE_BLOCKS_MAX + 1),
		(Error::DeadlineOutOfRange, |s| s.execution_blocks = u32::MAX),
		(Error::ReplicasOutOfRange, |s| s.replicas = 0),
		(Error::ReplicasOutOfRange, |s| s.replicas = 4),
		(Error::PriceCapOutOfRange, |s| s.price_cap_per_gfuel = 0),
		(Error::PriceCapOutOfRange, |s| s.price_cap_per_gfuel = u128::MAX),
		(Error::RetriesOutOfRange, |s| s.retries = RETRIES_MAX + 1),
	];
	build_and_execute(|| {
		for (error, change) in cases {
			let mut spec = spec(1);
			change(&mut spec);
			assert_noop!(TaskMatching::submit_task(signed(submitter()), spec, input()), error);
		}
		let large = BlobRef { size_bytes: INPUT_BYTES_MAX + 1, ..input() };
		assert_noop!(
			TaskMatching::submit_task(signed(submitter()), spec(1), large),
			Error::<Test>::InputSizeOutOfRange
		);
	});
}

#[test]
fn bounds_themselves_are_accepted() {
	build_and_execute(|| {
		let mut spec = spec(1);
		spec.deadline_blocks = spec.execution_blocks + REVEAL_BLOCKS + DRAW_DELAY_BLOCKS;
		spec.retries = 0;
		spec.fuel_limit = 10 * FUEL_PER_BLOCK_MAX;
		spec.price_cap_per_gfuel = 1;
		let empty = BlobRef { size_bytes: 0, ..input() };
		assert_ok!(TaskMatching::submit_task(signed(submitter()), spec, empty));
	});
}

#[test]
fn submission_without_funds_changes_nothing() {
	build_and_execute(|| {
		let poor = signed(account(99));
		assert_noop!(
			TaskMatching::submit_task(poor, spec(1), input()),
			Error::<Test>::InsufficientFunds
		);
		let mut dear = spec(3);
		dear.price_cap_per_gfuel = 100_000 * DRGN;
		let rich = signed(submitter());
		assert_noop!(
			TaskMatching::submit_task(rich, dear, input()),
			Error::<Test>::InsufficientFunds
		);
	});
}

#[test]
fn cancelling_returns_everything() {
	build_and_execute(|| {
		let before = free(&submitter());
		let id = submit(spec(1));
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
		assert_eq!(free(&submitter()), before);
		assert_eq!(task(id).state, TaskState::Cancelled);
		assert_noop!(
			TaskMatching::cancel_task(signed(submitter()), id),
			Error::<Test>::AlreadyOver
		);
	});
}

#[test]
fn a_task_that_is_over_is_forgotten_after_the_retention() {
	build_and_execute(|| {
		let id = submit(spec(1));
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
		run_to(RETENTION);
		assert!(Tasks::<Test>::contains_key(id));
		run_to(RETENTION + 1);
		assert!(!Tasks::<Test>::contains_key(id) && !Jobs::<Test>::contains_key(id));
		assert_noop!(TaskMatching::cancel_task(signed(submitter()), id), Error::<Test>::NoSuchTask);
	});
}
