//! What every call and every step of a block costs at its worst.

mod scene;

pub use scene::BenchmarkHelper;

use crate::{agenda::Item, *};
use aidragon_primitives::{
	job::{After, JOB_TASKS_MAX},
	matching::PAGES_MAX,
	state::TaskState,
	supply::PAGE_MACHINES,
	task::{DeclineReason, Progress, REPLICAS_MAX},
	worker::Offer,
	BlockNumber,
};
use frame_benchmarking::v2::*;
use frame_support::weights::WeightMeter;
use frame_system::RawOrigin;
use scene::*;

#[benchmarks]
mod benches {
	use super::*;

	#[benchmark]
	fn submit_task() -> Result<(), BenchmarkError> {
		let submitter = submitter::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(submitter), spec(3), input());

		assert_eq!(NextTaskId::<T>::get(), 1);
		Ok(())
	}

	/// Of which every other task takes the result of the one before: the most batches.
	#[benchmark]
	fn submit_job(n: Linear<1, JOB_TASKS_MAX>) -> Result<(), BenchmarkError> {
		let submitter = submitter::<T>();
		let tasks = tasks(n, |position| match position % 2 {
			// Below 256.
			1 => After { first: (position - 1) as u8, count: 1 },
			_ => After::default(),
		});

		#[extrinsic_call]
		_(RawOrigin::Signed(submitter), spec(3), tasks);

		assert_eq!(NextTaskId::<T>::get(), u64::from(n));
		Ok(())
	}

	/// With three machines at work.
	#[benchmark]
	fn cancel_task() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		commit_all(id, &machines[..2])?;

		#[extrinsic_call]
		_(RawOrigin::Signed(submitter::<T>()), id);

		assert_eq!(state::<T>(id), Some(TaskState::Cancelled));
		Ok(())
	}

	/// Of a task that waits.
	#[benchmark]
	fn cancel_idle_task() -> Result<(), BenchmarkError> {
		let id = waiting::<T>()?;

		#[extrinsic_call]
		cancel_task(RawOrigin::Signed(submitter::<T>()), id);

		assert_eq!(state::<T>(id), Some(TaskState::Cancelled));
		Ok(())
	}

	/// Of which every task is in work with three machines.
	#[benchmark]
	fn cancel_job(n: Linear<1, JOB_TASKS_MAX>) -> Result<(), BenchmarkError> {
		let machines = machines::<T>(3)?;
		for machine in &machines {
			T::BenchmarkHelper::enlarge(machine.worker);
		}
		let first = submit_many::<T>(n, |_| After::default())?;
		draw_now::<T>(first, n)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(submitter::<T>()), first);

		assert_eq!(state::<T>(first), Some(TaskState::Cancelled));
		Ok(())
	}

	/// The last commitment, which opens the reveals.
	#[benchmark]
	fn commit_result() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		commit_all(id, &machines[..2])?;

		#[extrinsic_call]
		_(RawOrigin::Signed(machines[2].hot_key.clone()), id, [7; 32]);

		assert_eq!(state::<T>(id), Some(TaskState::Committed));
		Ok(())
	}

	#[benchmark]
	fn commit_result_waiting() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;

		#[extrinsic_call]
		commit_result(RawOrigin::Signed(machines[0].hot_key.clone()), id, [7; 32]);

		assert_eq!(state::<T>(id), Some(TaskState::Assigned));
		Ok(())
	}

	/// The last reveal, which pays three machines.
	#[benchmark]
	fn reveal_result() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		commit_all(id, &machines)?;
		for machine in &machines[..2] {
			reveal(id, machine)?;
		}
		let (attestation, signature) = statement(id, &machines[2])?;
		let hot_key = RawOrigin::Signed(machines[2].hot_key.clone());

		#[extrinsic_call]
		_(hot_key, id, attestation, signature, [0; 32]);

		assert_eq!(state::<T>(id), Some(TaskState::Settled));
		Ok(())
	}

	#[benchmark]
	fn reveal_result_waiting() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		commit_all(id, &machines)?;
		let (attestation, signature) = statement(id, &machines[0])?;
		let hot_key = RawOrigin::Signed(machines[0].hot_key.clone());

		#[extrinsic_call]
		reveal_result(hot_key, id, attestation, signature, [0; 32]);

		assert_eq!(state::<T>(id), Some(TaskState::Committed));
		Ok(())
	}

	#[benchmark]
	fn attest_result() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(1)?;
		let (attestation, signature) = statement(id, &machines[0])?;

		#[extrinsic_call]
		_(RawOrigin::Signed(machines[0].hot_key.clone()), id, attestation, signature);

		assert_eq!(state::<T>(id), Some(TaskState::Settled));
		Ok(())
	}

	/// The last of three, after which machines are drawn anew.
	#[benchmark]
	fn decline_task() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		commit_all(id, &machines[..1])?;
		let origin = RawOrigin::Signed(machines[1].hot_key.clone()).into();
		Pallet::<T>::decline_task(origin, id, DeclineReason::HostFault)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(machines[2].hot_key.clone()), id, DeclineReason::HostFault);

		assert_eq!(state::<T>(id), Some(TaskState::Queued));
		Ok(())
	}

	#[benchmark]
	fn decline_task_waiting() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		let hot_key = RawOrigin::Signed(machines[2].hot_key.clone());

		#[extrinsic_call]
		decline_task(hot_key, id, DeclineReason::HostFault);

		assert_eq!(state::<T>(id), Some(TaskState::Assigned));
		Ok(())
	}

	/// A draw that looks at as many full pages as it may and takes `r` machines; none where `r` is 0, so that the task waits.
	#[benchmark]
	fn draw(r: Linear<0, REPLICAS_MAX>) -> Result<(), BenchmarkError> {
		let replicas = r.max(1) as u8;
		let dear = if r == 0 { PRICE_CAP + 1 } else { PRICE_CAP };
		crowd::<T>(PAGES_MAX as u32 * PAGE_MACHINES * REPLICAS_MAX * 2, dear)?;
		let id = submit::<T>(replicas)?;
		let beacon = ready::<T>()?;
		// It looked as often as it may, so that a draw that finds nothing puts it into a queue.
		Tasks::<T>::mutate_extant(id, |task| task.looks = u8::MAX - 1);

		#[block]
		{
			Pallet::<T>::draw(id, beacon, None);
		}

		let expected = if r == 0 { TaskState::Queued } else { TaskState::Assigned };
		assert_eq!(state::<T>(id), Some(expected));
		assert_eq!(task::<T>(id)?.ticket.is_some(), r == 0);
		Ok(())
	}

	/// As `draw`, of one machine out of 10 to the power `e`.
	#[benchmark(extra)]
	fn draw_at_scale(e: Linear<2, 6>) -> Result<(), BenchmarkError> {
		crowd::<T>(10u32.saturating_pow(e), PRICE_CAP)?;
		let id = submit::<T>(1)?;
		let beacon = ready::<T>()?;

		#[block]
		{
			Pallet::<T>::draw(id, beacon, None);
		}

		assert_eq!(state::<T>(id), Some(TaskState::Assigned));
		Ok(())
	}

	/// Passing on to the next batch of frozen tasks.
	#[benchmark]
	fn frozen_step() -> Result<(), BenchmarkError> {
		let id = submit::<T>(1)?;
		Tasks::<T>::mutate_extant(id, |task| task.state = TaskState::Cancelled);
		let block = Pallet::<T>::now();
		ready::<T>()?;
		FrozenCursor::<T>::put(frozen::Cursor { block, ..Default::default() });
		let mut meter = WeightMeter::new();

		#[block]
		{
			Pallet::<T>::draw_frozen(&mut meter);
		}

		assert_eq!(FrozenLength::<T>::get(block), 0);
		Ok(())
	}

	/// A machine that came, and a task of the first queue that does not suit it.
	#[benchmark]
	fn wake_step() -> Result<(), BenchmarkError> {
		let id = waiting::<T>()?;
		let machines = machines::<T>(1)?;
		T::BenchmarkHelper::set_offer(machines[0].worker, Offer::at(PRICE_CAP + 1));
		ready::<T>()?;
		let mut meter = WeightMeter::new();

		#[block]
		{
			Pallet::<T>::wake_waiting(&mut meter);
		}

		assert_eq!(state::<T>(id), Some(TaskState::Queued));
		Ok(())
	}

	/// Passing over a block with nothing on it.
	#[benchmark]
	fn agenda_step() {
		frame_system::Pallet::<T>::set_block_number(5u32.into());
		AgendaCursor::<T>::put((5, 0));
		let mut meter = WeightMeter::new();

		#[block]
		{
			Pallet::<T>::work_off_agenda(&mut meter);
		}

		assert_eq!(AgendaCursor::<T>::get(), (6, 0));
	}

	/// The end of the time for commitments: one came, two machines are let go, and machines are drawn anew.
	#[benchmark]
	fn agenda_close() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		commit_all(id, &machines[..1])?;
		let due = task::<T>(id)?.wake_at;

		#[block]
		{
			work_off::<T>(due);
		}

		assert_eq!(state::<T>(id), Some(TaskState::Queued));
		Ok(())
	}

	/// The end of the time for reveals, which pays two machines and lets the third go.
	#[benchmark]
	fn agenda_settle() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		commit_all(id, &machines)?;
		for machine in &machines[..2] {
			reveal(id, machine)?;
		}
		let due = task::<T>(id)?.wake_at;

		#[block]
		{
			work_off::<T>(due);
		}

		let settled = task::<T>(id)?;
		assert_eq!(settled.state, TaskState::Settled);
		assert!(settled.replicas.iter().any(|r| !matches!(r.progress, Progress::Revealed(_))));
		Ok(())
	}

	/// The last task of a job is forgotten, and the job with it.
	#[benchmark]
	fn agenda_prune() -> Result<(), BenchmarkError> {
		let id = submit::<T>(1)?;
		Pallet::<T>::cancel_task(RawOrigin::Signed(submitter::<T>()).into(), id)?;
		let due = task::<T>(id)?.wake_at;

		#[block]
		{
			work_off::<T>(due);
		}

		assert!(!Jobs::<T>::contains_key(id));
		Ok(())
	}

	/// A task is released that takes the results of 255 others.
	#[benchmark]
	fn agenda_advance() -> Result<(), BenchmarkError> {
		let last = JOB_TASKS_MAX.saturating_sub(1);
		let first = submit_many::<T>(JOB_TASKS_MAX, |position| match position == last {
			true => After { first: 0, count: u8::MAX },
			false => After::default(),
		})?;
		settle_all_but_last::<T>(first)?;

		#[block]
		{
			Pallet::<T>::advance_job(first);
		}

		let last = first.saturating_add(u64::from(last));
		assert_eq!(state::<T>(last), Some(TaskState::Queued));
		Ok(())
	}

	/// Tasks that wait end, as many as one entry may end.
	#[benchmark]
	fn agenda_expire() -> Result<(), BenchmarkError> {
		let first = submit_many::<T>(JOB_TASKS_MAX, |_| After::default())?;
		for id in first..first.saturating_add(u64::from(flow::STEPS_MAX)) {
			to_queue::<T>(id)?;
		}

		#[block]
		{
			Pallet::<T>::expire_job(first, 0);
		}

		assert_eq!(state::<T>(first), Some(TaskState::Expired));
		Ok(())
	}

	/// A machine that went silent loses as many tasks as one entry may take, each of which is drawn anew.
	#[benchmark]
	fn agenda_silent() -> Result<(), BenchmarkError> {
		let machines = machines::<T>(1)?;
		T::BenchmarkHelper::enlarge(machines[0].worker);
		let count = deliver::SILENT_TASKS_MAX as u32 + 1;
		let first = submit_single::<T>(count)?;
		draw_now::<T>(first, count)?;
		T::BenchmarkHelper::go_offline(machines[0].worker);

		#[block]
		{
			Pallet::<T>::free_tasks_of(machines[0].worker);
		}

		assert_eq!(Assignments::<T>::iter_key_prefix(machines[0].worker).count(), 1);
		Ok(())
	}

	/// For comparison: nothing but looking at one entry whose task has moved on.
	#[benchmark(extra)]
	fn agenda_stale_entry() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(1)?;
		let due: BlockNumber = task::<T>(id)?.wake_at;
		let (attestation, signature) = statement(id, &machines[0])?;
		let hot_key = RawOrigin::Signed(machines[0].hot_key.clone());
		Pallet::<T>::attest_result(hot_key.into(), id, attestation, signature)?;

		#[block]
		{
			work_off::<T>(due);
		}

		assert_eq!(Agenda::<T>::get((due, 0)), None::<Item>);
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
