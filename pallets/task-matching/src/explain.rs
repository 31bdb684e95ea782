//! Answers for people: what a task would cost, who fits it, why it waits, why it ended.

use crate::{draw::provider_tag, store::ChainStore, Config, Jobs, Pallet, Tasks};
use aidragon_primitives::{
	interface::WorkerDirectory,
	matching::{check_candidate, check_fit, Misfit, MISFITS},
	payout,
	state::TaskState,
	supply::{Entry, SupplyStore, PAGE_MACHINES},
	task::{TaskSpec, DRAW_DELAY_BLOCKS},
	worker::TaskKinds,
	Balance, BlockNumber, TaskId, WorkerId,
};
use alloc::{
	collections::BTreeSet,
	format,
	string::{String, ToString},
	vec::Vec,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// Machines that a report looks at. A view function runs off chain, but not without end.
const REPORT_MACHINES_MAX: u32 = 20_000;

/// Machines that pass one requirement and all before it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Passing {
	/// What they have, such as "have the memory free".
	pub what: String,
	/// How many they are.
	pub machines: u32,
}

/// Who could run a task now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SupplyReport {
	/// Machines that may be given work.
	pub machines: u32,
	/// Machines that were looked at: all, or the first 20,000.
	pub looked_at: u32,
	/// How many of these pass each requirement, one after the other; those that every machine passes are left out.
	pub passing: Vec<Passing>,
	/// Machines that fit.
	pub fitting: u32,
	/// Different providers of these. A task needs as many as it has replicas.
	pub providers: u32,
	/// All of that in one sentence.
	pub sentence: String,
}

/// What a task would cost, and who could run it now.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Quote {
	/// What would be put on hold, in smallest units.
	pub escrow: Balance,
	/// What it costs at most with the cheapest machines that fit, in smallest units; `None` where there are too few.
	pub price: Option<Balance>,
	/// Blocks until its machines are drawn; `None` where it would wait for supply.
	pub wait_blocks: Option<BlockNumber>,
	/// Who could run it.
	pub supply: SupplyReport,
}

/// The machines that fit, and how far the others get.
#[derive(Default)]
struct Survey {
	misfits: Vec<Misfit>,
	fitting: Vec<Entry>,
	machines: u32,
}

impl<T: Config> Pallet<T> {
	/// What a task would cost, or which field of it is out of range.
	pub(crate) fn quote_for(spec: &TaskSpec) -> Result<Quote, String> {
		spec.validate().map_err(|error| error.message().to_string())?;
		let survey = Self::survey(spec, spec.kinds(false), &[]);
		let price = survey.cheapest(usize::from(spec.replicas)).map(|prices| {
			let most = |price| payout::ceiling_price(spec.fuel_limit, price).unwrap_or_default();
			prices.into_iter().map(most).fold(0, Balance::saturating_add)
		});
		Ok(Quote {
			escrow: spec.escrow().unwrap_or_default(),
			price,
			wait_blocks: price.map(|_| DRAW_DELAY_BLOCKS),
			supply: survey.report(usize::from(spec.replicas)),
		})
	}

	/// Why a task waits, or `None` where it does not.
	pub(crate) fn explain_wait(id: TaskId) -> Option<SupplyReport> {
		let task = Tasks::<T>::get(id).filter(|task| task.state == TaskState::Queued)?;
		let job = Jobs::<T>::get(task.job)?;
		let taken: Vec<_> =
			task.replicas.iter().map(|replica| provider_tag(&replica.provider)).collect();
		let mut survey =
			Self::survey(&job.spec, job.spec.kinds(task.bundle.is_some()), &task.excluded);
		survey.fitting.retain(|entry| !taken.contains(&entry.provider));
		Some(survey.report(usize::from(job.spec.replicas).saturating_sub(taken.len())))
	}

	fn survey(spec: &TaskSpec, kinds: TaskKinds, excluded: &[WorkerId]) -> Survey {
		let store = ChainStore::<T>::new();
		let (directory, minute) = (store.directory(), Self::minute_of_day());
		let mut survey = Survey { machines: directory.machines(), ..Default::default() };
		let pages = directory.buckets().iter().flat_map(|(bucket, length)| {
			(0..length.div_ceil(PAGE_MACHINES)).map(move |page| (*bucket, page))
		});
		for (bucket, page) in pages.take((REPORT_MACHINES_MAX / PAGE_MACHINES) as usize) {
			for entry in store.page(bucket, page) {
				let fit = check_fit(&entry, spec, kinds, minute, excluded);
				// What lapsed since it was put into the supply is no machine any more.
				match fit.map(|()| T::Directory::candidate(entry.worker, Self::now())) {
					Err(misfit) => survey.misfits.push(misfit),
					Ok(None) => {}
					Ok(Some(candidate)) => {
						match check_candidate(&candidate, spec, kinds, minute, excluded) {
							Ok(()) => survey.fitting.push(entry),
							Err(misfit) => survey.misfits.push(misfit),
						}
					}
				}
			}
		}
		survey
	}

	pub(crate) fn explain_end(id: TaskId) -> Option<String> {
		let reason = match Tasks::<T>::get(id)?.state {
			TaskState::Settled => "a quorum of machines agreed on the result, and they were paid",
			TaskState::Failed(reason) => reason.message(),
			TaskState::Cancelled => {
				"its submitter withdrew it; machines that had it were paid for what they had done"
			}
			TaskState::Expired => "no machines that fit were found before its deadline",
			TaskState::Blocked
			| TaskState::Queued
			| TaskState::Assigned
			| TaskState::Committed
			| TaskState::Revealed
			| TaskState::Accepted => return None,
		};
		Some(reason.to_string())
	}
}

impl Survey {
	fn providers(&self) -> u32 {
		self.fitting.iter().map(|entry| entry.provider).collect::<BTreeSet<_>>().len() as u32
	}

	/// What the cheapest machines of `count` providers ask, if there are as many.
	fn cheapest(&self, count: usize) -> Option<Vec<Balance>> {
		let mut entries: Vec<&Entry> = self.fitting.iter().collect();
		entries.sort_by_key(|entry| entry.offer.price_per_gfuel);
		let mut seen = BTreeSet::new();
		entries.retain(|entry| seen.insert(entry.provider));
		let prices = entries.into_iter().take(count).map(|entry| entry.offer.price_per_gfuel);
		let prices: Vec<Balance> = prices.collect();
		(prices.len() == count).then_some(prices)
	}

	fn report(&self, replicas: usize) -> SupplyReport {
		let looked_at = self.misfits.len().saturating_add(self.fitting.len()) as u32;
		let mut left = looked_at;
		let mut passing = Vec::new();
		for misfit in MISFITS {
			let failed = self.misfits.iter().filter(|other| **other == misfit).count() as u32;
			if failed > 0 {
				left = left.saturating_sub(failed);
				passing.push(Passing { what: misfit.asset().to_string(), machines: left });
			}
		}
		let (fitting, providers) = (self.fitting.len() as u32, self.providers());
		let mut sentence = format!("{looked_at} machines may be given work");
		for step in &passing {
			sentence.push_str(&format!(", {} of them {}", step.machines, step.what));
		}
		sentence.push_str(&format!(
			"; they belong to {providers} providers, and {replicas} are needed"
		));
		SupplyReport { machines: self.machines, looked_at, passing, fitting, providers, sentence }
	}
}
