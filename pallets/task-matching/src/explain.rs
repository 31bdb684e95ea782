//! Answers for people: what a task would cost, who fits it, why it ended.

use crate::{Config, Pallet, SupplyPosition, Tasks};
use aidragon_primitives::{
	interface::WorkerDirectory,
	matching::{check_fit, Misfit},
	state::TaskState,
	task::TaskSpec,
	Balance, TaskId,
};
use alloc::string::{String, ToString};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// Machines that a report looks at. A view function runs off chain, but not without end.
const REPORT_MACHINES_MAX: usize = 2_000;

/// What a specification would cost at most, and who could run it now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SupplyReport {
	/// What would be put on hold, in smallest units.
	pub escrow: Balance,
	/// Machines that were looked at.
	pub machines: u32,
	/// Machines that fit. Replicas need as many different providers.
	pub fitting: u32,
	/// Machines without enough free proved vCPUs or memory.
	pub too_small: u32,
	/// Machines whose proved throughput is too low.
	pub too_slow: u32,
	/// Machines that ask more than the price cap.
	pub too_expensive: u32,
	/// Machines that take only larger tasks.
	pub task_too_small: u32,
	/// Machines that close before the task could be done.
	pub closed: u32,
	/// Machines with too little bond behind them for what the task may earn.
	pub bond_too_low: u32,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn report_supply(spec: &TaskSpec) -> Result<SupplyReport, String> {
		spec.validate().map_err(|error| error.message().to_string())?;
		let mut report =
			SupplyReport { escrow: spec.escrow().unwrap_or_default(), ..Default::default() };
		for worker in SupplyPosition::<T>::iter_keys().take(REPORT_MACHINES_MAX) {
			let Some(candidate) = T::Directory::candidate(worker, Self::now()) else {
				continue;
			};
			report.machines = report.machines.saturating_add(1);
			let fit = check_fit(&candidate, spec, Self::minute_of_day(), &[]);
			let counter = match fit {
				Ok(()) => &mut report.fitting,
				Err(Misfit::TooSmall | Misfit::HadItBefore) => &mut report.too_small,
				Err(Misfit::TooSlow) => &mut report.too_slow,
				Err(Misfit::TooExpensive) => &mut report.too_expensive,
				Err(Misfit::TaskTooSmall) => &mut report.task_too_small,
				Err(Misfit::Closed) => &mut report.closed,
				Err(Misfit::BondTooLow) => &mut report.bond_too_low,
			};
			*counter = counter.saturating_add(1);
		}
		Ok(report)
	}

	pub(crate) fn explain_end(id: TaskId) -> Option<String> {
		let reason = match Tasks::<T>::get(id)?.state {
			TaskState::Settled => "a quorum of machines agreed on the result, and they were paid",
			TaskState::Failed(reason) => reason.message(),
			TaskState::Cancelled => "its submitter withdrew it before machines were drawn",
			TaskState::Expired => "no machines that fit were found before its deadline",
			TaskState::Queued
			| TaskState::Assigned
			| TaskState::Committed
			| TaskState::Revealed
			| TaskState::Accepted => return None,
		};
		Some(reason.to_string())
	}
}
