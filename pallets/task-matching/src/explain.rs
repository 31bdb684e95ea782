//! Answers for people: what a task would cost, who fits it, why it waits, why it ended.

use crate::{store::ChainStore, Config, Jobs, Pallet, Tasks};
use aidragon_primitives::{
	drawing::provider_tag,
	interface::WorkerDirectory,
	matching::{check_candidate, Survey, Wanted},
	payout,
	state::TaskState,
	supply::{Entry, SupplyStore, PAGE_MACHINES},
	task::{TaskSpec, DRAW_DELAY_BLOCKS},
	Balance, BlockNumber, TaskId,
};
use alloc::{
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

impl<T: Config> Pallet<T> {
	/// What a task would cost, or which field of it is out of range.
	pub(crate) fn quote_for(spec: &TaskSpec) -> Result<Quote, String> {
		spec.validate().map_err(|error| error.message().to_string())?;
		let wanted = Wanted {
			spec,
			kinds: spec.kinds(false),
			minute: Self::minute_of_day(),
			excluded: &[],
			taken: &[],
		};
		let (survey, needed) = (Self::survey(&wanted), usize::from(spec.replicas));
		let price = survey.cheapest(needed).map(|prices| {
			let most = |price| payout::ceiling_price(spec.fuel_limit, price).unwrap_or_default();
			prices.into_iter().map(most).fold(0, Balance::saturating_add)
		});
		Ok(Quote {
			escrow: spec.escrow().unwrap_or_default(),
			price,
			wait_blocks: price.map(|_| DRAW_DELAY_BLOCKS),
			supply: Self::report(&survey, needed),
		})
	}

	/// Why a task waits, or `None` where it does not.
	pub(crate) fn explain_wait(id: TaskId) -> Option<SupplyReport> {
		let task = Tasks::<T>::get(id).filter(|task| task.state == TaskState::Queued)?;
		let job = Jobs::<T>::get(task.job)?;
		let taken: Vec<_> =
			task.replicas.iter().map(|replica| provider_tag(&replica.provider)).collect();
		let wanted = Wanted {
			spec: &job.spec,
			kinds: job.spec.kinds(task.bundle.is_some()),
			minute: Self::minute_of_day(),
			excluded: &task.excluded,
			taken: &taken,
		};
		let needed = usize::from(job.spec.replicas).saturating_sub(taken.len());
		Some(Self::report(&Self::survey(&wanted), needed))
	}

	/// Looks at the supply as a draw would, and further.
	fn survey(wanted: &Wanted<'_>) -> Survey {
		let store = ChainStore::<T>::new();
		let directory = store.directory();
		let pages = directory.buckets().flat_map(|listed| {
			(0..listed.length.div_ceil(PAGE_MACHINES)).map(move |page| (listed.bucket, page))
		});
		let mut survey = Survey::default();
		let ask = |entry: &Entry| {
			let candidate = T::Directory::candidate(entry.worker, Self::now())?;
			let Wanted { spec, kinds, minute, excluded, .. } = wanted;
			Some(check_candidate(&candidate, spec, *kinds, *minute, excluded))
		};
		for (bucket, page) in pages.take((REPORT_MACHINES_MAX / PAGE_MACHINES) as usize) {
			for entry in store.page(bucket, page) {
				survey.look_and_ask(entry, wanted, ask);
			}
		}
		survey
	}

	fn report(survey: &Survey, needed: usize) -> SupplyReport {
		let passing = survey.funnel().into_iter();
		let passing = passing
			.map(|(misfit, machines)| Passing { what: misfit.asset().to_string(), machines });
		SupplyReport {
			machines: ChainStore::<T>::new().directory().machines(),
			looked_at: survey.looked_at(),
			passing: passing.collect(),
			fitting: survey.fitting().len() as u32,
			providers: survey.providers(),
			sentence: survey.sentence(needed),
		}
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
