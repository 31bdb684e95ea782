//! Random markets: whatever machines and submitters do, the properties hold.

use crate::{
	frozen::draw_weight_max, mock::*, Assignments, Frozen, Jobs, NextTaskId, Tasks, Waiting, Waking,
};
use aidragon_primitives::{
	attestation::{Delivery, ExitStatus, ResultDigest, DELIVERIES_MAX},
	resources::{GpuShare, Gpus, Resources},
	state::TaskState,
	task::{DeclineReason, Progress, TaskSpec},
	worker::{Capability, Capacity, GpuProof, Offer, TaskKinds},
	DRGN, GFUEL,
};
use frame_support::{assert_ok, weights::Weight};
use proptest::prelude::*;
use std::collections::BTreeSet;

const MACHINES: u32 = 6;

#[derive(Clone, Debug)]
enum Step {
	Submit { spec: Wish },
	SubmitJob { spec: Wish, after: Vec<(u8, u8)> },
	Wait { blocks: u32 },
	Deliver { pick: u8, lies: bool, exhausts: bool },
	DeliverAll { worker: u32 },
	Decline { pick: u8, reason: DeclineReason },
	Cancel { pick: u8 },
	CancelJob { pick: u8 },
	Drain { worker: u32 },
	Pause { worker: u32 },
	Resume { worker: u32 },
	Reprice { worker: u32, price: u8, refuses: u8 },
	Silence { worker: u32 },
	Return { worker: u32 },
	ProveGpus { worker: u32, count: u8, blocks: u32 },
	LoseProof { worker: u32 },
	Tighten { is_tight: bool },
	Hasten { hour: u8 },
}

/// What a task asks for.
#[derive(Clone, Debug)]
struct Wish {
	replicas: u8,
	retries: u8,
	deadline_blocks: u32,
	cpu_milli: u32,
	gpu: (u8, u16),
	price_cap: u8,
}

impl Wish {
	fn spec(&self) -> TaskSpec {
		let (count, milli) = self.gpu;
		let mut spec = spec(self.replicas);
		(spec.retries, spec.deadline_blocks) = (self.retries, self.deadline_blocks);
		(spec.execution_blocks, spec.fuel_limit) = (8, 2 * GFUEL);
		spec.price_cap_per_gfuel = u128::from(self.price_cap) * DRGN;
		spec.requirements.resources = Resources {
			gpu: GpuShare { count, milli, ..Default::default() },
			..Resources::cpu(self.cpu_milli, 512)
		};
		spec
	}
}

fn wish() -> impl Strategy<Value = Wish> {
	let gpu = prop_oneof![
		4 => Just((0u8, 0u16)),
		1 => (1u16..=1_000).prop_map(|milli| (1, milli)),
		1 => (1u8..4).prop_map(|count| (count, 1_000)),
	];
	let cpu = prop_oneof![3 => Just(1_000u32), 1 => 1u32..6_000];
	(1u8..4, 0u8..4, 22u32..80, cpu, gpu, 1u8..12).prop_map(
		|(replicas, retries, deadline_blocks, cpu_milli, gpu, price_cap)| Wish {
			replicas,
			retries,
			deadline_blocks,
			cpu_milli,
			gpu,
			price_cap,
		},
	)
}

/// Up to twelve tasks, each of which takes the results of some before it.
fn flow() -> impl Strategy<Value = Vec<(u8, u8)>> {
	prop::collection::vec((any::<u8>(), 0u8..4), 1..12).prop_map(|tasks| {
		let before = |(position, (first, count)): (usize, (u8, u8))| {
			let count = count.min(position as u8);
			(first % (position as u8 - count + 1), count)
		};
		tasks.into_iter().enumerate().map(before).collect()
	})
}

fn reason() -> impl Strategy<Value = DeclineReason> {
	prop_oneof![Just(DeclineReason::BlobUnavailable), Just(DeclineReason::HostFault)]
}

