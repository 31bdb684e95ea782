//! Cancelling: what machines have done is paid, the rest returns, at any state.

use crate::{mock::*, Error, Event, WeightInfo};
use aidragon_primitives::{
	state::TaskState,
	task::{DeclineReason, TaskSpec},
	worker::{EnergySource, Region, Site},
	Balance, DRGN, GFUEL,
};
use frame_support::{assert_noop, assert_ok, traits::fungible::Inspect};
use pallet_token_rewards::ProviderPoints;

fn cancel(id: u64) {
	assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
}

/// What everybody has who takes part, on hold or not.
fn money() -> Balance {
	let accounts = [submitter(), account(250)].into_iter().chain((0..4).map(provider));
	accounts.map(|who| <Balances as Inspect<AccountId>>::total_balance(&who)).sum()
}

/// What a provider earned since it had `before`.
fn earned(worker: u32, before: &[Balance; 4]) -> Balance {
	free(&provider(worker)) - before[worker as usize]
}

/// What providers have.
fn purses() -> [Balance; 4] {
	[0, 1, 2, 3].map(|worker| free(&provider(worker)))
}

/// What is left of an amount after the protocol's share.
fn net(gross: Balance) -> Balance {
	gross * 95 / 100
}

/// Three machines at 1, 2 and 3 DRGN that have a task of 10 Gfuel.
fn three() -> u64 {
	for worker in 0..3 {
		add_worker(worker, DRGN * u128::from(1 + worker));
	}
	submit_and_draw(spec(3))
}

#[test]
fn p2_a_machine_at_work_is_paid_for_the_part_of_its_time_that_is_over() {
	for (blocks, tenths) in [(0, 0), (1, 1), (4, 4), (9, 9)] {
		build_and_execute(|| {
			add_worker(0, 2 * DRGN);
			let (before, purses) = (free(&submitter()), purses());
			let id = submit_and_draw(spec(1));
			run_to(now() + blocks);
			cancel(id);
			// At most 10 Gfuel at 2 DRGN.
			let gross = 20 * DRGN * tenths / 10;
			assert_eq!(earned(0, &purses), net(gross));
			assert_eq!(free(&submitter()), before - gross);
			assert_eq!(
				(task(id).paid, task(id).escrow, state(id)),
				(gross, 0, TaskState::Cancelled)
			);
			let refunded = 100 * DRGN - gross;
			let paid = gross;
			assert_eq!(
				finished(id),
				Some(
					Event::TaskFinished { task: id, state: TaskState::Cancelled, paid, refunded }
						.into()
				)
			);
		});
	}
}

#[test]
fn p2_a_machine_whose_time_is_long_over_is_paid_the_most_that_the_task_allows_and_no_more() {
	build_and_execute(|| {
		add_worker(0, 10 * DRGN);
		let purses = purses();
		let (id, other) = (submit(spec(1)), submit(spec(1)));
		run_to(3);
		// The agenda lags behind.
		System::set_block_number(60);
		cancel(id);
		assert_eq!(earned(0, &purses), net(100 * DRGN));
		assert_eq!((task(id).escrow, task(other).escrow), (0, 100 * DRGN));
		System::set_block_number(3);
	});
}

#[test]
fn p2_a_machine_that_is_bound_is_paid_the_most_that_the_task_allows() {
	build_and_execute(|| {
		let id = three();
		let (before, purses) = (free(&submitter()), purses());
		run_to(now() + 3);
		commit(id, 1, digest(1, GFUEL));
		run_to(now() + 2);
		cancel(id);
		// 10 Gfuel at 2 DRGN, and half of that at 1 and at 3.
		assert_eq!(
			[0, 1, 2].map(|worker| earned(worker, &purses)),
			[5, 20, 15].map(|n| net(n * DRGN))
		);
		assert_eq!(free(&submitter()), before + (300 - 40) * DRGN);
	});
}

#[test]
fn p2_a_machine_whose_result_is_known_is_paid_its_fuel() {
	build_and_execute(|| {
		let id = three();
		let purses = purses();
		for worker in 0..3 {
			commit(id, worker, digest(1, 2 * GFUEL));
		}
		reveal(id, 0, digest(1, 2 * GFUEL));
		cancel(id);
		assert_eq!(
			[0, 1, 2].map(|worker| earned(worker, &purses)),
			[2, 20, 30].map(|n| net(n * DRGN))
		);
		assert_eq!(state(id), TaskState::Cancelled);
		assert_eq!(task(id).result, None);
	});
}

