//! What machines ask of tasks and tasks of machines: hours, sizes, kinds, places and sources of energy.

use crate::{explain::SupplyReport, mock::*};
use aidragon_primitives::{
	matching::Misfit,
	state::TaskState,
	task::{MatchingPolicy, TaskSpec},
	worker::{EnergySource, Hours, Offer, Region, Site, TaskKinds},
	DRGN, GFUEL,
};
use frame_support::assert_ok;

/// Sets the time of the last block to `minute` of some day.
fn set_minute(minute: u64) {
	UnixMs::set(20_000 * 86_400_000 + minute * 60_000 + 59_999);
}

fn within(from_minute: u16, until_minute: u16) -> Offer {
	Offer { hours: Some(Hours { from_minute, until_minute }), ..Offer::at(DRGN) }
}

/// What stops machines, and how many are left, requirement by requirement.
fn passing(report: &SupplyReport) -> Vec<(String, u32)> {
	report.passing.iter().map(|step| (step.what.clone(), step.machines)).collect()
}

fn refusing(kinds: TaskKinds) -> Offer {
	Offer { refuses: kinds, ..Offer::at(DRGN) }
}

/// Says where a machine stands and what it runs on, and has that attested where it is to count.
fn set_site(worker: u32, region: &[u8; 2], energy: EnergySource, is_attested: bool) {
	let site = Site { region: Some(Region(*region)), energy };
	assert_ok!(NodeRegistry::declare_site(signed(provider(worker)), worker, site));
	if is_attested {
		let _ = NodeRegistry::set_attestor(RuntimeOrigin::root(), account(2), true);
		assert_ok!(NodeRegistry::attest_energy(signed(account(2)), worker, energy));
	}
}

/// Submits a task, says which machine got it, and ends it.
fn drawn_for(spec: TaskSpec) -> Option<u32> {
	let id = submit_and_draw(spec);
	let worker = workers_of(id).first().copied();
	assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
	worker
}

/// Submits a task of `execution_blocks` at `minute` and says whether machine 0 got it.
fn is_drawn_at(minute: u64, execution_blocks: u32) -> bool {
	set_minute(minute);
	let mut spec = spec(1);
	(spec.execution_blocks, spec.deadline_blocks) = (execution_blocks, execution_blocks + 14);
	let id = submit_and_draw(spec);
	let drawn = task(id).state == TaskState::Assigned;
	if drawn {
		attest(id, 0, digest(1, 5));
	}
	drawn
}

#[test]
fn machine_is_drawn_within_its_hours_only() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, within(480, 1_080));
		for (minute, drawn) in
			[(0, false), (479, false), (480, true), (1_079, true), (1_080, false), (1_439, false)]
		{
			// Half a minute.
			assert_eq!(is_drawn_at(minute, 10), drawn, "at {minute}");
		}
	});
}

#[test]
fn machine_is_drawn_only_for_what_ends_before_it_closes() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, within(480, 1_080));
		// 20 blocks are a minute.
		assert!(is_drawn_at(1_078, 40));
		assert!(!is_drawn_at(1_078, 41));
		assert!(!is_drawn_at(1_079, 40));
	});
}

#[test]
fn hours_may_go_over_midnight() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, within(1_320, 360));
		for (minute, drawn) in [(1_319, false), (1_320, true), (0, true), (359, true), (360, false)]
		{
			assert_eq!(is_drawn_at(minute, 20), drawn, "at {minute}");
		}
	});
}

#[test]
fn task_waits_until_a_machine_opens() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, within(480, 1_080));
		set_minute(479);
		let id = submit_and_draw(spec(1));
		assert_eq!(task(id).state, TaskState::Queued);
		run_to(now() + 14);
		assert_eq!(task(id).state, TaskState::Queued);
		set_minute(480);
		// A machine that opens tells nobody: the task is looked at every 5 blocks.
		run_to(now() + 7);
		assert_eq!(workers_of(id), vec![0]);
	});
}

#[test]
fn running_task_is_not_ended_by_the_hours() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, within(480, 1_080));
		set_minute(1_079);
		let id = submit_and_draw(spec(1));
		set_minute(1_200);
		run_to(now() + 3);
		attest(id, 0, digest(1, 5));
		assert_eq!(task(id).state, TaskState::Settled);
	});
}

#[test]
fn machine_takes_no_task_below_its_least_fuel() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, Offer { task_min_fuel: 10 * GFUEL + 1, ..Offer::at(DRGN) });
		let id = submit_and_draw(spec(1));
		assert_eq!(task(id).state, TaskState::Queued);
		set_offer(0, Offer { task_min_fuel: 10 * GFUEL, ..Offer::at(DRGN) });
		run_to(now() + 4);
		assert_eq!(workers_of(id), vec![0]);
	});
}

#[test]
fn running_task_keeps_the_price_that_it_was_drawn_at() {
	build_and_execute(|| {
		add_worker(0, 2 * DRGN);
		let before = free(&submitter());
		let id = submit_and_draw(spec(1));
		set_offer(0, Offer::at(9 * DRGN));
		attest(id, 0, digest(1, GFUEL));
		assert_eq!(free(&submitter()), before - 2 * DRGN);
	});
}

