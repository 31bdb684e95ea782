//! Tasks of one job that are drawn together.

use super::{Batch, Market};
use crate::{
	beacon::draw_seed,
	interface::Reservation,
	job::Job,
	matching::{Drawn, Pick, Request, View},
	state::{transition, TaskEvent, TaskState},
	supply::ProviderTag,
	task::{Progress, Replica, Task},
	waiting::{self, QueueStore, Turn},
	BlockNumber, Hash32, JobId, TaskId,
};
use alloc::{rc::Rc, vec::Vec};
use codec::Encode;

/// Draws that a task gets at once where not all machines could be looked at, before it waits for supply.
const LOOKS_MAX: u8 = 4;

/// What became of a draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
	/// The task has so many machines more.
	Assigned(u32),
	/// No machines were found.
	Nothing,
	/// The task waits for no draw any more.
	#[default]
	Passed,
}

/// What the draw of one task came to, and what it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
	/// What it came to.
	pub outcome: Outcome,
	/// Pages of the supply that were read for it.
	pub pages: u32,
	/// Buckets that were looked through for these.
	pub buckets: u32,
	/// Machines that the registry was asked for in vain.
	pub vain: u32,
	/// Machines that it got and that no task before had been given from the same look.
	pub fresh: u32,
}

/// Draws that share a look at the supply, for tasks of one job.
///
/// The supply hears what the machines have left when the look is over: at the end ([`Self::finish`]), and whenever a task finds
/// nothing more in it, which then gets a look of its own.
pub struct Group<'a, M: Market> {
	market: &'a mut M,
	beacon: (BlockNumber, Hash32),
	job: Option<(JobId, Rc<Job<M::AccountId>>)>,
	view: Option<View>,
	/// The first and the last task that got machines, and when they are due.
	assigned: Option<(TaskId, TaskId, BlockNumber)>,
}

impl<'a, M: Market> Group<'a, M> {
	/// The beginning of draws by the beacon of a block.
	pub fn new(market: &'a mut M, beacon: (BlockNumber, Hash32)) -> Self {
		Self { market, beacon, job: None, view: None, assigned: None }
	}

	/// Draws machines for the vacant replicas of a queued task, in somebody's turn where it waits. What finds nothing is drawn again
	/// or waits, behind all others unless the clock alone had it looked at.
	pub fn draw(&mut self, id: TaskId, turn: Option<Turn>) -> Cost {
		let passed = Cost::default();
		let task = self.market.task(id).filter(|task| task.state == TaskState::Queued);
		let Some(task) = task else { return passed };
		let Some(job) = self.job(task.job) else { return passed };
		if self.market.now() > job.last_draw() {
			self.market.give_up(id, task);
			return passed;
		}
		let (drawn, mut cost) = self.choose(id, &task, &job, turn);
		let Some(picks) = drawn.picks else {
			if turn != Some(Turn::Clock) {
				self.wait(id, task, &job, drawn.saw_all);
			}
			return Cost { outcome: Outcome::Nothing, ..cost };
		};
		cost.outcome = Outcome::Assigned(picks.len() as u32);
		self.assign(id, task, &job, picks);
		cost
	}

	/// Has the supply look at the machines that were asked for, and the chain at the tasks once their time is over.
	pub fn finish(mut self) {
		self.tell_supply();
		if let Some((first, last, at)) = self.assigned.take() {
			// A group is far smaller than a batch, whose length has as many bits.
			let count = last.saturating_sub(first).saturating_add(1) as u16;
			self.market.schedule(Batch { first, count }, at);
		}
	}

	fn job(&mut self, id: JobId) -> Option<Rc<Job<M::AccountId>>> {
		if let Some((_, job)) = self.job.as_ref().filter(|(known, _)| *known == id) {
			return Some(job.clone());
		}
		// What was looked at for another job shows this one nothing.
		self.tell_supply();
		let job = Rc::new(self.market.job(id)?);
		self.job = Some((id, job.clone()));
		Some(job)
	}

	/// Ends the look that the tasks share: the supply looks at the machines that were asked for.
	pub fn tell_supply(&mut self) {
		let Some(view) = self.view.take() else { return };
		view.asked().for_each(|(worker, place)| self.market.refresh(worker, place));
	}

	/// Which machines get the task: from what is left of the look that others had, or else from one of its own.
	fn choose(
		&mut self,
		id: TaskId,
		task: &Task<M::AccountId>,
		job: &Job<M::AccountId>,
		turn: Option<Turn>,
	) -> (Drawn<M::AccountId>, Cost) {
		let request = Request {
			spec: &job.spec,
			kinds: job.spec.kinds(task.bundle.is_some()),
			minute: self.market.minute(),
			excluded: &task.excluded,
			taken: task.replicas.iter().map(|replica| provider_tag(&replica.provider)).collect(),
			count: usize::from(job.spec.replicas).saturating_sub(task.replicas.len()),
			woken_by: match turn {
				Some(Turn::Machine(worker)) => Some(worker),
				Some(Turn::Others | Turn::Clock) | None => None,
			},
		};
		let seed = draw_seed(self.beacon.1, id, task.attempt);
		let mut cost = Cost::default();
		if let Some(mut view) = self.view.take() {
			let drawn = self.draw_from(&mut view, id, &request, &seed, &mut cost);
			self.view = Some(view);
			if drawn.picks.is_some() {
				return (drawn, cost);
			}
			self.tell_supply();
		}
		let mut view = View::open(self.market, &request, &seed);
		(cost.pages, cost.buckets) = (view.pages(), view.buckets());
		self.market.looks(id, cost.pages);
		let drawn = self.draw_from(&mut view, id, &request, &seed, &mut cost);
		self.view = Some(view);
		(drawn, cost)
	}

