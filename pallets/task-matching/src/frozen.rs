//! What a block draws: tasks that were frozen, and tasks that wait for the machines that came.

use crate::{
	store::ChainStore, Config, Frozen, FrozenCursor, FrozenLength, Pallet, WaitingIndex, Waking,
	WeightInfo,
};
use aidragon_primitives::{
	drawing::{draw_frozen, turns, Batch, Budget, Cost, Look, Market, Outcome, Serving},
	matching::{PAGES_MAX, VETTED_MAX},
	supply::DIRECTORY_MAX,
	task::REPLICAS_MAX,
	waiting::{Turn, Wakes},
	BlockNumber, Hash32, TaskId,
};
use frame_support::weights::{Weight, WeightMeter};

/// What one more of them takes.
fn one_more(weight: impl Fn(u32) -> Weight) -> Weight {
	weight(2).saturating_sub(weight(1))
}

/// The weight of the draw of one task. A replica on a machine that no other task of the group has takes more than one on a machine
/// that is known already; the task's own record is counted with each of its replicas.
fn draw_weight<T: Config>(cost: &Cost) -> Weight {
	let outcome = match cost.outcome {
		Outcome::Assigned(machines) => {
			let known = one_more(T::WeightInfo::draw_alike);
			let known = known.saturating_mul(machines.saturating_sub(cost.fresh).into());
			one_more(T::WeightInfo::draw_apart)
				.saturating_mul(cost.fresh.into())
				.saturating_add(known)
		}
		Outcome::Nothing => T::WeightInfo::draw_nothing(),
		Outcome::Passed => T::WeightInfo::draw_late(),
	};
	let look = match cost.pages {
		0 => Weight::zero(),
		pages => T::WeightInfo::draw_look(pages, cost.buckets),
	};
	let vain = T::WeightInfo::draw_vain().saturating_mul(cost.vain.into());
	outcome.saturating_add(look).saturating_add(vain)
}

/// The most that the draw of one task may take: what others looked at shows it nothing, and then it looks for itself.
pub(crate) fn draw_weight_max<T: Config>() -> Weight {
	let cost = |outcome| Cost {
		outcome,
		pages: PAGES_MAX as u32 * REPLICAS_MAX,
		buckets: DIRECTORY_MAX,
		vain: VETTED_MAX as u32 * REPLICAS_MAX * 2,
		fresh: REPLICAS_MAX,
	};
	let assigned = draw_weight::<T>(&cost(Outcome::Assigned(REPLICAS_MAX)));
	assigned.max(draw_weight::<T>(&cost(Outcome::Nothing))).max(T::WeightInfo::draw_late())
}

/// The weight that is left for draws.
struct Meter<'a, T> {
	meter: &'a mut WeightMeter,
	most: Weight,
	_config: core::marker::PhantomData<T>,
}

impl<'a, T: Config> Meter<'a, T> {
	fn new(meter: &'a mut WeightMeter) -> Self {
		Self { meter, most: draw_weight_max::<T>(), _config: core::marker::PhantomData }
	}

	/// Takes a step's weight, and says whether there is as much.
	fn step(&mut self, weight: Weight) -> bool {
		self.meter.try_consume(weight).is_ok()
	}
}

impl<T: Config> Budget for Meter<'_, T> {
	fn allows(&mut self) -> bool {
		self.meter.can_consume(self.most)
	}

	fn spend(&mut self, _: TaskId, cost: &Cost) {
		self.meter.consume(draw_weight::<T>(cost));
	}
}

impl<T: Config> Pallet<T> {
	/// Freezes tasks with successive numbers of one job: they are drawn by the beacon of a later block.
	pub(crate) fn freeze(batch: Batch) {
		let now = Self::now();
		let position = FrozenLength::<T>::mutate(now, |length| {
			let position = *length;
			*length = length.saturating_add(1);
			position
		});
		Frozen::<T>::insert((now, position), batch);
	}

	/// Draws the tasks whose time has come, as far as the meter allows. The rest is first in the next block.
	pub(crate) fn draw_frozen(meter: &mut WeightMeter) {
		let mut cursor = FrozenCursor::<T>::get();
		let (began_at, mut store) = (cursor, ChainStore::<T>::new());
		let mut budget = Meter::<T>::new(meter);
		let frozen_step = T::WeightInfo::frozen_step().saturating_add(T::WeightInfo::draw_group());
		while budget.step(frozen_step) && draw_frozen(&mut store, &mut cursor, &mut budget) {}
		if cursor != began_at {
			FrozenCursor::<T>::put(cursor);
		}
	}

	/// Draws tasks that wait for the machines that came, as far as the meter allows.
	pub(crate) fn wake_waiting(meter: &mut WeightMeter) {
		let mut budget = Meter::<T>::new(meter);
		if !budget.step(T::WeightInfo::wake_step()) {
			return;
		}
		let Some(beacon) = ChainStore::<T>::new().beacon() else { return };
		let wakes = Waking::<T>::take();
		let mut left = wakes.clone();
		for turn in turns(&wakes, Self::now()) {
			let served = Self::serve(turn, beacon, &mut budget);
			let turn = left.remove(turn);
			if !served {
				// Whoever did not come to an end comes last in the next block. A look on nobody's behalf ends with the block: it
				// would begin anew, and the clock goes on.
				left.put_back(turn);
				break;
			}
		}
		Self::keep_waking(left);
	}

	/// Draws for the tasks that a machine may serve, or for some of all, and says whether that is done: nothing more is to be found.
	fn serve(turn: Turn, beacon: (BlockNumber, Hash32), budget: &mut Meter<'_, T>) -> bool {
		let (mut serving, mut store) = (Serving::new(turn, beacon), ChainStore::<T>::new());
		let wake_step = T::WeightInfo::wake_step().saturating_add(T::WeightInfo::draw_group());
		while budget.step(wake_step) {
			match serving.look(&mut store, budget) {
				Look::Done => return true,
				Look::Full => return false,
				Look::More => {}
			}
		}
		false
	}

	/// Puts back what is not worked off, beside what came in the meantime.
	fn keep_waking(left: Wakes) {
		if left == Wakes::default() {
			return;
		}
		Waking::<T>::mutate(|wakes| {
			let came = core::mem::replace(wakes, left);
			came.machines.into_iter().for_each(|wake| wakes.note(wake));
			wakes.others_at = wakes.others_at.or(came.others_at);
		});
	}

	/// Whether any task waits for supply.
	pub(crate) fn is_waiting() -> bool {
		!WaitingIndex::<T>::get().cells().is_empty()
	}

	/// Whether there is anything to wake, or to forget of what came.
	pub(crate) fn may_wake() -> bool {
		Self::is_waiting() || Waking::<T>::exists()
	}
}
