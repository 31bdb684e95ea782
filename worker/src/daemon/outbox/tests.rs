//! What leaves, in which order and company, and what is tried again.

use super::*;
use aidragon_client::chain::{ChainError, Head};
use aidragon_primitives::challenge::{Commitment, MatrixSize};
use proptest::prelude::*;
use std::collections::BTreeSet;

const KEY: Key = Key { task: 1, attempt: 0 };

fn wanted(request: Request, due: BlockNumber) -> Wanted {
	Wanted { request, due }
}

fn attest(task: u64) -> Request {
	Request::Attest(Key { task, attempt: 0 })
}

/// Results of these tasks, the later the less urgent.
fn results(tasks: impl IntoIterator<Item = u64>) -> Vec<Wanted> {
	let result = |task| wanted(attest(task), 200 + task as BlockNumber);
	tasks.into_iter().map(result).collect()
}

fn requests(chosen: &[Wanted]) -> Vec<Request> {
	chosen.iter().map(|wanted| wanted.request).collect()
}

fn included(number: BlockNumber) -> Answer {
	let block = Head { number, hash: [0; 32] };
	Ok(Included { block, extrinsic: [0; 32], events: Vec::new() })
}

fn rejected() -> Answer {
	Err(Some(SubmitError::Rejected { reason: "no".into() }))
}

fn dropped() -> Answer {
	Err(Some(SubmitError::Dropped { reason: "one of them is invalid now".into() }))
}

fn failed() -> Answer {
	let (pallet, docs) = ("TaskMatching".into(), String::new());
	Err(Some(SubmitError::Dispatch { pallet, error: "NotAssigned".into(), docs }))
}

fn unconnected() -> Answer {
	let error = ChainError::Connection { url: String::new(), reason: String::new() };
	Err(Some(error.into()))
}

#[test]
fn the_most_urgent_request_goes_first() {
	let outbox = Outbox::default();
	let run = Commitment { size: MatrixSize::N512, rounds: 1, root: [0; 32] };
	let commit = Request::CommitChallenge(Committed::Run(run));
	let all =
		[wanted(Request::Heartbeat, 130), wanted(Request::Commit(KEY), 110), wanted(commit, 102)];
	assert_eq!(outbox.choose(&all, 100), all[2..]);
	assert_eq!(outbox.choose(&[], 100), []);
}

#[test]
fn what_was_included_is_not_sent_again_before_its_block_was_looked_at() {
	for request in [Request::Commit(KEY), Request::Attest(KEY)] {
		let mut outbox = Outbox::default();
		let all = [wanted(request, 110)];
		outbox.note(&[request], &included(101), 100);
		assert_eq!(outbox.choose(&all, 101), []);
		// A later block that still lacks it means that its block was reorganised away.
		assert_eq!(outbox.choose(&all, 102), all);
		let reveal = [wanted(Request::Reveal(KEY), 110)];
		assert_eq!(outbox.choose(&reveal, 101), reveal);
	}
}

#[test]
fn refusals_are_repeated_ever_more_rarely_and_lost_ones_at_once() {
	let mut outbox = Outbox::default();
	let all = [wanted(Request::Heartbeat, 110)];
	let pause = |outbox: &Outbox| (100..).find(|best| !outbox.choose(&all, *best).is_empty());
	let mut pauses = Vec::new();
	for _ in 0..6 {
		outbox.note(&[Request::Heartbeat], &rejected(), 100);
		pauses.push(pause(&outbox).unwrap() - 100);
	}
	assert_eq!(pauses, [2, 3, 5, 9, 17, 17]);
	outbox.note(&[Request::Heartbeat], &Err(None), 100);
	assert_eq!(outbox.choose(&all, 101), all);
}

