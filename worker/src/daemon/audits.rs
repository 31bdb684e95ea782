//! The daemon's audits: archives of other machines that it was drawn to check.

use super::{
	outbox::{Request, Wanted},
	view::ChainView,
	Daemon,
};
use aidragon_client::{
	blobs::BlobTransport,
	calls::{self, Call},
	chain::{Chain, Head},
};
use aidragon_primitives::{
	audit::{Audit, Entries, Entry, ARCHIVE_BYTES_MAX},
	merkle::MerklePath,
	verification::Slot,
	BlockNumber, Hash32, WorkerId,
};
use anyhow::{ensure, Context};
use std::{collections::BTreeMap, future, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::timeout};

/// How long an archive may take to arrive.
const FETCH_LIMIT: Duration = Duration::from_secs(60);
/// Blocks after which an archive that could not be had is asked for again.
const RETRY_BLOCKS: BlockNumber = 20;

/// An archive: whose it is, and its root, as a machine can prove the same slot again.
type Subject = (WorkerId, Slot, Hash32);

/// What was found.
pub(super) enum Verdict {
	/// Nothing wrong.
	Holds,
	/// An entry that does not hold, which the chain will see by itself.
	Fault(u32, Box<Entry>, MerklePath),
	/// It could not be had, or is not the archive that the machine is bound to.
	Unavailable(String),
}

/// How far a check is.
enum Progress {
	UnderWay,
	Done(Verdict),
	Failed { retry_at: BlockNumber },
}

/// The checks of this process.
#[derive(Default)]
pub(super) struct Audits {
	set: JoinSet<(Subject, Hash32, Verdict)>,
	progress: BTreeMap<Subject, Progress>,
}

impl Audits {
	/// Waits until a check is done; for ever where there is none. Loses nothing when dropped.
	pub(super) async fn finished(&mut self) -> (Subject, Hash32, Verdict) {
		loop {
			match self.set.join_next().await {
				Some(Ok(finished)) => return finished,
				// A check that broke off is begun again with the next block that shows the duty.
				Some(Err(error)) => tracing::error!("checking an archive failed: {error}"),
				None => return future::pending().await,
			}
		}
	}
}

impl Daemon {
	/// Begins checks, and adds what has to be said about finished ones to `wanted`.
	pub(super) fn step_audits(&mut self, id: WorkerId, best: &ChainView, wanted: &mut Vec<Wanted>) {
		let is_ours = |audit: &Audit| audit.auditors.contains(&id) && best.number < audit.closes_at;
		let open = best.duties.iter().filter(|(_, audit)| is_ours(audit));
		let mut kept = BTreeMap::new();
		for ((worker, slot), audit) in open {
			let subject = (*worker, *slot, audit.archive.root);
			let progress = self.audits.progress.remove(&subject);
			let progress = match progress {
				Some(Progress::Failed { retry_at }) if best.number < retry_at => {
					Progress::Failed { retry_at }
				}
				None | Some(Progress::Failed { .. }) => {
					self.begin_audit(subject, audit.clone(), best.head);
					Progress::UnderWay
				}
				Some(progress) => progress,
			};
			let due = audit.closes_at;
			match &progress {
				Progress::Done(Verdict::Holds) => {
					wanted.push(Wanted { request: Request::ConfirmAudit(*worker, *slot), due });
				}
				Progress::Done(Verdict::Fault(..)) => {
					wanted.push(Wanted { request: Request::ReportEntry(*worker, *slot), due });
				}
				_ => {}
			}
			kept.insert(subject, progress);
		}
		self.audits.progress = kept;
	}

	fn begin_audit(&mut self, subject: Subject, audit: Audit, head: Head) {
		let (worker, slot, _) = subject;
		tracing::info!(worker, ?slot, block = head.number, "checking another machine's archive");
		let (chain, transport) = (self.chain.clone(), self.transport.clone());
		self.audits.set.spawn(async move {
			let blob = audit.archive.blob.hash;
			let verdict = match check(&chain, head, worker, transport, audit).await {
				Ok(verdict) => verdict,
				Err(error) => Verdict::Unavailable(format!("{error:#}")),
			};
			(subject, blob, verdict)
		});
	}

