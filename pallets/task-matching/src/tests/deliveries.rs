//! Results that come together: all of them or none, for what single calls would pay.

use crate::{mock::*, Call, Error, Jobs, SupplyPlaces, WeightInfo};
use aidragon_primitives::{
	attestation::{Deliveries, Delivery, DELIVERIES_MAX},
	state::TaskState,
	task::TaskSpec,
	worker::{Capacity, Worker},
	Balance, TaskId, WorkerId, DRGN, GFUEL,
};
use codec::{Decode, Encode};
use frame_support::{
	assert_noop, assert_ok,
	dispatch::{CheckIfFeeless, DispatchResultWithPostInfo, GetDispatchInfo},
};
use sp_runtime::DispatchError::{self, BadOrigin};

/// A task that costs at most 1 DRGN, with time enough.
fn cheap() -> TaskSpec {
	TaskSpec { fuel_limit: GFUEL, price_cap_per_gfuel: DRGN, execution_blocks: 60, ..spec(1) }
}

/// Machine 0, which gets all that it can hold.
fn add_host() {
	add_large_worker(0, DRGN / 2, Capacity::cpu(100, 1 << 17));
}

/// What machine 0 delivers of these tasks.
fn of_host(ids: impl IntoIterator<Item = TaskId>) -> Vec<Delivery> {
	ids.into_iter().map(|id| delivery(id, 0, result_of(id))).collect()
}

fn deliver_as(worker: WorkerId, deliveries: Vec<Delivery>) -> DispatchResultWithPostInfo {
	TaskMatching::attest_results(signed(hot_key(worker)), deliveries.try_into().unwrap())
}

fn call(deliveries: Vec<Delivery>) -> RuntimeCall {
	RuntimeCall::TaskMatching(Call::attest_results { deliveries: deliveries.try_into().unwrap() })
}

/// A job of four tasks, one of two of which the second takes the first one's result, and a task by itself; what of them runs.
fn several_jobs() -> Vec<TaskId> {
	add_host();
	let plain = submit_job(cheap(), &[(0, 0); 4]);
	let flow = submit_job(cheap(), &[(0, 0), (0, 1)]);
	let alone = submit(cheap());
	run_to(now() + 2);
	let ids: Vec<TaskId> = (plain..plain + 4).chain([flow, alone]).collect();
	assert!(ids.iter().all(|id| workers_of(*id) == [0]));
	ids
}

/// Everything that a delivery may change.
type Outcome = ([Balance; 4], Worker<AccountId>, Vec<(TaskId, TaskState, Balance)>, Vec<u8>);

/// What becomes of tasks of several jobs, some blocks after they are delivered in some way.
fn outcome(deliver: impl FnOnce(Vec<TaskId>)) -> Outcome {
	new_test_ext().execute_with(|| {
		let ids = several_jobs();
		deliver(ids.clone());
		check_invariants();
		let tasks = ids.iter().map(|id| (*id, state(*id), task(*id).paid)).collect();
		run_to(now() + 4);
		check_invariants();
		let money = [submitter(), provider(0), account(250)].map(|who| free(&who));
		let jobs: Vec<_> = (0..7).map(Jobs::<Test>::get).collect();
		let [one, two, three] = money;
		let events = System::events().into_iter().map(|record| record.event).collect::<Vec<_>>();
		([one, two, three, at_stake(0)], worker(0), tasks, (jobs, events, supplied(0)).encode())
	})
}

#[test]
fn p2_results_of_several_jobs_are_settled_together_as_they_would_be_one_by_one() {
	let one_by_one = outcome(|ids| ids.into_iter().for_each(settle));
	let together = outcome(|ids| {
		assert_ok!(deliver_as(0, of_host(ids)));
	});
	assert_eq!(one_by_one, together);
	// Half a DRGN each.
	assert!(together.2.iter().all(|task| (task.1, task.2) == (TaskState::Settled, DRGN / 2)));
}

