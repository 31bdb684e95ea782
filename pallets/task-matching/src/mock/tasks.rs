//! Tasks of the tests, and what machines deliver of them.

use super::*;

/// Who submits tasks in the tests.
pub(crate) fn submitter() -> AccountId {
	account(1)
}

/// A task of 1 vCPU and 512 MiB, 10 Gfuel at up to 10 units per Gfuel, 10 blocks to deliver, 100 to live.
pub(crate) fn spec(replicas: u8) -> TaskSpec {
	TaskSpec {
		program: Program {
			kind: ProgramKind::WasiCommand,
			blob: BlobRef { hash: [11; 32], size_bytes: 1_000 },
		},
		source: address(),
		requirements: Requirements {
			resources: Resources::cpu(1_000, 512),
			throughput_min_mops: 0,
			region: None,
			energy: None,
		},
		fuel_limit: 10 * GFUEL,
		output_limit_bytes: 1_000,
		execution_blocks: 10,
		deadline_blocks: 100,
		replicas,
		matching: MatchingPolicy::Cheapest,
		price_cap_per_gfuel: 10 * DRGN,
		retries: 1,
	}
}

pub(crate) fn input() -> BlobRef {
	BlobRef { hash: [12; 32], size_bytes: 5 }
}

/// Submits `spec` and returns the task's number.
pub(crate) fn submit(spec: TaskSpec) -> TaskId {
	let id = crate::NextTaskId::<Test>::get();
	assert_ok!(TaskMatching::submit_task(signed(submitter()), spec, input()));
	id
}

/// A task of a job at a position, with an input of its own, that takes the results of `count` tasks from `first` on.
pub(crate) fn job_task(position: u8, (first, count): (u8, u8)) -> JobTask {
	let input = BlobRef { hash: [position; 32], size_bytes: 5 };
	JobTask { input, after: After { first, count } }
}

/// Tasks of a job by what each takes.
pub(crate) fn job_tasks(after: &[(u8, u8)]) -> JobTasks {
	let tasks = (0..=u8::MAX).zip(after).map(|(position, after)| job_task(position, *after));
	tasks.collect::<Vec<_>>().try_into().unwrap()
}

/// Submits a job of tasks by what each takes, and returns its number.
pub(crate) fn submit_job(spec: TaskSpec, after: &[(u8, u8)]) -> JobId {
	let id = crate::NextTaskId::<Test>::get();
	assert_ok!(TaskMatching::submit_job(signed(submitter()), spec, job_tasks(after)));
	id
}

/// Submits `spec` and goes on to its draw.
pub(crate) fn submit_and_draw(spec: TaskSpec) -> TaskId {
	let id = submit(spec);
	run_to(now() + 2);
	id
}

pub(crate) fn task(id: TaskId) -> Task<AccountId> {
	crate::Tasks::<Test>::get(id).unwrap()
}

pub(crate) fn state(id: TaskId) -> TaskState {
	task(id).state
}

/// What the tasks of a task's job have in common.
pub(crate) fn job(id: TaskId) -> Job<AccountId> {
	crate::Jobs::<Test>::get(task(id).job).unwrap()
}

pub(crate) fn digest(output: u8, fuel: u64) -> ResultDigest {
	ResultDigest { output_root: [output; 32], output_bytes: 3, fuel, status: ExitStatus::Completed }
}

/// What `worker` would state about its replica of the task.
pub(crate) fn attestation(id: TaskId, worker: WorkerId, result: ResultDigest) -> Attestation {
	let task = task(id);
	Attestation {
		version: ATTESTATION_VERSION,
		genesis: [69; 32],
		task: id,
		attempt: task.replica_of(worker).map_or(0, |replica| replica.attempt),
		worker,
		program: job(id).spec.program.blob.hash,
		meter_schedule: SCHEDULE,
		input_root: task.input_root(),
		result,
		started_at: 1,
		finished_at: 2,
	}
}

pub(crate) fn sign(worker: WorkerId, attestation: &Attestation) -> [u8; 64] {
	pair(100 + worker as u8).sign(&attestation.signing_payload()).0
}

/// What `worker` delivers of the task together with others.
pub(crate) fn delivery(id: TaskId, worker: WorkerId, result: ResultDigest) -> Delivery {
	let attestation = attestation(id, worker, result);
	Delivery { attestation, signature: sign(worker, &attestation) }
}

pub(crate) fn salt(worker: WorkerId) -> Hash32 {
	[worker as u8; 32]
}

pub(crate) fn commit(id: TaskId, worker: WorkerId, result: ResultDigest) {
	let commitment = attestation(id, worker, result).commitment(&salt(worker));
	assert_ok!(TaskMatching::commit_result(signed(hot_key(worker)), id, commitment));
}

pub(crate) fn reveal(id: TaskId, worker: WorkerId, result: ResultDigest) {
	let attestation = attestation(id, worker, result);
	let (who, signature) = (signed(hot_key(worker)), sign(worker, &attestation));
	assert_ok!(TaskMatching::reveal_result(who, id, attestation, signature, salt(worker)));
}

pub(crate) fn attest(id: TaskId, worker: WorkerId, result: ResultDigest) {
	let attestation = attestation(id, worker, result);
	let signature = sign(worker, &attestation);
	assert_ok!(TaskMatching::attest_result(signed(hot_key(worker)), id, attestation, signature));
}

/// The only machine of a task delivers a result that only this task has.
pub(crate) fn settle(id: TaskId) {
	attest(id, workers_of(id)[0], result_of(id));
}

/// What [`settle`] delivers.
pub(crate) fn result_of(id: TaskId) -> ResultDigest {
	ResultDigest { output_root: sp_io::hashing::blake2_256(&id.encode()), ..digest(0, GFUEL) }
}

/// The machines that owe something for the task.
pub(crate) fn outstanding(id: TaskId) -> Vec<WorkerId> {
	let task = task(id);
	let owes = |replica: &&aidragon_primitives::task::Replica<AccountId>| {
		replica.progress == Progress::Assigned
	};
	task.replicas.iter().filter(owes).map(|replica| replica.worker).collect()
}

pub(crate) fn workers_of(id: TaskId) -> Vec<WorkerId> {
	task(id).replicas.iter().map(|replica| replica.worker).collect()
}

pub(crate) fn finished(id: TaskId) -> Option<RuntimeEvent> {
	System::events().into_iter().map(|record| record.event).find(|event| {
		matches!(
			event,
			RuntimeEvent::TaskMatching(crate::Event::TaskFinished { task, .. }) if *task == id
		)
	})
}
