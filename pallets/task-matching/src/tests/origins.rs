//! P9: who may call what.

use crate::{mock::*, Error};
use aidragon_primitives::{attestation::Delivery, task::DeclineReason, DRGN};
use frame_support::{assert_noop, traits::OriginTrait};
use sp_runtime::DispatchError::BadOrigin;

#[test]
fn p9_unsigned_and_root_are_refused_everywhere() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit_and_draw(spec(1));
		let statement = attestation(id, 0, digest(1, 5));
		let signature = sign(0, &statement);
		for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
			let o = || origin.clone();
			let reason = DeclineReason::HostFault;
			assert_noop!(TaskMatching::submit_task(o(), spec(1), input()), BadOrigin);
			assert_noop!(TaskMatching::cancel_task(o(), id), BadOrigin);
			assert_noop!(TaskMatching::commit_result(o(), id, [0; 32]), BadOrigin);
			assert_noop!(
				TaskMatching::reveal_result(o(), id, statement, signature, [0; 32]),
				BadOrigin
			);
			assert_noop!(TaskMatching::attest_result(o(), id, statement, signature), BadOrigin);
			let all = vec![Delivery { attestation: statement, signature }].try_into().unwrap();
			assert_noop!(TaskMatching::attest_results(o(), all), BadOrigin);
			assert_noop!(TaskMatching::decline_task(o(), id, reason), BadOrigin);
			assert!(origin.as_signer().is_none());
		}
	});
}

#[test]
fn p9_only_the_submitter_cancels() {
	build_and_execute(|| {
		let id = submit(spec(1));
		assert_noop!(TaskMatching::cancel_task(signed(account(2)), id), Error::<Test>::NotYourTask);
		assert_noop!(
			TaskMatching::cancel_task(signed(submitter()), id + 1),
			Error::<Test>::NoSuchTask
		);
	});
}

#[test]
fn p9_only_a_drawn_machines_hot_key_delivers() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		add_worker(1, 2 * DRGN);
		let id = submit_and_draw(spec(1));
		assert_eq!(workers_of(id), vec![0]);
		let statement = attestation(id, 0, digest(1, 5));
		let signature = sign(0, &statement);
		let reason = DeclineReason::HostFault;
		// The provider owns the machine, but the machine delivers.
		for (who, error) in [
			(provider(0), Error::<Test>::NotAHotKey),
			(submitter(), Error::<Test>::NotAHotKey),
			(hot_key(1), Error::<Test>::NotAssigned),
		] {
			let o = || signed(who.clone());
			assert_noop!(TaskMatching::attest_result(o(), id, statement, signature), error);
			let again = || match who == hot_key(1) {
				true => Error::<Test>::NotAssigned,
				false => Error::<Test>::NotAHotKey,
			};
			assert_noop!(TaskMatching::commit_result(o(), id, [0; 32]), again());
			assert_noop!(
				TaskMatching::reveal_result(o(), id, statement, signature, [0; 32]),
				again()
			);
			assert_noop!(TaskMatching::decline_task(o(), id, reason), again());
		}
		assert_noop!(
			TaskMatching::decline_task(signed(hot_key(0)), id + 1, reason),
			Error::<Test>::NoSuchTask
		);
	});
}
