//! Each reason for which a machine and a task do not suit each other.

mod common;

use aidragon_primitives::{
	matching::{check_fit, Misfit, Request, Verdict, MISFITS},
	resources::GpuShare,
	supply::Entry,
	task::{MatchingPolicy, TaskSpec},
	worker::{Candidate, EnergySource, Hours, Offer, Region, Site, TaskKinds},
	Balance, WorkerId,
};
use common::{
	candidate, chosen, draw_vetted, gpus, machine, market, request, seed, spec, verdicts,
};

/// One task and one machine of which each can refuse the other.
struct Pair {
	entry: Entry,
	spec: TaskSpec,
	kinds: TaskKinds,
	minute: u16,
	excluded: Vec<WorkerId>,
	stake_free: Balance,
}

impl Pair {
	fn matching() -> Self {
		let mut spec = spec(MatchingPolicy::Cheapest);
		let gpu = GpuShare { count: 1, milli: 500, memory_min_mib: 16_000, classes: 0b1000 };
		spec.requirements.resources.gpu = gpu;
		spec.requirements.region = Some(Region(*b"DE"));
		spec.requirements.energy = Some(EnergySource::Grid);
		let site = Site { region: Some(Region(*b"DE")), energy: EnergySource::Grid };
		let offer = Offer {
			task_min_fuel: spec.fuel_limit,
			task_max_blocks: spec.execution_blocks,
			refuses: TaskKinds::DEPENDENT,
			hours: Some(Hours { from_minute: 719, until_minute: 721 }),
			..Offer::at(spec.price_cap_per_gfuel)
		};
		let stake_free = spec.stake(offer.price_per_gfuel);
		let entry = Entry { offer, site, free: gpus(&[500]), throughput_mops: 100, ..machine(1) };
		let kinds = TaskKinds::SINGLE.with(TaskKinds::RESTRICTED);
		Self { entry, spec, kinds, minute: 720, excluded: vec![2], stake_free }
	}

	/// Changes one field, so that only this stands between the two.
	fn spoil(&mut self, misfit: Misfit) {
		let (entry, offer) = (&mut self.entry, &mut self.spec);
		match misfit {
			Misfit::Gpu => offer.requirements.resources.gpu.milli = 501,
			Misfit::Cpu => entry.free.cpu_milli = 999,
			Misfit::Memory => entry.free.memory_mib = 1_023,
			Misfit::Throughput => entry.throughput_mops = 99,
			Misfit::Region => entry.site.region = None,
			Misfit::Energy => entry.site.energy = EnergySource::Nuclear,
			Misfit::Price => offer.price_cap_per_gfuel -= 1,
			Misfit::TaskTooSmall => entry.offer.task_min_fuel += 1,
			Misfit::TaskTooLong => entry.offer.task_max_blocks -= 1,
			Misfit::KindRefused => entry.offer.refuses = TaskKinds::SINGLE,
			Misfit::Closed => self.minute = 718,
			Misfit::HadItBefore => self.excluded.push(1),
			Misfit::BondTooLow => self.stake_free -= 1,
		}
	}

	/// What the registry's look at the machine comes to.
	fn verdict(&self) -> Result<(), Misfit> {
		// The supply shows a machine that fits, so that it comes to the registry's word.
		let request = Request {
			kinds: self.kinds,
			minute: self.minute,
			excluded: &self.excluded,
			woken_by: Some(1),
			..request(&self.spec, 1)
		};
		let store = market([self.entry.clone()]);
		let known = Candidate { stake_free: self.stake_free, ..candidate(self.entry.clone()) };
		let (drawn, notes) = draw_vetted(&store, &request, &seed(1), |_| Some(known.clone()));
		match verdicts(&notes, 1)[..] {
			[Verdict::Chosen(_)] => assert_eq!(chosen(&drawn), [1]),
			[Verdict::Misfit(misfit)] if drawn.picks.is_none() => return Err(misfit),
			ref other => panic!("{other:?}"),
		}
		Ok(())
	}
}

#[test]
fn each_reason_takes_one_field_and_no_more() {
	assert_eq!(Pair::matching().verdict(), Ok(()));
	for misfit in MISFITS {
		let mut pair = Pair::matching();
		pair.spoil(misfit);
		assert_eq!(pair.verdict(), Err(misfit));
	}
}

#[test]
fn graphics_processors_of_another_class_or_of_less_memory_do_not_fit() {
	let spoil: [fn(&mut Pair); 3] = [
		|pair| pair.entry.free.gpu_class = 2,
		|pair| pair.entry.free.gpu_memory_mib = 15_999,
		|pair| pair.entry.free.gpu_milli = vec![499, 499].try_into().unwrap(),
	];
	for spoil in spoil {
		let mut pair = Pair::matching();
		spoil(&mut pair);
		assert_eq!(pair.verdict(), Err(Misfit::Gpu));
	}
}

#[test]
fn the_first_reason_counts_in_the_order_of_the_list() {
	let mut pair = Pair::matching();
	for misfit in MISFITS.into_iter().rev() {
		pair.spoil(misfit);
		assert_eq!(pair.verdict(), Err(misfit));
	}
	assert!(MISFITS.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_machine_asks_what_it_will_of_a_task_that_names_nothing() {
	let mut spec = spec(MatchingPolicy::Cheapest);
	spec.requirements.throughput_min_mops = 0;
	let entry = Entry { throughput_mops: 0, ..machine(1) };
	assert_eq!(check_fit(&entry, &spec, TaskKinds::ALL, 0, &[]), Ok(()));
}
