//! What every call and every step of a block costs at its worst.

mod scene;

pub use scene::BenchmarkHelper;

use crate::{agenda::Item, *};
use aidragon_primitives::{
	attestation::{Delivery, DELIVERIES_MAX},
	drawing::{Batch, Cursor, Group, Market, GROUP_MAX},
	job::{After, JOB_TASKS_MAX},
	matching::{View, PAGES_MAX},
	state::TaskState,
	supply::{DIRECTORY_MAX, PAGE_MACHINES},
	task::{DeclineReason, Progress, REPLICAS_MAX},
	worker::Offer,
	BlockNumber,
};
use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::{traits::Get, weights::WeightMeter};
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

	/// The results of one task each of `j` jobs of different submitters, and of `m` more tasks of one of these jobs: together as many
	/// as one call delivers.
	#[benchmark]
	fn attest_results(
		j: Linear<1, { DELIVERIES_MAX / 2 }>,
		m: Linear<0, { DELIVERIES_MAX / 2 }>,
	) -> Result<(), BenchmarkError> {
		let machines = machines::<T>(1)?;
		T::BenchmarkHelper::enlarge(machines[0].worker);
		submit_single::<T>(m + 1)?;
		for index in 1..j {
			submit_from::<T>(index)?;
		}
		let tasks = m + j;
		draw_now::<T>(0, tasks)?;
		let mut deliveries = Vec::new();
		for id in 0..u64::from(tasks) {
			let (attestation, signature) = statement(id, &machines[0])?;
			deliveries.push(Delivery { attestation, signature });
		}
		let hot_key = machines[0].hot_key.clone();
		let jobs;

		#[block]
		{
			// Whether the call is free is found out in the block, too.
			assert!(Pallet::<T>::check_deliveries(&hot_key, &deliveries).is_ok());
			jobs = Pallet::<T>::do_attest_results(hot_key, &deliveries)?;
		}

		assert_eq!(jobs, j);
		assert_eq!(state::<T>(u64::from(tasks) - 1), Some(TaskState::Settled));
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

	/// Looking at `p` full pages out of `b` buckets, for as many replicas as may look at so many.
	#[benchmark]
	fn draw_look(
		p: Linear<1, { PAGES_MAX as u32 * REPLICAS_MAX }>,
		b: Linear<1, DIRECTORY_MAX>,
	) -> Result<(), BenchmarkError> {
		crowd::<T>(REPLICAS_MAX, p * PAGE_MACHINES - REPLICAS_MAX, PRICE_CAP, b)?;
		let (spec, store) = (spec(1), store::ChainStore::<T>::new());
		let request = request(&spec, p.div_ceil(PAGES_MAX as u32) as usize);
		let view;

		#[block]
		{
			view = View::open(&store, &request, &[7; 32]);
		}

		assert_eq!((view.pages(), view.buckets()), (p, b));
		Ok(())
	}

	/// Drawing `t` tasks of a job from one look, all for one machine.
	#[benchmark]
	fn draw_alike(t: Linear<1, { GROUP_MAX as u32 }>) -> Result<(), BenchmarkError> {
		large_crowd::<T>(1, PAGES_MAX as u32 * PAGE_MACHINES)?;
		let first = submit_single::<T>(t)?;
		let beacon = ready::<T>()?;
		let mut store = store::ChainStore::<T>::new();
		let mut group = Group::new(&mut store, beacon);

		#[block]
		{
			for id in first..first + u64::from(t) {
				group.draw(id, None);
			}
			group.tell_supply();
		}

		assert_eq!(Assignments::<T>::iter_key_prefix(0).count(), t as usize);
		Ok(())
	}

	/// Drawing `t` tasks of a job from one look, each for a machine of its own that moves to another bucket.
	#[benchmark]
	fn draw_apart(t: Linear<1, { GROUP_MAX as u32 }>) -> Result<(), BenchmarkError> {
		crowd::<T>(u32::from(GROUP_MAX), PAGES_MAX as u32 * PAGE_MACHINES, PRICE_CAP, 1)?;
		let first = submit_large::<T>(t)?;
		let beacon = ready::<T>()?;
		let mut store = store::ChainStore::<T>::new();
		let mut group = Group::new(&mut store, beacon);

		#[block]
		{
			for id in first..first + u64::from(t) {
				group.draw(id, None);
			}
			group.tell_supply();
		}

		let machines = 0..u32::from(GROUP_MAX);
		let busy = machines.filter(|id| Assignments::<T>::iter_key_prefix(id).next().is_some());
		assert_eq!(busy.count(), t as usize);
		Ok(())
	}

	/// A machine that was asked for in vain, as its proof is too old, and leaves the supply.
	#[benchmark]
	fn draw_vain() -> Result<(), BenchmarkError> {
		crowd::<T>(REPLICAS_MAX, PAGES_MAX as u32 * PAGE_MACHINES, PRICE_CAP, 1)?;
		let mut store = store::ChainStore::<T>::new();
		let (worker, place) = SupplyPlaces::<T>::iter().next().ok_or("three machines came")?;
		let later = Pallet::<T>::now().saturating_add(BlockNumber::MAX / 2);
		frame_system::Pallet::<T>::set_block_number(later.into());

		#[block]
		{
			assert!(store.candidate(worker).is_none());
			store.refresh(worker, place);
		}

		assert!(!SupplyPlaces::<T>::contains_key(worker));
		Ok(())
	}

	/// A task for which nothing was found goes into its queue.
	#[benchmark]
	fn draw_nothing() -> Result<(), BenchmarkError> {
		let id = submit::<T>(3)?;
		// It looked as often as it may.
		Tasks::<T>::mutate_extant(id, |task| task.looks = u8::MAX - 1);
		let beacon = ready::<T>()?;
		let mut store = store::ChainStore::<T>::new();
		let mut group = Group::new(&mut store, beacon);

		#[block]
		{
			group.draw(id, None);
		}

		assert!(task::<T>(id)?.ticket.is_some());
		Ok(())
	}

	/// A task whose time is over by its turn.
	#[benchmark]
	fn draw_late() -> Result<(), BenchmarkError> {
		let id = submit::<T>(3)?;
		let beacon = ready::<T>()?;
		let late = Pallet::<T>::now().saturating_add(spec(3).deadline_blocks);
		frame_system::Pallet::<T>::set_block_number(late.into());
		let mut store = store::ChainStore::<T>::new();
		let mut group = Group::new(&mut store, beacon);

		#[block]
		{
			group.draw(id, None);
		}

		assert_eq!(state::<T>(id), Some(TaskState::Expired));
		Ok(())
	}

	/// What is due at the end of the time of tasks that were drawn together.
	#[benchmark]
	fn draw_group() {
		let mut store = store::ChainStore::<T>::new();

		#[block]
		{
			store.schedule(Batch { first: 0, count: GROUP_MAX }, 10);
		}

		assert_eq!(AgendaLength::<T>::get(10), 1);
	}

	/// For comparison: all of the draw of a task that stands alone, with `r` machines.
	#[benchmark(extra)]
	fn draw_alone(r: Linear<1, REPLICAS_MAX>) -> Result<(), BenchmarkError> {
		crowd::<T>(
			REPLICAS_MAX,
			PAGES_MAX as u32 * PAGE_MACHINES * REPLICAS_MAX * 2,
			PRICE_CAP,
			1,
		)?;
		let id = submit::<T>(r as u8)?;
		draw_frozen_of::<T>(1)?;

		#[block]
		{
			Pallet::<T>::draw_frozen(&mut WeightMeter::new());
		}

		assert_eq!(state::<T>(id), Some(TaskState::Assigned));
		Ok(())
	}

	/// As `draw_alone`, of one machine out of 10 to the power `e`.
	#[benchmark(extra)]
	fn draw_at_scale(e: Linear<2, 6>) -> Result<(), BenchmarkError> {
		crowd::<T>(REPLICAS_MAX, 10u32.saturating_pow(e), PRICE_CAP, 1)?;
		let id = submit::<T>(1)?;
		draw_frozen_of::<T>(1)?;

		#[block]
		{
			Pallet::<T>::draw_frozen(&mut WeightMeter::new());
		}

		assert_eq!(state::<T>(id), Some(TaskState::Assigned));
		Ok(())
	}

	/// As `draw_at_scale`, of 100 such tasks in one block.
	#[benchmark(extra)]
	fn draw_hundred_at_scale(e: Linear<3, 6>) -> Result<(), BenchmarkError> {
		large_crowd::<T>(REPLICAS_MAX, 10u32.saturating_pow(e))?;
		for _ in 0..100 {
			submit::<T>(1)?;
		}
		draw_frozen_of::<T>(100)?;

		#[block]
		{
			Pallet::<T>::draw_frozen(&mut WeightMeter::new());
		}

		assert_eq!(state::<T>(99), Some(TaskState::Assigned));
		Ok(())
	}

	/// As `draw_alone`, of `n` tasks of a job.
	#[benchmark(extra)]
	fn draw_job(n: Linear<1, JOB_TASKS_MAX>) -> Result<(), BenchmarkError> {
		large_crowd::<T>(REPLICAS_MAX, PAGES_MAX as u32 * PAGE_MACHINES * REPLICAS_MAX * 2)?;
		let id = submit_single::<T>(n)?;
		draw_frozen_of::<T>(n)?;

		#[block]
		{
			Pallet::<T>::draw_frozen(&mut WeightMeter::new());
		}

		assert_eq!(state::<T>(id + u64::from(n) - 1), Some(TaskState::Assigned));
		Ok(())
	}

	/// Passing on to the next batch of frozen tasks.
	#[benchmark]
	fn frozen_step() -> Result<(), BenchmarkError> {
		let id = submit::<T>(1)?;
		Tasks::<T>::mutate_extant(id, |task| task.state = TaskState::Cancelled);
		let block = Pallet::<T>::now();
		ready::<T>()?;
		FrozenCursor::<T>::put(Cursor { block, ..Default::default() });
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

	/// Tasks of a job are forgotten, as many as one entry may forget, and the job with them.
	#[benchmark]
	fn agenda_forget() -> Result<(), BenchmarkError> {
		let count = u32::from(flow::STEPS_MAX);
		let first = submit_single::<T>(count)?;
		Pallet::<T>::cancel_job(RawOrigin::Signed(submitter::<T>()).into(), first)?;
		let due = Pallet::<T>::now().saturating_add(T::Retention::get());

		#[block]
		{
			work_off::<T>(due);
		}

		assert!(!Jobs::<T>::contains_key(first) && !Tasks::<T>::contains_key(first));
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
