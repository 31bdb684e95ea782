//! A survey of the supply: who could run a task now, and how far the other machines get.

use super::{check_fit, Misfit, MISFITS};
use crate::{
	supply::{Entry, ProviderTag},
	task::TaskSpec,
	worker::TaskKinds,
	Balance, WorkerId,
};
use alloc::{
	collections::BTreeSet,
	format,
	string::{String, ToString},
	vec::Vec,
};

/// What machines are looked at for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
	/// What the task is.
	pub spec: &'a TaskSpec,
	/// Of which kinds it is.
	pub kinds: TaskKinds,
	/// The minute of the day.
	pub minute: u16,
	/// Machines that had it.
	pub excluded: &'a [WorkerId],
	/// Providers that have a replica of it.
	pub taken: &'a [ProviderTag],
}

/// The machines that fit a task, and how far the others get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
	misfits: Vec<Misfit>,
	fitting: Vec<Entry>,
	of_taken_providers: u32,
}

impl Survey {
	/// Looks at a machine of the supply.
	pub fn look(&mut self, entry: Entry, wanted: &Wanted<'_>) {
		self.look_and_ask(entry, wanted, |_| Some(Ok(())));
	}

	/// As [`Self::look`], and asks for what the supply does not show: whether a machine that fits lacks something, or may be given
	/// no work at all any more.
	pub fn look_and_ask(
		&mut self,
		entry: Entry,
		wanted: &Wanted<'_>,
		ask: impl FnOnce(&Entry) -> Option<Result<(), Misfit>>,
	) {
		let Wanted { spec, kinds, minute, excluded, taken } = wanted;
		let fit = check_fit(&entry, spec, *kinds, *minute, excluded);
		match fit.map(|()| ask(&entry)) {
			Err(misfit) | Ok(Some(Err(misfit))) => self.misfits.push(misfit),
			// What lapsed since it was put into the supply is no machine any more.
			Ok(None) => {}
			Ok(Some(Ok(()))) if taken.contains(&entry.provider) => {
				self.of_taken_providers = self.of_taken_providers.saturating_add(1);
			}
			Ok(Some(Ok(()))) => self.fitting.push(entry),
		}
	}

	/// Machines that were looked at.
	pub fn looked_at(&self) -> u32 {
		let passed = self.fitting.len().saturating_add(self.misfits.len());
		u32::try_from(passed).unwrap_or(u32::MAX).saturating_add(self.of_taken_providers)
	}

	/// Machines that fit.
	pub fn fitting(&self) -> &[Entry] {
		&self.fitting
	}

	/// Different providers of the machines that fit.
	pub fn providers(&self) -> u32 {
		let providers: BTreeSet<ProviderTag> =
			self.fitting.iter().map(|entry| entry.provider).collect();
		u32::try_from(providers.len()).unwrap_or(u32::MAX)
	}

	/// How many machines pass each requirement and all before it. Those that every machine passes are left out.
	pub fn funnel(&self) -> Vec<(Misfit, u32)> {
		let mut left = self.looked_at();
		let steps = MISFITS.into_iter().filter_map(|misfit| {
			let failed = self.misfits.iter().filter(|other| **other == misfit).count();
			left = left.saturating_sub(u32::try_from(failed).unwrap_or(u32::MAX));
			(failed > 0).then_some((misfit, left))
		});
		steps.collect()
	}

	/// What the cheapest machines of `count` providers ask, if there are as many.
	pub fn cheapest(&self, count: usize) -> Option<Vec<Balance>> {
		let mut entries: Vec<&Entry> = self.fitting.iter().collect();
		entries.sort_by_key(|entry| entry.offer.price_per_gfuel);
		let mut seen = BTreeSet::new();
		entries.retain(|entry| seen.insert(entry.provider));
		let prices = entries.into_iter().take(count).map(|entry| entry.offer.price_per_gfuel);
		let prices: Vec<Balance> = prices.collect();
		(prices.len() == count).then_some(prices)
	}