#[test]
fn the_machine_is_free_at_once_and_the_supply_looks_at_it_once() {
	build_and_execute(|| {
		let ids = several_jobs();
		let (idle, all) = (supplied(0).unwrap().cpu_milli + 6_000, of_host(ids.clone()));
		CapabilityLooks::set(0);
		settle(ids[0]);
		let looks_of_one = CapabilityLooks::take();
		assert!(looks_of_one > 0);
		assert_ok!(deliver_as(0, all[1..].to_vec()));
		assert_eq!(CapabilityLooks::take(), looks_of_one);
		assert_eq!((worker(0).running, at_stake(0)), (0, 0));
		assert_eq!(supplied(0).map(|free| free.cpu_milli), Some(idle));
		assert!(SupplyPlaces::<Test>::contains_key(0));
	});
}

#[test]
fn what_follows_from_a_result_goes_on_in_the_next_block() {
	build_and_execute(|| {
		let ids = several_jobs();
		let behind = ids[4] + 1;
		assert_eq!(state(behind), TaskState::Blocked);
		assert_ok!(deliver_as(0, of_host(ids)));
		run_to(now() + 1);
		assert_eq!(state(behind), TaskState::Queued);
	});
}

#[test]
fn thirty_two_are_delivered_at_once_and_more_do_not_decode() {
	build_and_execute(|| {
		add_host();
		let most = u64::from(DELIVERIES_MAX);
		let job = submit_job(cheap(), &[(0, 0); 33]);
		run_to(3);
		let all = of_host(job..job + most + 1);
		assert!(Deliveries::decode(&mut all.encode().as_slice()).is_err());
		assert!(Deliveries::decode(&mut all[1..].encode().as_slice()).is_ok());
		assert_ok!(deliver_as(0, all[..most as usize].to_vec()));
		assert!((job..job + most).all(|id| state(id) == TaskState::Settled));
		assert_eq!((state(job + most), worker(0).running), (TaskState::Assigned, 1));
	});
}

/// One refused delivery, before and behind one that is as it should be.
fn assert_refused(good: TaskId, bad: Delivery, error: Error<Test>) {
	let expected = DispatchError::from(error);
	let good = delivery(good, 0, result_of(good));
	for both in [vec![good, bad], vec![bad, good], vec![bad]] {
		assert!(!call(both.clone()).is_feeless(&signed(hot_key(0))));
		assert_noop!(deliver_as(0, both), expected);
	}
}

#[test]
fn no_result_at_all_is_refused() {
	build_and_execute(|| {
		add_host();
		assert_noop!(deliver_as(0, vec![]), Error::<Test>::NothingDelivered);
		assert!(!call(vec![]).is_feeless(&signed(hot_key(0))));
	});
}

#[test]
fn a_task_that_is_named_twice_is_refused() {
	build_and_execute(|| {
		let ids = several_jobs();
		let twice = of_host([ids[0], ids[1], ids[0]]);
		assert_noop!(deliver_as(0, twice.clone()), Error::<Test>::AlreadyDelivered);
		assert!(!call(twice).is_feeless(&signed(hot_key(0))));
		// Also where the two say different things.
		let both = vec![of_host([ids[0]])[0], delivery(ids[0], 0, digest(9, 5))];
		assert_noop!(deliver_as(0, both), Error::<Test>::AlreadyDelivered);
	});
}

#[test]
fn one_task_that_is_not_the_machines_own_refuses_all() {
	build_and_execute(|| {
		let good = several_jobs()[0];
		add_large_worker(1, DRGN, Capacity::cpu(300, 1 << 18));
		let mut large = cheap();
		large.requirements.resources.cpu_milli = 200_000;
		let other = submit_and_draw(large);
		let double = submit_and_draw(TaskSpec { replicas: 2, ..cheap() });
		assert_eq!((workers_of(other), workers_of(double).len()), (vec![1], 2));
		let of = |id, worker| delivery(id, worker, result_of(id));
		assert_refused(good, of(other, 1), Error::<Test>::NotAssigned);
		assert_refused(good, of(double, 0), Error::<Test>::SeveralReplicas);
		let mut unknown = of(good, 0);
		unknown.attestation.task = 9_999;
		assert_refused(good, unknown, Error::<Test>::NoSuchTask);
	});
}