#[test]
fn what_came_to_nothing_together_goes_alone_at_once_and_later_results_together() {
	for answer in [rejected(), dropped(), failed()] {
		let mut outbox = Outbox::default();
		let mut ready = results(0..3);
		assert_eq!(outbox.choose(&ready, 100), ready);
		outbox.note(&requests(&ready), &answer, 100);
		ready.extend(results(3..5));
		for single in 0..3 {
			let chosen = outbox.choose(&ready, 100);
			assert_eq!(chosen, ready[single..=single]);
			// The second is the bad one, and alone in being kept back.
			let end = if single == 1 { rejected() } else { included(101) };
			outbox.note(&requests(&chosen), &end, 100);
		}
		assert_eq!(outbox.choose(&ready, 100), ready[3..]);
		outbox.note(&requests(&ready[3..]), &included(101), 100);
		// What is included and lost again in a reorganisation may have company again; the bad one may not.
		let others = [&ready[..1], &ready[2..]].concat();
		assert_eq!(outbox.choose(&ready, 102), others);
		outbox.note(&requests(&others), &included(103), 102);
		assert_eq!(outbox.choose(&ready, 102), ready[1..2]);
	}
}

#[test]
fn what_may_still_be_included_waits_for_a_block() {
	let ready = results(0..3);
	let mut outbox = Outbox::default();
	outbox.note(&requests(&ready), &unconnected(), 100);
	assert_eq!(outbox.choose(&ready, 100), []);
	assert_eq!(outbox.choose(&ready, 101), ready);
	outbox.note(&requests(&ready), &Err(None), 101);
	assert_eq!(outbox.choose(&ready, 101), []);
	assert_eq!(outbox.choose(&ready, 102), ready[..1]);
}

#[test]
fn a_task_that_is_over_leaves_nothing_behind() {
	let mut outbox = Outbox::default();
	outbox.note(&[Request::Commit(KEY)], &rejected(), 100);
	outbox.note(&[attest(1), attest(2)], &rejected(), 100);
	outbox.note(&[Request::Heartbeat], &rejected(), 100);
	outbox.forget(KEY);
	assert_eq!(outbox.holds.len(), 2);
	outbox.forget(Key { task: 2, attempt: 0 });
	assert_eq!(outbox.holds.len(), 1);
}

#[tokio::test]
async fn a_subject_is_under_way_once_and_only_a_few_are() {
	let mut outbox = Outbox::default();
	let task = |task| Request::Commit(Key { task, attempt: 0 });
	for number in 0..IN_FLIGHT_MAX as u64 {
		assert!(!outbox.choose(&[wanted(task(number), 110)], 100).is_empty());
		outbox.send(vec![task(number)], future::ready(included(101).map_err(Option::unwrap)));
		assert_eq!(outbox.choose(&[wanted(task(number), 110)], 100), []);
	}
	assert_eq!(outbox.choose(&[wanted(Request::Pause, 1)], 100), []);
	let (finished, answer) = outbox.finished().await;
	assert!(matches!(finished[..], [Request::Commit(_)]) && answer.is_ok());
	assert!(!outbox.choose(&[wanted(Request::Pause, 1)], 100).is_empty());
	while !outbox.is_idle() {
		let _ = outbox.finished().await;
	}
}

#[tokio::test]
async fn results_that_are_under_way_together_take_one_place_and_are_not_sent_again() {
	let mut outbox = Outbox::default();
	let ready = results(0..100);
	let first = outbox.choose(&ready, 100);
	assert_eq!(first, ready[..32]);
	outbox.send(requests(&first), future::ready(Err(dropped().unwrap_err().unwrap())));
	assert_eq!(outbox.choose(&ready, 100), ready[32..64]);
	let (finished, answer) = outbox.finished().await;
	assert_eq!(finished, requests(&first));
	outbox.note(&finished, &answer, 100);
	assert_eq!(outbox.choose(&ready, 100), ready[..1]);
	assert!(outbox.is_idle());
}