#[test]
fn p2_a_machine_that_is_bound_while_another_is_awaited_is_paid() {
	build_and_execute(|| {
		for worker in 0..2 {
			add_worker(worker, DRGN);
		}
		let purses = purses();
		let id = submit_and_draw(spec(2));
		commit(id, 0, digest(1, GFUEL));
		let reason = DeclineReason::HostFault;
		assert_ok!(TaskMatching::decline_task(signed(hot_key(1)), id, reason));
		run_to(now() + 3);
		// Queued again, in a queue, with one machine that is bound.
		assert_eq!((state(id), workers_of(id)), (TaskState::Queued, vec![0]));
		assert!(task(id).ticket.is_some());
		cancel(id);
		assert_eq!([0, 1].map(|worker| earned(worker, &purses)), [net(10 * DRGN), 0]);
		assert_eq!(crate::Waiting::<Test>::iter().count(), 0);
	});
}

#[test]
fn p2_cancelling_what_nobody_has_returns_everything() {
	build_and_execute(|| {
		let before = free(&submitter());
		let job = submit_job(spec(3), &[(0, 0), (0, 1), (0, 0)]);
		cancel(job + 1);
		cancel(job);
		run_to(5);
		assert!(task(job + 2).ticket.is_some());
		cancel(job + 2);
		assert_eq!(free(&submitter()), before);
		assert!((job..job + 3).all(|id| state(id) == TaskState::Cancelled));
	});
}

#[test]
fn p1_whatever_the_progress_nothing_is_created_or_lost() {
	// How far each of three machines is: at work, bound, or given back.
	for steps in 0..27u32 {
		build_and_execute(|| {
			let id = three();
			let before = money();
			run_to(now() + steps % 5);
			for worker in 0..3u32 {
				match steps / 3u32.pow(worker) % 3 {
					0 => {}
					1 => {
						let statement = attestation(id, worker, digest(worker as u8 / 2, GFUEL));
						let commitment = statement.commitment(&salt(worker));
						let _ =
							TaskMatching::commit_result(signed(hot_key(worker)), id, commitment);
					}
					_ => {
						let reason = DeclineReason::HostFault;
						let _ = TaskMatching::decline_task(signed(hot_key(worker)), id, reason);
					}
				}
			}
			if state(id) == TaskState::Committed {
				let first = workers_of(id)[0];
				reveal(id, first, digest(first as u8 / 2, GFUEL));
			}
			cancel(id);
			assert_eq!(money(), before);
			assert_eq!(on_hold_for_tasks(), 0);
			assert_eq!([0, 1, 2].map(at_stake), [0; 3]);
		});
	}
}

#[test]
fn p3_capacity_and_bond_are_free_in_the_block_of_the_cancellation() {
	build_and_execute(|| {
		let id = three();
		let shown = [0, 1, 2].map(|worker| supplied(worker).unwrap().cpu_milli);
		assert_eq!(shown, [3_000; 3]);
		commit(id, 0, digest(1, GFUEL));
		cancel(id);
		for machine in 0..3 {
			assert_eq!((worker(machine).running, at_stake(machine)), (0, 0));
			assert_eq!(supplied(machine).unwrap().cpu_milli, 4_000);
		}
		assert_eq!(crate::Assignments::<Test>::iter().count(), 0);
	});
}

#[test]
fn p8_a_machine_whose_task_was_cancelled_has_done_nothing_wrong() {
	build_and_execute(|| {
		let id = three();
		commit(id, 0, digest(1, GFUEL));
		let scores = [0, 1, 2].map(|n| worker(n).availability.score_ppm);
		run_to(now() + 1);
		cancel(id);
		for machine in 0..3 {
			let record = worker(machine);
			assert_eq!((record.missed, record.accepted, is_online(machine)), (0, 0, true));
			assert!(record.availability.score_ppm >= scores[machine as usize]);
		}
	});
}

