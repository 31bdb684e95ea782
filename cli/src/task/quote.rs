//! What a task would cost, and who could run it right now.

use super::file::{Checked, TaskFile};
use crate::{
	amount::{self, Amount},
	context::Context,
	exit::Failure,
	output::{self, fields, Report},
	supply::{Outlook, Supply},
};
use aidragon_client::{
	calls,
	chain::{Chain, ChainError, View},
	keys::Account,
};
use aidragon_primitives::{
	payout,
	task::{BlobRef, MatchingPolicy, TaskSpec},
	Balance, SLOT_DURATION_MS,
};
use serde_json::json;
use std::path::Path;

/// What a task would cost, and who could run it right now.
#[derive(Clone, Debug)]
pub struct Quote {
	/// What is put on hold: the most that the task can cost. Unused parts return.
	pub escrow: Balance,
	/// The part of it that would go to the protocol.
	pub protocol_share: Balance,
	/// The fee for the transaction, paid at submission.
	pub fee: Balance,
	/// What it costs at most with the cheapest machines that fit now; `None` where there are too few.
	pub price: Option<Balance>,
	/// Which machines fit.
	pub outlook: Outlook,
	lifetime_s: u64,
	policy: &'static str,
}

/// Runs `task quote`.
pub async fn run(context: &Context, path: &Path) -> Result<(), Failure> {
	let Checked { spec, input_blob, warnings, .. } = TaskFile::read(path)?.check(path)?;
	for warning in &warnings {
		output::progress(&format!("warning: {warning}"));
	}
	let chain = context.connect().await?;
	// The fee depends on the transaction's size and not on who signs it.
	let account = context.account().or_else(|_| Account::from_uri("//Alice"))?;
	Quote::of(&chain, &spec, &input_blob, &account).await?.report().print(context.output)
}

impl Quote {
	/// Asks the chain, as of the finalized head.
	pub async fn of(
		chain: &Chain,
		spec: &TaskSpec,
		input: &BlobRef,
		account: &Account,
	) -> Result<Self, ChainError> {
		let head = chain.head(View::Finalized).await?;
		let share_parts = chain.constant_u32("TokenRewards", "ProtocolShareParts")?;
		let outlook = Supply::read(&chain.at(&head)).await?.outlook(spec, false);
		let escrow = spec.escrow().unwrap_or_default();
		Ok(Self {
			escrow,
			protocol_share: payout::split(escrow, share_parts).protocol,
			fee: chain.fee(&calls::submit_task(spec, input), account).await?,
			price: outlook.price(spec),
			outlook,
			lifetime_s: u64::from(spec.deadline_blocks) * SLOT_DURATION_MS / 1_000,
			policy: policy(spec.matching),
		})
	}

	/// What the account needs to have free.
	pub fn needed(&self) -> Balance {
		self.escrow.saturating_add(self.fee)
	}

	/// The quote in both forms.
	pub fn report(&self) -> Report {
		let enough = match (self.outlook.is_enough(), self.outlook.needed) {
			(true, 1) => format!("a draw now would find a machine, {}", self.policy),
			(true, replicas) => {
				format!("a draw now would find {replicas} machines, {}", self.policy)
			}
			(false, 1) => format!("the task would wait up to {} s for one", self.lifetime_s),
			(false, replicas) => format!(
				"the task would wait up to {} s for {replicas} of different providers",
				self.lifetime_s
			),
		};
		let price = self.price.map(|price| {
			("price", format!("at most {} with the cheapest machines that fit now", Amount(price)))
		});
		let mut lines = vec![(
			"escrow",
			format!("{}: the most it can cost; what is not used returns", Amount(self.escrow)),
		)];
		lines.extend(price);
		lines.extend([
			("of it", format!("up to {} are the protocol's share", Amount(self.protocol_share))),
			("fee", format!("{} to the network for the transaction", Amount(self.fee))),
			("machines", format!("{}\n{enough}", self.outlook.message())),
		]);
		let json = json!({
			"escrow": amount::json(self.escrow),
			"cost_max": amount::json(self.escrow),
			"protocol_share_max": amount::json(self.protocol_share),
			"fee": amount::json(self.fee),
			"price": self.price.map(amount::json),
			"replicas": self.outlook.needed,
			"supply": self.outlook.json(),
		});
		Report { text: fields(&lines), json }
	}
}

/// Which machines a policy prefers, in words.
pub fn policy(policy: MatchingPolicy) -> &'static str {
	match policy {
		MatchingPolicy::Cheapest => "the cheapest",
		MatchingPolicy::Fastest => "the fastest",
		MatchingPolicy::Balanced => "the cheapest for their throughput",
		MatchingPolicy::Greenest => "those that run on the cleanest energy",
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{supply::tests::supply, task::tests::spec};

	fn quote(prices: &[Balance]) -> Quote {
		let outlook = supply(prices).outlook(&spec(), false);
		Quote {
			escrow: 600_000_000_000,
			protocol_share: 30_000_000_000,
			fee: 1_000_000,
			price: outlook.price(&spec()),
			outlook,
			lifetime_s: 600,
			policy: "the cheapest",
		}
	}

	#[test]
	fn a_quote_says_whether_a_draw_would_succeed() {
		let found = quote(&[1_000_000_000, 2_000_000_000, 20_000_000_000]);
		let report = found.report();
		assert!(report.text.contains("0.6 DRGN: the most"), "{}", report.text);
		assert!(report.text.contains("at most 0.09 DRGN with the cheapest"), "{}", report.text);
		assert!(
			report.text.contains("2 of them ask no more than the price cap"),
			"{}",
			report.text
		);
		assert!(report.text.contains("a draw now would find 2 machines"), "{}", report.text);
		assert_eq!(report.json["escrow"], "600000000000");
		assert_eq!(report.json["price"], "90000000000");
		assert_eq!(report.json["supply"]["fitting"], 2);
		assert_eq!(found.needed(), 600_001_000_000);
		let waiting = quote(&[1_000_000_000]).report();
		assert!(waiting.text.contains("wait up to 600 s for 2"), "{}", waiting.text);
		assert_eq!(waiting.json["price"], serde_json::Value::Null);
	}
}