#[tokio::test]
async fn results_that_go_alone_leave_a_place_to_those_that_do_not() {
	let mut outbox = Outbox::default();
	let spoilt = results(0..10);
	outbox.note(&requests(&spoilt), &rejected(), 100);
	for single in &spoilt[..3] {
		assert_eq!(outbox.choose(&spoilt, 100), [*single]);
		outbox.send(vec![single.request], future::pending());
	}
	let later = results(20..30);
	let all = [spoilt.clone(), later.clone()].concat();
	assert_eq!(outbox.choose(&all, 100), later);
	// Nothing else wants the place.
	let heartbeat = wanted(Request::Heartbeat, 900);
	assert_eq!(outbox.choose(&[&spoilt[..], &[heartbeat]].concat(), 100), spoilt[3..4]);
	outbox.send(requests(&later), future::pending());
	assert_eq!(outbox.choose(&all, 100), []);
}

/// A chain that takes results, some of which it never takes, behind a node that is not always there.
struct Scene {
	outbox: Outbox,
	bad: BTreeSet<u64>,
	mishaps: Vec<u8>,
	taken: BTreeSet<u64>,
}

impl Scene {
	fn answer(&mut self, tasks: &[u64], best: BlockNumber) -> Answer {
		let mishap = self.mishaps.pop();
		if tasks.iter().any(|task| self.bad.contains(task)) {
			return match mishap.unwrap_or(0) % 3 {
				0 => rejected(),
				1 => dropped(),
				_ => failed(),
			};
		}
		let is_lost = matches!(mishap, Some(0..=2));
		// The chain takes none twice, and what it took the next block shows.
		assert!(is_lost || tasks.iter().all(|task| self.taken.insert(*task)));
		match mishap {
			Some(0 | 3) => Err(None),
			Some(1 | 4) => unconnected(),
			Some(2) => dropped(),
			_ => included(best + 1),
		}
	}

	/// What the daemon sends while `best` is the best block, if all is answered at once.
	fn block(&mut self, tasks: u64, best: BlockNumber) {
		let left: Vec<Wanted> = results((0..tasks).filter(|task| !self.taken.contains(task)));
		for _ in 0..IN_FLIGHT_MAX {
			let chosen = self.outbox.choose(&left, best);
			if chosen.is_empty() {
				return;
			}
			let numbers: Vec<u64> =
				chosen.iter().filter_map(|one| Some(one.request.result()?.task)).collect();
			let answer = self.answer(&numbers, best);
			self.outbox.note(&requests(&chosen), &answer, best);
		}
	}
}

proptest! {
	/// Whichever results are bad, whatever happens to the transactions, and whenever the process dies.
	#[test]
	fn every_good_result_arrives_once_however_bad_the_others_are(
		tasks in 1u64..80,
		bad in proptest::collection::btree_set(0u64..80, 0..5),
		mishaps in proptest::collection::vec(0u8..8, 0..60),
		restart_at in 100u32..130,
	) {
		let good: BTreeSet<u64> = (0..tasks).filter(|task| !bad.contains(task)).collect();
		let mut scene =
			Scene { outbox: Outbox::default(), bad, mishaps, taken: BTreeSet::new() };
		for best in 100..180 {
			if best == restart_at {
				scene.outbox = Outbox::default();
			}
			scene.block(tasks, best);
		}
		prop_assert_eq!(scene.taken, good);
	}

	/// A result that the chain never takes spoils one transaction of others, and no more.
	#[test]
	fn a_bad_result_has_company_once(
		tasks in 2u64..80, bad in 0u64..80,
	) {
		let mut scene = Scene {
			outbox: Outbox::default(),
			bad: [bad % tasks].into(),
			mishaps: Vec::new(),
			taken: BTreeSet::new(),
		};
		// Its companions are at most 31, four of which go in a block, and so are all others.
		for best in 100..112 {
			scene.block(tasks, best);
		}
		prop_assert_eq!(scene.taken.len() as u64, tasks - 1);
		let bad = results([bad % tasks]);
		let later = results(100..110);
		let chosen = scene.outbox.choose(&[bad, later.clone()].concat(), 200);
		prop_assert!(chosen.len() == 1 || chosen == later);
	}
}
