//! The draw of one task, as the chain makes it.

use super::{registry::provider_tag, world::World};
use crate::{keys::AccountId, Job, Replica, TaskRecord};
use aidragon_primitives::{
	beacon::draw_seed,
	matching::{self, Considered, Drawn, Pick, Request},
	state::TaskState,
	supply::{self, SupplyStore},
	task::Progress,
	waiting, Hash32, TaskId, WorkerId,
};

/// Draws that a task gets at once where not all machines could be looked at, before it waits for supply. The chain's number.
const LOOKS_MAX: u8 = 4;

/// What became of a draw.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
	/// Machines have the task now.
	Assigned(Box<Shown>),
	/// No machine was found.
	Nothing,
	/// The task waits for no draw any more.
	Passed,
}

/// How a task got its machines.
#[derive(Clone, Debug)]
pub(super) struct Shown {
	pub(super) seed: Hash32,
	pub(super) attempt: u8,
	pub(super) machines: u32,
	pub(super) pages: u32,
	pub(super) considered: Vec<Considered>,
	pub(super) replicas: Vec<Replica>,
}

impl World {
	/// Draws machines for the vacant replicas of a queued task. What finds nothing is frozen again or waits.
	pub(super) fn draw(&mut self, id: TaskId, woken_by: Option<WorkerId>) -> Outcome {
		let task = self.task(id).filter(|task| task.state == TaskState::Queued);
		let Some(task) = task else { return Outcome::Passed };
		let Some(job) = self.job(task.job) else { return Outcome::Passed };
		if self.frame.now > job.deadline.saturating_sub(job.spec.attempt_blocks()) {
			self.give_up(id, task, &job);
			return Outcome::Passed;
		}
		let machines = self.directory().machines();
		let seed = draw_seed(self.frame.beacon.1, id, task.attempt);
		let (drawn, asked, considered) = self.choose(&task, &job, &seed, woken_by);
		for machine in &drawn.gone {
			supply::remove(self, *machine);
		}
		let picked: Vec<WorkerId> =
			drawn.picks.iter().flatten().map(|pick| pick.candidate.entry.worker).collect();
		// Of a machine that was the best and did not hold out, something lapsed that the supply still shows.
		for machine in asked {
			if !drawn.gone.contains(&machine) && !picked.contains(&machine) {
				self.supply_changed(machine);
			}
		}
		let Some(picks) = drawn.picks else {
			self.wait(id, task, &job, drawn.saw_all);
			return Outcome::Nothing;
		};
		let attempt = task.attempt;
		let replicas = self.assign(id, task, &job, picks);
		let pages = drawn.pages;
		Outcome::Assigned(Box::new(Shown { seed, attempt, machines, pages, considered, replicas }))
	}

	/// Which machines get the task; those that the registry was asked for; and what became of each that was looked at.
	fn choose(
		&self,
		task: &TaskRecord,
		job: &Job,
		seed: &Hash32,
		woken_by: Option<WorkerId>,
	) -> (Drawn<AccountId>, Vec<WorkerId>, Vec<Considered>) {
		let request = Request {
			spec: &job.spec,
			kinds: job.spec.kinds(task.bundle.is_some()),
			minute: self.frame.minute,
			excluded: &task.excluded,
			taken: task.replicas.iter().map(|replica| provider_tag(&replica.provider)).collect(),
			count: usize::from(job.spec.replicas).saturating_sub(task.replicas.len()),
			woken_by,
		};
		let (mut asked, mut considered) = (Vec::new(), Vec::new());
		let vet = |machine| {
			asked.push(machine);
			self.candidate(machine)
		};
		let drawn = matching::draw(self, &request, seed, vet, |machine| considered.push(machine));
		(drawn, asked, considered)
	}

	fn assign(
		&mut self,
		id: TaskId,
		mut task: TaskRecord,
		job: &Job,
		picks: Vec<Pick<AccountId>>,
	) -> Vec<Replica> {
		let mut replicas = Vec::with_capacity(picks.len());
		for pick in picks {
			let entry = pick.candidate.entry;
			let Ok(gpus) = entry.free.place(&job.spec.requirements.resources) else { continue };
			let replica = Replica {
				worker: entry.worker,
				provider: pick.candidate.provider,
				gpus,
				price_per_gfuel: entry.offer.price_per_gfuel,
				attempt: task.attempt,
				beacon_block: self.frame.beacon.0,
				progress: Progress::Assigned,
			};
			self.reserve(&job.spec, &replica);
			// There are as many places as vacancies.
			let _ = task.replicas.try_push(replica.clone());
			let _ = task.excluded.try_push(replica.worker);
			replicas.push(replica);
		}
		self.leave_queue(&mut task);
		task.state = TaskState::Assigned;
		task.attempt = task.attempt.saturating_add(1);
		task.looks = 0;
		self.put_task(id, task);
		replicas
	}

	/// Freezes a task anew, for a later block, where not all machines were seen; otherwise it waits for supply.
	fn wait(&mut self, id: TaskId, mut task: TaskRecord, job: &Job, saw_all: bool) {
		task.looks = task.looks.saturating_add(1);
		if saw_all || task.looks >= LOOKS_MAX || task.ticket.is_some() {
			self.enqueue(id, &mut task, job);
		}
		self.put_task(id, task);
	}

	/// Puts a task at the end of its queue. The task is stored by the caller.
	pub(super) fn enqueue(&mut self, id: TaskId, task: &mut TaskRecord, job: &Job) {
		self.leave_queue(task);
		let (needed, price_cap) = (&job.spec.requirements.resources, job.spec.price_cap_per_gfuel);
		task.ticket = Some(waiting::enqueue(self, id, needed, price_cap));
	}

	fn leave_queue(&mut self, task: &mut TaskRecord) {
		if let Some(ticket) = task.ticket.take() {
			waiting::dequeue(self, ticket);
		}
	}

	/// Ends a task for which no time is left.
	fn give_up(&mut self, id: TaskId, mut task: TaskRecord, job: &Job) {
		self.leave_queue(&mut task);
		for replica in task.replicas.clone() {
			self.release(&job.spec, &replica);
		}
		// It is over; as what does not matter here.
		task.state = TaskState::Expired;
		self.put_task(id, task);
	}
}