	/// All of that in one sentence, where `replicas` machines are needed.
	pub fn sentence(&self, replicas: usize) -> String {
		let mut sentence = count(self.looked_at(), "machine may be", "machines may be");
		sentence.push_str(" given work");
		for (misfit, left) in self.funnel() {
			sentence.push_str(&format!(", {left} of them {}", misfit.asset()));
		}
		if self.of_taken_providers > 0 {
			let left = self.fitting.len();
			sentence.push_str(&format!(", {left} of them of providers that do not have it yet"));
		}
		match self.fitting.is_empty() {
			true => sentence.push_str("; none fits"),
			false => {
				let (fitting, providers) = (self.fitting.len(), self.providers());
				let of = count(providers, "provider", "providers");
				sentence.push_str(&format!("; {fitting} fit, of {of}"));
			}
		}
		match replicas {
			1 => sentence.push_str(", and one is needed"),
			_ => sentence.push_str(&format!(", and {replicas} of different ones are needed")),
		}
		sentence
	}
}

fn count(number: u32, one: &str, several: &str) -> String {
	match number {
		1 => ["1", one].join(" "),
		_ => [number.to_string().as_str(), several].join(" "),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		resources::{Free, Resources},
		task::{BlobRef, MatchingPolicy, Program, ProgramKind, Requirements},
		worker::{Offer, Site, TransportAddress},
	};

	fn spec() -> TaskSpec {
		let blob = BlobRef { hash: [1; 32], size_bytes: 1 };
		TaskSpec {
			program: Program { kind: ProgramKind::WasiCommand, blob },
			source: TransportAddress::default(),
			requirements: Requirements {
				resources: Resources::cpu(1_000, 512),
				throughput_min_mops: 0,
				region: None,
				energy: None,
			},
			fuel_limit: 1,
			output_limit_bytes: 1,
			execution_blocks: 4,
			deadline_blocks: 100,
			replicas: 2,
			matching: MatchingPolicy::Cheapest,
			price_cap_per_gfuel: 10,
			retries: 0,
		}
	}

	fn machine(worker: WorkerId, provider: u8, memory_mib: u32, price: Balance) -> Entry {
		Entry {
			worker,
			provider: [provider; 8],
			offer: Offer::at(price),
			site: Site::default(),
			free: Free { cpu_milli: 1_000, memory_mib, ..Default::default() },
			throughput_mops: 500,
		}
	}

	fn survey(taken: &[ProviderTag]) -> Survey {
		let spec = spec();
		let wanted =
			Wanted { spec: &spec, kinds: TaskKinds::default(), minute: 0, excluded: &[], taken };
		let mut survey = Survey::default();
		for (worker, provider, memory_mib, price) in
			[(0, 1, 512, 10), (1, 1, 512, 4), (2, 2, 512, 7), (3, 3, 511, 1), (4, 4, 512, 11)]
		{
			survey.look(machine(worker, provider, memory_mib, price), &wanted);
		}
		survey
	}

	#[test]
	fn machines_fall_out_one_requirement_after_the_other() {
		let survey = survey(&[]);
		assert_eq!(survey.funnel(), vec![(Misfit::Memory, 4), (Misfit::Price, 3)]);
		assert_eq!((survey.looked_at(), survey.providers()), (5, 2));
		assert_eq!(
			survey.sentence(2),
			"5 machines may be given work, 4 of them have the memory free, 3 of them ask no more than \
			the price cap; 3 fit, of 2 providers, and 2 of different ones are needed"
		);
	}

	#[test]
	fn the_cheapest_are_of_different_providers() {
		assert_eq!(survey(&[]).cheapest(2), Some(vec![4, 7]));
		assert_eq!(survey(&[]).cheapest(3), None);
	}

	#[test]
	fn a_provider_that_has_the_task_gets_it_once() {
		let survey = survey(&[[1; 8]]);
		assert_eq!((survey.looked_at(), survey.providers()), (5, 1));
		assert!(survey.sentence(1).contains("1 of them of providers that do not have it yet"));
	}

	#[test]
	fn an_empty_supply_says_so() {
		assert_eq!(
			Survey::default().sentence(1),
			"0 machines may be given work; none fits, and one is needed"
		);
	}
}