fn step() -> impl Strategy<Value = Step> {
	let machine = || 0..MACHINES;
	prop_oneof![
		4 => wish().prop_map(|spec| Step::Submit { spec }),
		2 => (wish(), flow()).prop_map(|(spec, after)| Step::SubmitJob { spec, after }),
		8 => (1u32..6).prop_map(|blocks| Step::Wait { blocks }),
		16 => (any::<u8>(), prop::bool::weighted(0.2), prop::bool::weighted(0.1))
			.prop_map(|(pick, lies, exhausts)| Step::Deliver { pick, lies, exhausts }),
		4 => machine().prop_map(|worker| Step::DeliverAll { worker }),
		2 => (any::<u8>(), reason()).prop_map(|(pick, reason)| Step::Decline { pick, reason }),
		1 => any::<u8>().prop_map(|pick| Step::Cancel { pick }),
		1 => any::<u8>().prop_map(|pick| Step::CancelJob { pick }),
		1 => machine().prop_map(|worker| Step::Drain { worker }),
		1 => machine().prop_map(|worker| Step::Pause { worker }),
		2 => machine().prop_map(|worker| Step::Resume { worker }),
		2 => (machine(), 1u8..12, 0u8..7)
			.prop_map(|(worker, price, refuses)| Step::Reprice { worker, price, refuses }),
		1 => machine().prop_map(|worker| Step::Silence { worker }),
		2 => machine().prop_map(|worker| Step::Return { worker }),
		1 => (machine(), 0u8..5, 0u32..40)
			.prop_map(|(worker, count, blocks)| Step::ProveGpus { worker, count, blocks }),
		1 => machine().prop_map(|worker| Step::LoseProof { worker }),
		1 => any::<bool>().prop_map(|is_tight| Step::Tighten { is_tight }),
		1 => (0u8..24).prop_map(|hour| Step::Hasten { hour }),
	]
}

/// Every machine's next obligation, in a fixed order.
fn obligations() -> Vec<(u64, u32, Progress)> {
	let mut all: Vec<_> = Tasks::<Test>::iter()
		.filter(|(_, task)| !task.state.is_terminal())
		.flat_map(|(id, task)| {
			let owed = task.replicas.into_iter();
			owed.map(move |replica| (id, replica.worker, replica.progress)).collect::<Vec<_>>()
		})
		.collect();
	all.sort_by_key(|(id, worker, _)| (*id, *worker));
	all
}

/// Who lies about what.
type Liars = BTreeSet<(u64, u32)>;

/// A machine's result: the same each time it is asked, so that a reveal matches its commitment.
fn told(id: u64, worker: u32, liars: &Liars, exhausts: bool) -> ResultDigest {
	let output = if liars.contains(&(id, worker)) { 100 + worker as u8 } else { 1 };
	match exhausts {
		true => ResultDigest { status: ExitStatus::OutOfFuel, ..digest(0, 2 * GFUEL) },
		false => digest(output, GFUEL),
	}
}

fn deliver(pick: u8, lies: bool, exhausts: bool, liars: &mut Liars) {
	let open = obligations();
	let Some((id, worker, progress)) = open.get(usize::from(pick) % open.len().max(1)).copied()
	else {
		return;
	};
	match (progress, state(id)) {
		// The agenda may lag; the time is over all the same.
		_ if now() >= task(id).wake_at => {}
		(Progress::Assigned, TaskState::Assigned) if job(id).spec.replicas == 1 => {
			attest(id, worker, told(id, worker, liars, exhausts));
		}
		(Progress::Assigned, TaskState::Assigned) => {
			if lies {
				liars.insert((id, worker));
			}
			commit(id, worker, told(id, worker, liars, false));
		}
		(Progress::Committed(_), TaskState::Committed) => {
			reveal(id, worker, told(id, worker, liars, false));
		}
		_ => {}
	}
}

/// A machine delivers all that it has alone in one call.
fn deliver_all(worker: u32) {
	let is_open = |id: &u64| {
		let is_in_time = state(*id) == TaskState::Assigned && now() < task(*id).wake_at;
		is_in_time && job(*id).spec.replicas == 1
	};
	let owed = obligations().into_iter().filter(|(_, owner, _)| *owner == worker);
	let ids = owed.map(|(id, ..)| id).filter(is_open).take(DELIVERIES_MAX as usize);
	let deliveries: Vec<Delivery> = ids.map(|id| delivery(id, worker, digest(1, GFUEL))).collect();
	if !deliveries.is_empty() {
		let deliveries = deliveries.try_into().unwrap();
		assert_ok!(TaskMatching::attest_results(signed(hot_key(worker)), deliveries));
	}
}

fn decline(pick: u8, reason: DeclineReason) {
	let open: Vec<_> = obligations()
		.into_iter()
		.filter(|(id, _, progress)| {
			*progress == Progress::Assigned && state(*id) == TaskState::Assigned
		})
		.collect();
	if let Some((id, worker, _)) = open.get(usize::from(pick) % open.len().max(1)) {
		assert_ok!(TaskMatching::decline_task(signed(hot_key(*worker)), *id, reason));
	}
}

/// A number among those given out.
fn any_task(pick: u8) -> u64 {
	u64::from(pick) % NextTaskId::<Test>::get().max(1)
}

