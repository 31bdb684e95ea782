//! Who could run a task now: the supply as the chain has it, and how far each machine gets.

use aidragon_client::{
	chain::{all_pages, ChainError, Snapshot},
	Task,
};
use aidragon_primitives::{
	drawing::provider_tag,
	matching::{Misfit, Survey, Wanted},
	payout,
	supply::{Entry, ProviderTag, PAGE_MACHINES},
	task::TaskSpec,
	worker::minute_of_day,
	Balance,
};
use serde_json::{json, Value};

/// Machines that are looked at, at most.
const MACHINES_MAX: u32 = 20_000;

/// The machines that may be given work, as of one block.
#[derive(Clone, Debug, Default)]
pub struct Supply {
	entries: Vec<Entry>,
	machines: u32,
	minute: u16,
}

impl Supply {
	/// Reads all of them, or the first 20,000.
	pub async fn read(at: &Snapshot) -> Result<Self, ChainError> {
		let directory = at.supply_directory().await?;
		let keys: Vec<_> =
			all_pages(&directory).take((MACHINES_MAX / PAGE_MACHINES) as usize).collect();
		let pages = at.supply_pages(&keys).await?;
		Ok(Self {
			entries: pages.into_iter().flatten().collect(),
			machines: directory.machines(),
			minute: minute_of_day(at.timestamp_ms().await?.unwrap_or(0)),
		})
	}

	/// Who could run a new task.
	pub fn outlook(&self, spec: &TaskSpec, is_dependent: bool) -> Outlook {
		let kinds = spec.kinds(is_dependent);
		let wanted = Wanted { spec, kinds, minute: self.minute, excluded: &[], taken: &[] };
		self.survey(&wanted, usize::from(spec.replicas))
	}

	/// Who could run a task that waits.
	pub fn outlook_for(&self, task: &Task) -> Outlook {
		let taken: Vec<ProviderTag> =
			task.replicas.iter().map(|replica| provider_tag(&replica.provider)).collect();
		let wanted = Wanted {
			spec: &task.spec,
			kinds: task.spec.kinds(task.bundle.is_some()),
			minute: self.minute,
			excluded: &task.excluded,
			taken: &taken,
		};
		self.survey(&wanted, usize::from(task.spec.replicas).saturating_sub(taken.len()))
	}

	fn survey(&self, wanted: &Wanted<'_>, needed: usize) -> Outlook {
		let mut survey = Survey::default();
		for entry in &self.entries {
			survey.look(entry.clone(), wanted);
		}
		Outlook { survey, machines: self.machines, needed }
	}
}

/// Who could run one task, and how far the other machines get.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
	/// What each machine came to.
	pub survey: Survey,
	/// Machines of different providers that it needs.
	pub needed: usize,
	machines: u32,
}

impl Outlook {
	/// Whether a draw now would find as many machines as it takes. The bond behind them is not looked at.
	pub fn is_enough(&self) -> bool {
		self.survey.providers() as usize >= self.needed
	}

	/// What it costs at most with the cheapest machines that fit; `None` where there are too few.
	pub fn price(&self, spec: &TaskSpec) -> Option<Balance> {
		let prices = self.survey.cheapest(self.needed)?;
		let most = |price| payout::ceiling_price(spec.fuel_limit, price).unwrap_or_default();
		Some(prices.into_iter().map(most).fold(0, Balance::saturating_add))
	}

	/// The sentence for a person, such as `41 machines may be given work, 12 of them have the memory free, 0 of them ask no
	/// more than the price cap; none fits, and 2 of different providers are needed`.
	pub fn message(&self) -> String {
		let mut message = self.survey.sentence(self.needed);
		if self.survey.looked_at() < self.machines {
			message.push_str(&format!(" (the first of {} machines)", self.machines));
		}
		message
	}

	/// The counts in JSON.
	pub fn json(&self) -> Value {
		let step = |(misfit, left): (Misfit, u32)| json!({ "requirement": name(misfit), "what": misfit.asset(), "machines": left });
		json!({
			"machines": self.machines,
			"looked_at": self.survey.looked_at(),
			"passing": self.survey.funnel().into_iter().map(step).collect::<Vec<_>>(),
			"fitting": self.survey.fitting().len(),
			"fitting_providers": self.survey.providers(),
			"needed": self.needed,
			"sentence": self.message(),
		})
	}
}