#[test]
fn one_false_statement_refuses_all() {
	build_and_execute(|| {
		let ids = several_jobs();
		let mut forged = delivery(ids[1], 0, digest(1, 5));
		forged.signature = sign(1, &forged.attestation);
		assert_refused(ids[0], forged, Error::<Test>::BadSignature);
		let mut changed = delivery(ids[1], 0, digest(1, 5));
		changed.attestation.result.output_bytes = 2;
		assert_refused(ids[0], changed, Error::<Test>::BadSignature);
		let beyond = delivery(ids[1], 0, digest(1, GFUEL + 1));
		assert_refused(ids[0], beyond, Error::<Test>::LimitsExceeded);
		let mut other = attestation(ids[1], 0, digest(1, 5));
		other.attempt += 1;
		let other = Delivery { attestation: other, signature: sign(0, &other) };
		assert_refused(ids[0], other, Error::<Test>::AttestationMismatch);
	});
}

#[test]
fn one_task_that_moved_on_refuses_all() {
	build_and_execute(|| {
		let ids = several_jobs();
		let of = |id| delivery(id, 0, result_of(id));
		let [settled, cancelled] = [of(ids[1]), of(ids[2])];
		settle(ids[1]);
		assert_refused(ids[0], settled, Error::<Test>::AlreadyDelivered);
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), ids[2]));
		assert_refused(ids[0], cancelled, Error::<Test>::WrongState);
	});
}

#[test]
fn one_task_whose_time_is_over_refuses_all() {
	build_and_execute(|| {
		let good = several_jobs()[0];
		let late = submit_and_draw(TaskSpec { execution_blocks: 10, ..cheap() });
		let closes_at = task(late).wake_at;
		assert!(closes_at < task(good).wake_at);
		let bad = delivery(late, 0, result_of(late));
		run_to(closes_at - 1);
		assert!(call(vec![bad]).is_feeless(&signed(hot_key(0))));
		// The agenda of the closing block did not run yet, but the time is over.
		System::set_block_number(u64::from(closes_at));
		assert_refused(good, bad, Error::<Test>::TooLate);
		System::set_block_number(u64::from(closes_at) - 1);
	});
}

#[test]
fn p9_only_the_hot_key_of_the_machine_delivers() {
	build_and_execute(|| {
		let all = of_host(several_jobs());
		add_large_worker(1, DRGN, Capacity::cpu(8, 1 << 13));
		let deliver =
			|origin| TaskMatching::attest_results(origin, all.clone().try_into().unwrap());
		for who in [provider(0), submitter(), account(99)] {
			assert_noop!(deliver(signed(who.clone())), Error::<Test>::NotAHotKey);
			assert!(!call(all.clone()).is_feeless(&signed(who)));
		}
		assert_noop!(deliver(signed(hot_key(1))), Error::<Test>::NotAssigned);
		for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
			assert!(!call(all.clone()).is_feeless(&origin));
			assert_noop!(deliver(origin), BadOrigin);
		}
	});
}

#[test]
fn deliveries_are_free_where_all_make_progress() {
	build_and_execute(|| {
		let ids = several_jobs();
		let all = of_host(ids.clone());
		assert!(call(all.clone()).is_feeless(&signed(hot_key(0))));
		assert!(!call(all.clone()).is_feeless(&signed(hot_key(1))));
		assert_ok!(deliver_as(0, all[..1].to_vec()));
		assert!(!call(all.clone()).is_feeless(&signed(hot_key(0))));
		assert!(call(all[1..].to_vec()).is_feeless(&signed(hot_key(0))));
		assert_ok!(deliver_as(0, all[1..].to_vec()));
		assert!(!call(all[1..].to_vec()).is_feeless(&signed(hot_key(0))));
	});
}

#[test]
fn p6_tasks_of_one_job_take_less_weight_than_those_of_several() {
	build_and_execute(|| {
		let ids = several_jobs();
		// Of three jobs, in any order.
		let all = of_host([ids[5], ids[0], ids[4], ids[1], ids[3]]);
		let most = call(all.clone()).get_dispatch_info().call_weight;
		assert_eq!(most, <() as WeightInfo>::attest_results(5, 0));
		let done = deliver_as(0, all).unwrap().actual_weight.unwrap();
		assert_eq!(done, <() as WeightInfo>::attest_results(3, 2));
		assert!(done.all_lte(most), "{done:?} {most:?}");
		let last = deliver_as(0, of_host([ids[2]])).unwrap();
		assert_eq!(last.actual_weight, Some(<() as WeightInfo>::attest_results(1, 0)));
	});
}
