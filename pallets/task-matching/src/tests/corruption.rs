//! Every invariant notices when storage is wrong.

use crate::{mock::*, *};
use aidragon_primitives::{state::TaskState, DRGN};

/// Corrupts a chain with one running and one finished task, and expects the check to say `complaint`.
fn expect(complaint: &'static str, corrupt: impl FnOnce(u64, u64)) {
	build_and_execute(|| {
		add_worker(0, DRGN);
		add_worker(1, DRGN);
		let finished = submit_and_draw(spec(1));
		attest(finished, workers_of(finished)[0], digest(1, 5));
		let running = submit_and_draw(spec(2));
		let outcome = frame_support::storage::with_transaction(|| {
			corrupt(running, finished);
			let outcome = TaskMatching::do_try_state();
			sp_runtime::TransactionOutcome::Rollback(Ok::<_, sp_runtime::DispatchError>(outcome))
		});
		let error = outcome.unwrap().unwrap_err();
		assert!(format!("{error:?}").contains(complaint), "{error:?}");
	});
}

fn edit(id: u64, change: impl FnOnce(&mut aidragon_primitives::task::Task<AccountId>)) {
	Tasks::<Test>::mutate(id, |task| change(task.as_mut().unwrap()));
}

#[test]
fn p1_escrow_that_is_not_on_hold_is_noticed() {
	expect("escrow differs", |running, _| edit(running, |task| task.escrow += 1));
}

#[test]
fn p2_money_on_hold_for_a_task_that_is_over_is_noticed() {
	expect("over has money on hold", |running, _| {
		edit(running, |task| task.state = TaskState::Settled)
	});
}

#[test]
fn p3_a_task_that_outlives_its_deadline_is_noticed() {
	expect("after its deadline", |running, _| edit(running, |task| task.deadline = 1));
}

#[test]
fn p3_a_task_that_nobody_will_look_at_is_noticed() {
	expect("not on the agenda", |running, _| {
		Agenda::<Test>::remove((task(running).wake_at, 0));
	});
}

#[test]
fn an_unknown_number_is_noticed() {
	expect("number that was not given out", |_, _| NextTaskId::<Test>::put(1));
}

#[test]
fn p5_two_replicas_of_one_provider_are_noticed() {
	expect("belong to one provider", |running, _| {
		edit(running, |task| task.replicas[0].provider = task.replicas[1].provider.clone())
	});
}

#[test]
fn a_lost_assignment_is_noticed() {
	expect("not among its machine's assignments", |running, _| {
		Assignments::<Test>::remove(0, running)
	});
}

#[test]
fn an_assignment_without_task_is_noticed() {
	expect("no live task", |_, _| Assignments::<Test>::insert(0, 77, ()));
}

#[test]
fn a_task_that_rests_with_all_results_known_is_noticed() {
	expect("not evaluated", |running, _| {
		edit(running, |task| {
			for replica in task.replicas.iter_mut() {
				replica.progress = aidragon_primitives::task::Progress::Revealed(digest(1, 5));
			}
		})
	});
}

#[test]
fn a_wrong_bitmap_is_noticed() {
	expect("bitmap", |_, _| SupplyBitmap::<Test>::put(0));
}

#[test]
fn a_gap_in_the_supply_is_noticed() {
	expect("gap", |_, _| SupplySlots::<Test>::remove(SupplyPosition::<Test>::get(0).unwrap()));
}

#[test]
fn a_wrong_place_in_the_supply_is_noticed() {
	expect("place in the supply is wrong", |_, _| {
		SupplyPosition::<Test>::insert(0, (0, 0));
	});
}

#[test]
fn a_machine_that_stands_twice_is_noticed() {
	expect("twice or nowhere", |_, _| SupplyPosition::<Test>::insert(9, (0, 0)));
}