	pub(super) fn audited(
		&mut self,
		(subject, blob, verdict): (Subject, Hash32, Verdict),
	) -> anyhow::Result<()> {
		let (worker, slot, _) = subject;
		// From now on the time runs for which the archive is kept.
		self.journal.touch([blob])?;
		let Some(progress) = self.audits.progress.get_mut(&subject) else { return Ok(()) };
		*progress = match verdict {
			Verdict::Unavailable(why) => {
				tracing::warn!(worker, ?slot, "another machine's archive cannot be checked: {why}");
				let best = self.best.as_ref().map_or(0, |best| best.number);
				Progress::Failed { retry_at: best.saturating_add(RETRY_BLOCKS) }
			}
			Verdict::Holds => Progress::Done(Verdict::Holds),
			Verdict::Fault(index, entry, path) => {
				tracing::warn!(worker, ?slot, entry = index, "another machine's archive is false");
				Progress::Done(Verdict::Fault(index, entry, path))
			}
		};
		Ok(())
	}

	/// The call that shows what is wrong with an archive.
	pub(super) fn report(&self, worker: WorkerId, slot: Slot) -> Option<Call> {
		self.audits.progress.iter().find_map(|(subject, progress)| {
			let Progress::Done(Verdict::Fault(index, entry, path)) = progress else { return None };
			let is_it = (subject.0, subject.1) == (worker, slot);
			is_it.then(|| calls::report_entry(worker, slot, *index, entry, path))
		})
	}
}

/// Fetches an archive from the machine that is bound to it, and checks every entry.
async fn check(
	chain: &Chain,
	head: Head,
	worker: WorkerId,
	transport: Arc<dyn BlobTransport>,
	audit: Audit,
) -> anyhow::Result<Verdict> {
	let record = chain.at(&head).worker(worker).await?.context("the machine is gone")?;
	let blob = audit.archive.blob;
	let fetching = transport.fetch(&record.address, &blob, ARCHIVE_BYTES_MAX);
	let path = timeout(FETCH_LIMIT, fetching).await.context("it did not arrive in time")??;
	let bytes = tokio::fs::read(&path).await?;
	tokio::task::spawn_blocking(move || examine(&audit, &bytes)).await?
}

fn examine(audit: &Audit, bytes: &[u8]) -> anyhow::Result<Verdict> {
	let entries = Entries::decode(bytes).context("it holds something else than openings")?;
	ensure!(entries.root() == audit.archive.root, "it is not what the machine is bound to");
	Ok(match entries.find_fault(audit) {
		None => Verdict::Holds,
		Some((index, entry, path)) => Verdict::Fault(index, Box::new(entry), path),
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_primitives::{
		audit::Archive,
		challenge::{MatrixSize, NextRows, Portable, Prover},
		task::BlobRef,
		verification::Committed,
	};

	const SEED: Hash32 = [7; 32];
	const BEACON: Hash32 = [8; 32];

	fn audit_of(prover: &Prover) -> (Audit, Vec<u8>) {
		let entries = Entries::of_run(prover, &BEACON).unwrap();
		let bytes = entries.encode();
		let blob = BlobRef { hash: [0; 32], size_bytes: bytes.len() as u64 };
		let audit = Audit {
			seed: SEED,
			beacon: BEACON,
			committed: Committed::Run(prover.commitment()),
			archive: Archive { root: entries.root(), blob },
			auditors: Default::default(),
			drawn: 0,
			confirmed: 0,
			closes_at: 9,
		};
		(audit, bytes)
	}

	#[test]
	fn an_archive_holds_or_shows_its_fault_or_is_of_no_use() {
		let size = MatrixSize::N512;
		let mut prover = Prover::new(SEED, size);
		assert!(prover.run_round(&Portable));
		let (audit, bytes) = audit_of(&prover);
		assert!(matches!(examine(&audit, &bytes), Ok(Verdict::Holds)));
		assert!(examine(&audit, &bytes[1..]).is_err());
		let zeros = NextRows::new(size, vec![0; size.state_bytes()]);
		assert!(prover.complete_round(vec![zeros]));
		let (forged, other_bytes) = audit_of(&prover);
		assert!(matches!(examine(&forged, &other_bytes), Ok(Verdict::Fault(..))));
		assert!(examine(&audit, &other_bytes).is_err());
	}
}
