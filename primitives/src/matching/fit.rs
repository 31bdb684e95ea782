//! Whether a machine and a task suit each other.

use crate::{
	resources::Shortage,
	supply::Entry,
	task::TaskSpec,
	worker::{Candidate, TaskKinds},
	WorkerId,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// Why a machine does not get a task. The first reason that applies counts, in this order.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
)]
pub enum Misfit {
	/// It has too few free graphics processors of the kind and size.
	Gpu,
	/// It has too few free proved cores.
	Cpu,
	/// It has too little free proved memory.
	Memory,
	/// Its proved throughput is too low.
	Throughput,
	/// It does not stand in the region.
	Region,
	/// Nobody attests that it runs on that source of energy.
	Energy,
	/// It asks more than the task's price cap.
	Price,
	/// The task is smaller than what it takes.
	TaskTooSmall,
	/// The task may take longer than what it takes.
	TaskTooLong,
	/// It does not take tasks of this kind.
	KindRefused,
	/// It closes before the task could be done.
	Closed,
	/// It had the task before.
	HadItBefore,
	/// The bond behind it does not cover what the task may earn.
	BondTooLow,
}

/// All reasons, in the order in which they are checked.
pub const MISFITS: [Misfit; 13] = [
	Misfit::Gpu,
	Misfit::Cpu,
	Misfit::Memory,
	Misfit::Throughput,
	Misfit::Region,
	Misfit::Energy,
	Misfit::Price,
	Misfit::TaskTooSmall,
	Misfit::TaskTooLong,
	Misfit::KindRefused,
	Misfit::Closed,
	Misfit::HadItBefore,
	Misfit::BondTooLow,
];

impl Misfit {
	/// What machines that pass have, for a sentence such as "12 of them have the memory".
	pub fn asset(&self) -> &'static str {
		match self {
			Self::Gpu => "have the graphics processors",
			Self::Cpu => "have the cores free",
			Self::Memory => "have the memory free",
			Self::Throughput => "proved the throughput",
			Self::Region => "stand in the region",
			Self::Energy => "run on the source of energy",
			Self::Price => "ask no more than the price cap",
			Self::TaskTooSmall => "take tasks as small",
			Self::TaskTooLong => "take tasks as long",
			Self::KindRefused => "take tasks of the kind",
			Self::Closed => "are open long enough",
			Self::HadItBefore => "did not have it before",
			Self::BondTooLow => "have the bond for it",
		}
	}
}

impl From<Shortage> for Misfit {
	fn from(shortage: Shortage) -> Self {
		match shortage {
			Shortage::Gpu => Self::Gpu,
			Shortage::Cpu => Self::Cpu,
			Shortage::Memory => Self::Memory,
		}
	}
}

/// Checks a machine and a task of `kinds` against everything that either asks of the other, at `minute` of the day. The bond
/// is not known here.
pub fn check_fit(
	entry: &Entry,
	spec: &TaskSpec,
	kinds: TaskKinds,
	minute: u16,
	excluded: &[WorkerId],
) -> Result<(), Misfit> {
	let (offer, needed) = (&entry.offer, &spec.requirements);
	entry.free.place(&needed.resources)?;
	let ensure = |holds: bool, misfit: Misfit| if holds { Ok(()) } else { Err(misfit) };
	ensure(entry.throughput_mops >= needed.throughput_min_mops, Misfit::Throughput)?;
	ensure(needed.region.is_none() || needed.region == entry.site.region, Misfit::Region)?;
	ensure(needed.energy.is_none_or(|energy| energy == entry.site.energy), Misfit::Energy)?;
	ensure(offer.price_per_gfuel <= spec.price_cap_per_gfuel, Misfit::Price)?;
	ensure(spec.fuel_limit >= offer.task_min_fuel, Misfit::TaskTooSmall)?;
	let is_short = offer.task_max_blocks == 0 || spec.execution_blocks <= offer.task_max_blocks;
	ensure(is_short, Misfit::TaskTooLong)?;
	ensure(!offer.refuses.intersects(kinds), Misfit::KindRefused)?;
	ensure(offer.is_open(minute, spec.execution_blocks), Misfit::Closed)?;
	ensure(!excluded.contains(&entry.worker), Misfit::HadItBefore)
}

/// As [`check_fit`], of a machine as the registry knows it, the bond behind it included.
pub fn check_candidate<AccountId>(
	candidate: &Candidate<AccountId>,
	spec: &TaskSpec,
	kinds: TaskKinds,
	minute: u16,
	excluded: &[WorkerId],
) -> Result<(), Misfit> {
	check_fit(&candidate.entry, spec, kinds, minute, excluded)?;
	match spec.stake(candidate.entry.offer.price_per_gfuel) <= candidate.stake_free {
		true => Ok(()),
		false => Err(Misfit::BondTooLow),
	}
}