#[test]
fn quote_counts_what_machines_ask_of_tasks() {
	build_and_execute(|| {
		for worker in 0..4 {
			add_worker(worker, DRGN);
		}
		set_minute(600);
		// 100 Gfuel at 9 DRGN may earn more than the bond covers.
		let mut large = spec(1);
		large.fuel_limit = 100 * GFUEL;
		set_offer(1, Offer { task_min_fuel: 100 * GFUEL + 1, ..Offer::at(DRGN) });
		set_offer(2, within(0, 600));
		set_offer(3, Offer::at(9 * DRGN));
		let report = TaskMatching::quote(large).unwrap().supply;
		assert_eq!((report.machines, report.looked_at, report.fitting), (4, 4, 1));
		assert_eq!(
			passing(&report),
			[(Misfit::TaskTooSmall, 3), (Misfit::Closed, 2), (Misfit::BondTooLow, 1)]
				.map(|(misfit, left)| (misfit.asset().to_string(), left))
		);
	});
}

#[test]
fn a_machine_gets_no_task_of_a_kind_that_it_refuses() {
	build_and_execute(|| {
		for worker in 0..2 {
			add_worker(worker, DRGN);
		}
		set_offer(0, refusing(TaskKinds::SINGLE));
		set_offer(1, Offer { price_per_gfuel: 2 * DRGN, ..refusing(TaskKinds::RESTRICTED) });
		for worker in 0..2 {
			set_site(worker, b"DE", EnergySource::Grid, false);
		}
		assert_eq!(drawn_for(spec(1)), Some(1), "the other one takes no task alone");
		let mut double = spec(2);
		let id = submit_and_draw(double.clone());
		assert_eq!(workers_of(id).len(), 2);
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
		double.requirements.region = Some(Region(*b"DE"));
		assert_eq!(drawn_for(double.clone()), None, "one of them takes no restricted task");
		let report = TaskMatching::quote(double).unwrap().supply;
		assert_eq!(passing(&report), [(Misfit::KindRefused.asset().to_string(), 1)]);
	});
}

#[test]
fn a_machine_that_refuses_dependent_tasks_gets_only_those_that_take_no_results() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, refusing(TaskKinds::DEPENDENT));
		let job = submit_job(spec(1), &[(0, 0), (0, 1)]);
		run_to(3);
		settle(job);
		run_to(8);
		assert_eq!((state(job + 1), task(job + 1).ticket.is_some()), (TaskState::Queued, true));
		set_offer(0, Offer::at(DRGN));
		run_to(10);
		assert_eq!(workers_of(job + 1), vec![0]);
	});
}

#[test]
fn a_machine_gets_no_task_that_may_take_longer_than_it_says() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, Offer { task_max_blocks: 9, ..Offer::at(DRGN) });
		assert_eq!(drawn_for(spec(1)), None);
		let report = TaskMatching::quote(spec(1)).unwrap().supply;
		assert_eq!(passing(&report), [(Misfit::TaskTooLong.asset().to_string(), 0)]);
		set_offer(0, Offer { task_max_blocks: 10, ..Offer::at(DRGN) });
		assert_eq!(drawn_for(spec(1)), Some(0));
		set_offer(0, Offer { task_max_blocks: 0, ..Offer::at(DRGN) });
		assert_eq!(drawn_for(spec(1)), Some(0));
	});
}

#[test]
fn a_task_that_names_a_region_goes_to_a_machine_that_stands_there() {
	build_and_execute(|| {
		for worker in 0..3 {
			add_worker(worker, DRGN * u128::from(1 + worker));
		}
		set_site(1, b"FR", EnergySource::Undeclared, false);
		set_site(2, b"DE", EnergySource::Undeclared, false);
		let mut local = spec(1);
		local.requirements.region = Some(Region(*b"DE"));
		assert_eq!(drawn_for(local.clone()), Some(2));
		assert_eq!(drawn_for(spec(1)), Some(0), "any region will do");
		local.requirements.region = Some(Region(*b"IT"));
		assert_eq!(drawn_for(local), None);
	});
}

#[test]
fn p4_a_source_of_energy_counts_only_where_it_is_attested() {
	build_and_execute(|| {
		for worker in 0..2 {
			add_worker(worker, DRGN * u128::from(1 + worker));
		}
		set_site(0, b"DE", EnergySource::Renewable, false);
		set_site(1, b"DE", EnergySource::Renewable, true);
		let mut green = spec(1);
		green.requirements.energy = Some(EnergySource::Renewable);
		assert_eq!(drawn_for(green.clone()), Some(1));
		set_site(0, b"DE", EnergySource::Renewable, true);
		assert_eq!(drawn_for(green.clone()), Some(0));
		// Who moves or changes the source has it attested anew.
		set_site(0, b"FR", EnergySource::Renewable, false);
		assert_eq!(drawn_for(green), Some(1));
	});
}

#[test]
fn the_greenest_machine_wins_where_the_policy_says_so_and_the_cheapest_among_equals() {
	build_and_execute(|| {
		let sources = [
			EnergySource::Fossil,
			EnergySource::Undeclared,
			EnergySource::Grid,
			EnergySource::Nuclear,
			EnergySource::Renewable,
			EnergySource::Renewable,
		];
		for (worker, energy) in (0..).zip(sources) {
			add_worker(worker, DRGN * u128::from(1 + worker));
			set_site(worker, b"DE", energy, true);
		}
		let green = TaskSpec { matching: MatchingPolicy::Greenest, ..spec(1) };
		for winner in [4, 5, 3, 2, 1, 0] {
			assert_eq!(drawn_for(green.clone()), Some(winner));
			assert_ok!(NodeRegistry::pause(signed(provider(winner)), winner));
			go_offline(winner);
		}
		assert_eq!(drawn_for(green), None);
	});
}

#[test]
fn what_a_machine_comes_to_ask_does_not_end_what_it_runs() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit_and_draw(spec(1));
		set_offer(
			0,
			Offer { task_max_blocks: 1, task_min_fuel: u64::MAX, ..refusing(TaskKinds::SINGLE) },
		);
		settle(id);
		assert_eq!(state(id), TaskState::Settled);
	});
}