/// The name of a requirement in JSON.
pub fn name(misfit: Misfit) -> &'static str {
	match misfit {
		Misfit::Gpu => "gpu",
		Misfit::Cpu => "cpu",
		Misfit::Memory => "memory",
		Misfit::Throughput => "throughput",
		Misfit::Region => "region",
		Misfit::Energy => "energy",
		Misfit::Price => "price",
		Misfit::TaskTooSmall => "task_too_small",
		Misfit::TaskTooLong => "task_too_long",
		Misfit::KindRefused => "kind_refused",
		Misfit::Closed => "closed",
		Misfit::HadItBefore => "had_it_before",
		Misfit::BondTooLow => "bond_too_low",
	}
}

/// What a machine lacks that does not pass a requirement.
pub fn lacks(misfit: Misfit) -> &'static str {
	match misfit {
		Misfit::Gpu => "no such graphics processors free",
		Misfit::Cpu => "too few cores free",
		Misfit::Memory => "too little memory free",
		Misfit::Throughput => "too little proved throughput",
		Misfit::Region => "does not stand in the region",
		Misfit::Energy => "nobody attests that source of energy",
		Misfit::Price => "asks more than the price cap",
		Misfit::TaskTooSmall => "takes only larger tasks",
		Misfit::TaskTooLong => "takes only shorter tasks",
		Misfit::KindRefused => "takes no tasks of the kind",
		Misfit::Closed => "closes before it could be done",
		Misfit::HadItBefore => "had it before",
		Misfit::BondTooLow => "too little bond for what it may earn",
	}
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use crate::task::tests::{assigned, spec};
	use aidragon_primitives::{
		matching::MISFITS,
		resources::Free,
		worker::{Offer, Site},
		WorkerId,
	};
	use std::collections::BTreeSet;

	pub(crate) fn entry(worker: WorkerId, price_per_gfuel: Balance) -> Entry {
		Entry {
			worker,
			provider: [worker as u8 + 1; 8],
			offer: Offer::at(price_per_gfuel),
			site: Site::default(),
			free: Free { cpu_milli: 2_000, memory_mib: 1_024, ..Default::default() },
			throughput_mops: 1_000,
		}
	}

	/// Machines of different providers that fit but for what they ask.
	pub(crate) fn supply(prices: &[Balance]) -> Supply {
		let entries = (0..).zip(prices).map(|(worker, price)| entry(worker, *price));
		let entries: Vec<Entry> = entries.collect();
		Supply { machines: entries.len() as u32, entries, minute: 0 }
	}

	#[test]
	fn machines_that_are_too_dear_fall_out() {
		let cap = spec().price_cap_per_gfuel;
		let outlook = supply(&[1, cap, cap + 1]).outlook(&spec(), false);
		assert!(outlook.is_enough());
		assert_eq!(
			outlook.message(),
			"3 machines may be given work, 2 of them ask no more than the price cap; 2 fit, of 2 \
			providers, and 2 of different ones are needed"
		);
		let json = outlook.json();
		assert_eq!(json["passing"][0]["requirement"], "price");
		assert_eq!((&json["passing"][0]["machines"], &json["fitting"]), (&json!(2), &json!(2)));
		assert_eq!(outlook.price(&spec()), Some(30 + 30 * cap));
		assert!(!supply(&[cap + 1]).outlook(&spec(), false).is_enough());
	}

	#[test]
	fn a_task_that_has_machines_needs_others() {
		// Both machines of the task stand in the supply, and a third one.
		let supply = supply(&[1, 1, 1]);
		let mut task = assigned();
		let second = task.record.replicas.pop().unwrap();
		let outlook = supply.outlook_for(&task);
		assert_eq!((outlook.needed, outlook.survey.fitting().len()), (1, 2));
		task.record.excluded.try_push(second.worker).unwrap();
		assert_eq!(supply.outlook_for(&task).survey.fitting()[0].worker, 2);
	}

	#[test]
	fn a_part_of_a_large_supply_is_called_one() {
		let part = Supply { machines: 30_000, ..supply(&[1]) };
		assert!(part.outlook(&spec(), false).message().contains("first of 30000 machines"));
	}

	#[test]
	fn every_requirement_has_a_name_of_its_own() {
		for words in [name, lacks] {
			let names: BTreeSet<&str> = MISFITS.into_iter().map(words).collect();
			assert_eq!(names.len(), MISFITS.len());
		}
	}
}