/// The graphics processors of a machine count as proved for so many blocks.
fn prove_gpus(worker: u32, count: u8, blocks: u32) {
	let gpus = Gpus { class: 1, count, memory_mib: 8_000 };
	let proof = GpuProof { gpus, proved_at: 1, valid_until: now() + blocks };
	let capability = proved(2_000, 100_000).unwrap();
	set_capability(worker, Some(Capability { gpus: Some(proof), ..capability }));
}

fn apply(step: Step, liars: &mut Liars) {
	match step {
		Step::Submit { spec } => {
			submit(spec.spec());
		}
		Step::SubmitJob { spec, after } => {
			submit_job(spec.spec(), &after);
		}
		Step::Wait { blocks } => run_to(now() + blocks),
		Step::Deliver { pick, lies, exhausts } => deliver(pick, lies, exhausts, liars),
		Step::DeliverAll { worker } => deliver_all(worker),
		Step::Decline { pick, reason } => decline(pick, reason),
		Step::Cancel { pick } => {
			let _ = TaskMatching::cancel_task(signed(submitter()), any_task(pick));
		}
		Step::CancelJob { pick } => {
			let id = Tasks::<Test>::get(any_task(pick)).map(|task| task.job).unwrap_or_default();
			let _ = TaskMatching::cancel_job(signed(submitter()), id);
		}
		Step::Drain { worker } => {
			let _ = NodeRegistry::drain(signed(provider(worker)), worker);
		}
		Step::Pause { worker } => {
			let _ = NodeRegistry::pause(signed(hot_key(worker)), worker);
		}
		Step::Reprice { worker, price, refuses } => {
			let refuses = TaskKinds(refuses);
			set_offer(worker, Offer { refuses, ..Offer::at(u128::from(price) * DRGN) });
		}
		Step::Resume { worker } => {
			let _ = NodeRegistry::resume(signed(provider(worker)), worker);
		}
		Step::Silence { worker } => go_offline(worker),
		Step::Return { worker } => come_online(worker),
		Step::ProveGpus { worker, count, blocks } => prove_gpus(worker, count, blocks),
		Step::LoseProof { worker } => set_capability(worker, None),
		Step::Tighten { is_tight } => AgendaWeight::set(if is_tight { tight() } else { ample() }),
		Step::Hasten { hour } => UnixMs::set(u64::from(hour) * 3_600_000),
	}
}

fn ample() -> Weight {
	Weight::from_parts(u64::MAX / 4, u64::MAX / 4)
}

/// Room for some ten draws, and for any entry of the agenda.
fn tight() -> Weight {
	let draws = draw_weight(3, 0).saturating_mul(10);
	let drawing = draw_weight_max::<Test>().saturating_add(draws);
	drawing.max(TaskMatching::item_weight_max()).saturating_mul(4)
}

/// What remains of a task anywhere.
fn remains() -> usize {
	Tasks::<Test>::iter().count()
		+ Jobs::<Test>::iter().count()
		+ Assignments::<Test>::iter().count()
		+ Waiting::<Test>::iter().count()
		+ Frozen::<Test>::iter().count()
		+ crate::Agenda::<Test>::iter().count()
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(96))]

	#[test]
	fn p1_p2_p3_hold_whatever_machines_do(
		batches in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..24),
	) {
		build_and_execute(|| {
			for worker in 0..MACHINES {
				let gpus = Gpus { class: 1, count: (worker % 3 * 2) as u8, memory_mib: 8_000 };
				let price = (1 + u128::from(worker)) * DRGN;
				add_large_worker(worker, price, Capacity { gpus, ..Capacity::cpu(4, 4_096) });
			}
			let mut liars = BTreeSet::new();
			for batch in batches {
				for step in batch {
					apply(step, &mut liars);
				}
				check_invariants();
			}
			AgendaWeight::set(ample());
			let last_deadline =
				Jobs::<Test>::iter_values().map(|job| job.deadline).max().unwrap_or_default();
			run_to(last_deadline.max(now() + 1));
			check_invariants();
			for (id, task) in Tasks::<Test>::iter() {
				assert!(task.state.is_terminal(), "P3: task {id} is {:?}", task.state);
			}
			assert_eq!(on_hold_for_tasks(), 0);
			for owner in pallet_node_registry::Providers::<Test>::iter_values() {
				assert_eq!(owner.at_stake, 0, "P7: bond stays at stake");
			}
			for worker in pallet_node_registry::Workers::<Test>::iter_values() {
				assert_eq!(worker.ledger.reserved(), &Default::default(), "P3: capacity stays reserved");
			}
			run_to(now() + 2 * RETENTION);
			assert_eq!(remains(), 0);
			assert_eq!(Waking::<Test>::get(), Default::default());
		});
	}
}
