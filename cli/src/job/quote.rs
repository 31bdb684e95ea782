//! What a job would cost, and who could run its tasks right now.

use super::file::{Checked, JobFile};
use crate::{
	amount::{self, Amount},
	context::Context,
	exit::Failure,
	output::{self, fields, Report},
	supply::{Outlook, Supply},
	task::quote::policy,
};
use aidragon_client::{
	calls,
	chain::{Chain, ChainError, View},
	keys::Account,
};
use aidragon_primitives::{job::JobTasks, payout, Balance};
use serde_json::json;
use std::path::Path;

/// What a job would cost, and who could run its tasks right now.
#[derive(Clone, Debug)]
pub struct Quote {
	/// What is put on hold: the most that all tasks can cost. Unused parts return.
	pub escrow: Balance,
	/// The part of it that would go to the protocol.
	pub protocol_share: Balance,
	/// The fee for the transaction, paid at submission.
	pub fee: Balance,
	/// What it costs at most with the cheapest machines that fit now; `None` where there are too few.
	pub price: Option<Balance>,
	/// Which machines fit tasks that wait for no other.
	pub first: Outlook,
	/// Which machines fit tasks that take results of others, where there are such tasks.
	pub dependent: Option<Outlook>,
	tasks: usize,
	depth: usize,
	policy: &'static str,
}

/// Runs `job quote`.
pub async fn run(context: &Context, path: &Path) -> Result<(), Failure> {
	let checked = JobFile::read(path)?.check(path)?;
	for warning in &checked.warnings {
		output::progress(&format!("warning: {warning}"));
	}
	let chain = context.connect().await?;
	// The fee depends on the transaction's size and not on who signs it.
	let account = context.account().or_else(|_| Account::from_uri("//Alice"))?;
	Quote::of(&chain, &checked, &account).await?.report().print(context.output)
}

impl Quote {
	/// Asks the chain, as of the finalized head.
	pub async fn of(
		chain: &Chain,
		checked: &Checked,
		account: &Account,
	) -> Result<Self, ChainError> {
		let head = chain.head(View::Finalized).await?;
		let share_parts = chain.constant_u32("TokenRewards", "ProtocolShareParts")?;
		let supply = Supply::read(&chain.at(&head)).await?;
		let tasks: JobTasks = checked.job_tasks();
		let fee = chain.fee(&calls::submit_job(&checked.spec, &tasks), account).await?;
		Ok(Self::new(checked, &supply, share_parts, fee))
	}

	fn new(checked: &Checked, supply: &Supply, share_parts: u32, fee: Balance) -> Self {
		let spec = &checked.spec;
		let count = |is_dependent: bool| {
			let tasks = checked.tasks.iter();
			tasks.filter(|task| (task.after.count > 0) == is_dependent).count() as Balance
		};
		let first = supply.outlook(spec, false);
		let dependent = (count(true) > 0).then(|| supply.outlook(spec, true));
		let later = dependent.as_ref().map_or(Some(0), |outlook| outlook.price(spec));
		let price = first.price(spec).zip(later).map(|(first, later)| {
			let first = first.saturating_mul(count(false));
			first.saturating_add(later.saturating_mul(count(true)))
		});
		let escrow = checked.escrow();
		Self {
			escrow,
			protocol_share: payout::split(escrow, share_parts).protocol,
			fee,
			price,
			first,
			dependent,
			tasks: checked.tasks.len(),
			depth: checked.depth(),
			policy: policy(spec.matching),
		}
	}

	/// What the account needs to have free.
	pub fn needed(&self) -> Balance {
		self.escrow.saturating_add(self.fee)
	}

	/// The quote in both forms.
	pub fn report(&self) -> Report {
		let steps = format!("{}, at most {} of them one after the other", self.tasks, self.depth);
		let mut lines = vec![
			("tasks", steps),
			(
				"escrow",
				format!("{}: the most all can cost; what is not used returns", Amount(self.escrow)),
			),
		];
		lines.extend(self.price.map(|price| {
			("price", format!("at most {} with the cheapest machines that fit now", Amount(price)))
		}));
		lines.extend([
			("of it", format!("up to {} are the protocol's share", Amount(self.protocol_share))),
			("fee", format!("{} to the network for the transaction", Amount(self.fee))),
			("prefers", format!("{}, of the machines that fit", self.policy)),
			("machines", self.first.message()),
		]);
		let differs = |outlook: &&Outlook| outlook.survey != self.first.survey;
		lines.extend(self.dependent.as_ref().filter(differs).map(|outlook| {
			("and then", format!("{}, for tasks that take results of others", outlook.message()))
		}));
		let json = json!({
			"tasks": self.tasks,
			"depth": self.depth,
			"escrow": amount::json(self.escrow),
			"cost_max": amount::json(self.escrow),
			"protocol_share_max": amount::json(self.protocol_share),
			"fee": amount::json(self.fee),
			"price": self.price.map(amount::json),
			"replicas": self.first.needed,
			"supply": self.first.json(),
			"supply_of_dependent": self.dependent.as_ref().map(Outlook::json),
		});
		Report { text: fields(&lines), json }
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{job::file::tests::rounds, supply::tests::supply};

	#[test]
	fn a_quote_counts_all_tasks() {
		// Two rounds of two maps and a reduction, 30 Gfuel each, on two machines.
		let checked = rounds();
		let quote = Quote::new(&checked, &supply(&[1_000_000_000, 2_000_000_000]), 50_000, 5);
		assert_eq!((quote.tasks, quote.depth), (6, 4));
		assert_eq!(quote.escrow, 6 * 600_000_000_000);
		assert_eq!(quote.price, Some(6 * 90_000_000_000));
		assert_eq!(quote.needed(), quote.escrow + 5);
		let report = quote.report();
		assert!(
			report.text.contains("6, at most 4 of them one after the other"),
			"{}",
			report.text
		);
		assert!(report.text.contains("3.6 DRGN: the most"), "{}", report.text);
		assert!(!report.text.contains("and then"), "{}", report.text);
		assert_eq!(report.json["supply"]["fitting"], 2);
	}
}
