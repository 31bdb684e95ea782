//! P9: only a machine's own hot key takes part in its challenge.

use crate::{mock::*, Call, Error};
use aidragon_primitives::{
	audit::Entry,
	challenge::{Commitment, MatrixSize},
	memory::MemoryCommitment,
	verification::{Answer, Committed, Slot, REQUEST_INTERVAL_BLOCKS},
};
use frame_support::{assert_noop, assert_ok, traits::GetCallName};
use sp_runtime::{traits::Dispatchable, DispatchError};

fn calls() -> Vec<Call<Test>> {
	vec![
		Call::request_challenge { slot: Slot::Processor },
		Call::commit_challenge {
			committed: Committed::Run(Commitment {
				size: MatrixSize::N512,
				rounds: 1,
				root: [0; 32],
			}),
		},
		Call::submit_openings { answer: Answer::Run(Default::default()), archive: archive() },
		Call::confirm_audit { worker: WORKER, slot: Slot::Processor },
		Call::report_entry {
			worker: WORKER,
			slot: Slot::Processor,
			index: 0,
			entry: Entry::Run(Default::default()),
			path: Default::default(),
		},
	]
}

/// The same about a memory.
fn memory_calls() -> Vec<Call<Test>> {
	let fill = MemoryCommitment { memory_mib: 64, root: [0; 32] };
	vec![
		Call::request_challenge { slot: Slot::Memory },
		Call::commit_challenge { committed: Committed::Fill(fill) },
		Call::submit_openings { answer: Answer::Fill(Default::default()), archive: archive() },
		Call::confirm_audit { worker: WORKER, slot: Slot::Memory },
		Call::report_entry {
			worker: WORKER,
			slot: Slot::Memory,
			index: 0,
			entry: Entry::Fill(Default::default()),
			path: Default::default(),
		},
	]
}

#[test]
fn p9_every_call_refuses_no_signer_and_root() {
	build_and_execute(|| {
		seed_is_known();
		let names: Vec<_> = calls().iter().map(|call| call.get_call_name()).collect();
		assert_eq!(names, Call::<Test>::get_call_names());
		for call in calls().into_iter().chain(memory_calls()) {
			for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
				assert_noop!(
					RuntimeCall::from(call.clone()).dispatch(origin),
					DispatchError::BadOrigin
				);
			}
		}
	});
}

#[test]
fn p9_every_call_but_a_report_refuses_who_is_no_hot_key() {
	build_and_execute(|| {
		seed_is_known();
		for call in calls().into_iter().chain(memory_calls()) {
			let expected = match call.get_call_name() {
				// The chain checks what it is shown, whoever shows it.
				"report_entry" => Error::<Test>::NoAudit,
				_ => Error::<Test>::NotAHotKey,
			};
			assert_noop!(
				RuntimeCall::from(call).dispatch(RuntimeOrigin::signed(STRANGER)),
				expected
			);
		}
	});
}

#[test]
fn p9_another_machine_cannot_answer_a_challenge() {
	build_and_execute(|| {
		seed_is_known();
		let run = honest_run();
		let other = || RuntimeOrigin::signed(OTHER_HOT_KEY);
		let committed = Committed::Run(run.commitment());
		assert_noop!(
			ResourceVerification::commit_challenge(other(), committed),
			Error::<Test>::NoChallenge
		);
		assert_ok!(ResourceVerification::commit_challenge(machine(), committed));
		run_to(5);
		assert_noop!(
			ResourceVerification::submit_openings(other(), bounded(open(&run)), archive()),
			Error::<Test>::NoChallenge
		);
	});
}

#[test]
fn p9_another_machine_cannot_have_an_auditors_word() {
	build_and_execute(|| {
		let audit = pass(&committed_run(), archive(), 1..4);
		for stranger in (0..51).filter(|worker| !audit.auditors.contains(worker)) {
			let refused =
				ResourceVerification::confirm_audit(machine_of(stranger), WORKER, Slot::Processor);
			assert_noop!(refused, Error::<Test>::NotAuditor);
		}
		// So nobody else ends the machine's wait either.
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		let request = || ResourceVerification::request_challenge(machine(), Slot::Processor);
		assert_noop!(request(), Error::<Test>::AuditPending);
		let auditor = machine_of(audit.auditors[0]);
		assert_ok!(ResourceVerification::confirm_audit(auditor, WORKER, Slot::Processor));
		assert_ok!(request());
	});
}