#[test]
fn nothing_can_be_delivered_for_a_task_that_was_cancelled() {
	build_and_execute(|| {
		let id = three();
		for worker in 0..2 {
			commit(id, worker, digest(1, GFUEL));
		}
		cancel(id);
		let statement = attestation(id, 0, digest(1, GFUEL));
		let (signature, money) = (sign(0, &statement), free(&provider(0)));
		assert_noop!(
			TaskMatching::commit_result(signed(hot_key(2)), id, [1; 32]),
			Error::<Test>::WrongState
		);
		assert_noop!(
			TaskMatching::reveal_result(signed(hot_key(0)), id, statement, signature, salt(0)),
			Error::<Test>::WrongState
		);
		assert_noop!(
			TaskMatching::decline_task(signed(hot_key(2)), id, DeclineReason::HostFault),
			Error::<Test>::WrongState
		);
		run_to(now() + 40);
		assert_eq!((state(id), free(&provider(0))), (TaskState::Cancelled, money));
	});
}

#[test]
fn p2_cancelling_twice_and_after_the_end_is_refused() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let ids = [(); 2].map(|()| submit(spec(1)));
		run_to(3);
		settle(ids[0]);
		cancel(ids[1]);
		for id in ids {
			assert_noop!(
				TaskMatching::cancel_task(signed(submitter()), id),
				Error::<Test>::AlreadyOver
			);
		}
		let expired =
			submit_and_draw(TaskSpec { deadline_blocks: 24, price_cap_per_gfuel: 1, ..spec(1) });
		run_to(job(expired).deadline);
		assert_noop!(
			TaskMatching::cancel_task(signed(submitter()), expired),
			Error::<Test>::AlreadyOver
		);
		run_to(now() + RETENTION);
		assert_noop!(
			TaskMatching::cancel_task(signed(submitter()), expired),
			Error::<Test>::NoSuchTask
		);
	});
}

#[test]
fn a_task_that_is_settled_and_cancelled_in_one_block_is_paid_once() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let before = free(&submitter());
		let id = submit_and_draw(spec(1));
		cancel(id);
		let statement = attestation(id, 0, digest(1, GFUEL));
		let signature = sign(0, &statement);
		assert_noop!(
			TaskMatching::attest_result(signed(hot_key(0)), id, statement, signature),
			Error::<Test>::WrongState
		);
		assert_eq!(free(&submitter()), before, "nothing of its time was over");
	});
}

#[test]
fn p7_a_task_that_names_a_region_earns_points_neither_cancelled_nor_settled() {
	for region in [None, Some(Region(*b"DE"))] {
		build_and_execute(|| {
			add_worker(0, DRGN);
			let site = Site { region: Some(Region(*b"DE")), energy: EnergySource::Grid };
			assert_ok!(NodeRegistry::declare_site(signed(provider(0)), 0, site));
			let purses = purses();
			let mut spec = spec(1);
			spec.requirements.region = region;
			let settled = submit_and_draw(spec.clone());
			settle(settled);
			let cancelled = submit_and_draw(spec);
			run_to(now() + 5);
			cancel(cancelled);
			// Paid it is in both cases: 1 Gfuel, and half of 10.
			assert_eq!(earned(0, &purses), net(6 * DRGN));
			let points: Balance = ProviderPoints::<Test>::iter_values().sum();
			assert_eq!(points, if region.is_none() { 6 * DRGN * 5 / 100 } else { 0 });
		});
	}
}

#[test]
fn p6_cancelling_takes_less_weight_where_no_machine_had_the_task() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let ids = [(); 2].map(|()| submit(spec(1)));
		let weight = |id| TaskMatching::cancel_task(signed(submitter()), id).unwrap().actual_weight;
		assert_eq!(weight(ids[0]), Some(<() as WeightInfo>::cancel_idle_task()));
		run_to(3);
		assert_eq!(weight(ids[1]), None);
	});
}

#[test]
fn a_machine_that_is_drawn_late_is_paid_from_its_own_draw_on() {
	build_and_execute(|| {
		let id = submit_and_draw(spec(1));
		run_to(20);
		add_worker(0, DRGN);
		let purses = purses();
		run_to(25);
		assert_eq!(task(id).replicas[0].beacon_block, 22);
		cancel(id);
		assert_eq!(earned(0, &purses), net(3 * DRGN));
	});
}