	fn draw_from(
		&self,
		view: &mut View,
		id: TaskId,
		request: &Request<'_>,
		seed: &Hash32,
		cost: &mut Cost,
	) -> Drawn<M::AccountId> {
		let drawn = view.draw(
			request,
			seed,
			// P4: what made it a candidate may have lapsed since it was put into the supply.
			|worker| self.market.candidate(worker),
			|replica, entry, verdict| self.market.note(id, replica, entry, verdict),
		);
		cost.vain = cost.vain.saturating_add(drawn.vain);
		cost.fresh = drawn.fresh;
		drawn
	}

	fn assign(
		&mut self,
		id: TaskId,
		mut task: Task<M::AccountId>,
		job: &Job<M::AccountId>,
		picks: Vec<Pick<M::AccountId>>,
	) {
		let mut count = 0usize;
		for pick in picks {
			let Some(replica) = self.take(task.attempt, job, pick) else { continue };
			let _ = task.excluded.try_push(replica.worker);
			// There are as many places as vacancies.
			if task.replicas.try_push(replica).is_ok() {
				count = count.saturating_add(1);
			}
		}
		self.leave_queue(&mut task);
		// Every queued task may be drawn.
		if let Ok(next) = transition(task.state, TaskEvent::Drawn) {
			task.state = next;
		}
		let due = self.market.now().saturating_add(job.spec.execution_blocks);
		task.attempt = task.attempt.saturating_add(1);
		task.looks = 0;
		task.wake_at = due;
		self.market.assign(id, task, count);
		let first = self.assigned.map_or(id, |(first, ..)| first.min(id));
		let last = self.assigned.map_or(id, |(_, last, _)| last.max(id));
		self.assigned = Some((first, last, due));
	}

	/// Takes from a drawn machine what the task needs. It was asked for in this block, its bond included, so it holds.
	fn take(
		&mut self,
		attempt: u8,
		job: &Job<M::AccountId>,
		pick: Pick<M::AccountId>,
	) -> Option<Replica<M::AccountId>> {
		let entry = pick.candidate.entry;
		let needed = &job.spec.requirements.resources;
		let replica = Replica {
			worker: entry.worker,
			provider: pick.candidate.provider,
			gpus: entry.free.place(needed).ok()?,
			price_per_gfuel: entry.offer.price_per_gfuel,
			attempt,
			beacon_block: self.beacon.0,
			progress: Progress::Assigned,
		};
		let stake = job.spec.stake(replica.price_per_gfuel);
		let reservation = Reservation { grant: replica.grant(&job.spec), stake };
		self.market.reserve(replica.worker, &reservation).ok()?;
		if let Some(view) = &mut self.view {
			view.take(replica.worker, needed, replica.gpus);
		}
		Some(replica)
	}

	/// Has a task that found nothing drawn again, where not everything was seen, or puts it into its queue.
	fn wait(
		&mut self,
		id: TaskId,
		mut task: Task<M::AccountId>,
		job: &Job<M::AccountId>,
		saw_all: bool,
	) {
		task.looks = task.looks.saturating_add(1);
		let is_new = task.ticket.is_none();
		let looks_on = !saw_all && task.looks < LOOKS_MAX && is_new;
		if !looks_on {
			enqueue(self.market, id, &mut task, job);
		}
		self.market.put_task(id, task);
		if looks_on {
			self.market.freeze(Batch { first: id, count: 1 });
		} else if is_new {
			self.market.nothing_matched(id);
		}
	}

	fn leave_queue(&mut self, task: &mut Task<M::AccountId>) {
		if let Some(ticket) = task.ticket.take() {
			waiting::dequeue(self.market, ticket);
		}
	}
}

/// Puts a task at the end of its queue. The task is stored by the caller.
pub fn enqueue<S: QueueStore, AccountId>(
	store: &mut S,
	id: TaskId,
	task: &mut Task<AccountId>,
	job: &Job<AccountId>,
) {
	if let Some(ticket) = task.ticket.take() {
		waiting::dequeue(store, ticket);
	}
	let (needed, price_cap) = (&job.spec.requirements.resources, job.spec.price_cap_per_gfuel);
	task.ticket = Some(waiting::enqueue(store, id, needed, price_cap));
}

/// The first bytes of a provider's account.
pub fn provider_tag(account: &impl Encode) -> ProviderTag {
	let mut tag = ProviderTag::default();
	account.using_encoded(|bytes| tag.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from));
	tag
}
