//! P9: a reward is claimed by its provider and by nobody else.

use crate::{mock::*, Call, Error};
use frame_support::{assert_noop, traits::GetCallName};
use sp_runtime::{traits::Dispatchable, DispatchError};

#[test]
fn p9_claim_refuses_no_signer_and_root() {
	build_and_execute(|| {
		earn(PROVIDER, 100);
		go_to_era(1);
		assert_eq!(Call::<Test>::get_call_names(), ["claim_rewards"]);
		for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
			let call = RuntimeCall::from(Call::<Test>::claim_rewards { era: 0 });
			assert_noop!(call.dispatch(origin), DispatchError::BadOrigin);
		}
	});
}

#[test]
fn p9_claim_refuses_who_did_not_earn() {
	build_and_execute(|| {
		earn(PROVIDER, 100);
		go_to_era(1);
		for who in [OTHER, SUBMITTER, TREASURY, NOBODY] {
			assert_noop!(claim(who, 0), Error::<Test>::NothingToClaim);
		}
	});
}
