//! What a task would cost, and who could run it right now.

use super::file::{Checked, TaskFile};
use crate::{
	amount::{self, Amount},
	context::Context,
	exit::Failure,
	market::{self, Rules, Supply},
	output::{self, fields, Report},
};
use aidragon_client::{
	calls,
	chain::{Chain, ChainError, View},
	keys::Account,
};
use aidragon_primitives::{
	payout,
	task::{MatchingPolicy, TaskSpec},
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
	/// Which machines fit.
	pub supply: Supply,
	replicas: u8,
	lifetime_s: u64,
	policy: &'static str,
}

/// Runs `task quote`.
pub async fn run(context: &Context, path: &Path) -> Result<(), Failure> {
	let Checked { spec, warnings, .. } = TaskFile::read(path)?.check(path)?;
	for warning in &warnings {
		output::progress(&format!("warning: {warning}"));
	}
	let chain = context.connect().await?;
	// The fee depends on the transaction's size and not on who signs it.
	let account = context.account().or_else(|_| Account::from_uri("//Alice"))?;
	Quote::of(&chain, &spec, &account).await?.report().print(context.output)
}

impl Quote {
	/// Asks the chain, as of the finalized head.
	pub async fn of(chain: &Chain, spec: &TaskSpec, account: &Account) -> Result<Self, ChainError> {
		let head = chain.head(View::Finalized).await?;
		let share_parts = chain.constant_u32("TokenRewards", "ProtocolShareParts")?;
		let at = chain.at(&head);
		let rules = Rules::read(chain, &at).await?;
		let machines = market::machines(&at).await?;
		let escrow = spec.escrow().unwrap_or_default();
		Ok(Self {
			escrow,
			protocol_share: payout::split(escrow, share_parts).protocol,
			fee: chain.fee(&calls::submit_task(spec), account).await?,
			supply: Supply::of(&machines, spec, &[], &rules),
			replicas: spec.replicas,
			lifetime_s: u64::from(spec.deadline_blocks) * SLOT_DURATION_MS / 1_000,
			policy: match spec.matching {
				MatchingPolicy::Cheapest => "the cheapest",
				MatchingPolicy::Fastest => "the fastest",
				MatchingPolicy::Balanced => "the cheapest for their throughput",
			},
		})
	}

	/// What the account needs to have free.
	pub fn needed(&self) -> Balance {
		self.escrow.saturating_add(self.fee)
	}

	/// The quote in both forms.
	pub fn report(&self) -> Report {
		let enough = match (u32::from(self.replicas) <= self.supply.providers, self.replicas) {
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
		let text = fields(&[
			(
				"escrow",
				format!("{}: the most it can cost; what is not used returns", Amount(self.escrow)),
			),
			("of it", format!("up to {} are the protocol's share", Amount(self.protocol_share))),
			("fee", format!("{} to the network for the transaction", Amount(self.fee))),
			("machines", format!("{}\n{enough}", self.supply.message())),
		]);
		let json = json!({
			"escrow": amount::json(self.escrow),
			"cost_max": amount::json(self.escrow),
			"protocol_share_max": amount::json(self.protocol_share),
			"fee": amount::json(self.fee),
			"replicas": self.replicas,
			"supply": self.supply.json(),
		});
		Report { text, json }
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_quote_says_whether_a_draw_would_succeed() {
		let supply =
			Supply { machines: 5, fitting: 2, providers: 2, above_cap: 3, ..Default::default() };
		let mut quote = Quote {
			escrow: 600_000_000_000,
			protocol_share: 30_000_000_000,
			fee: 1_000_000,
			supply,
			replicas: 2,
			lifetime_s: 600,
			policy: "the cheapest",
		};
		let report = quote.report();
		assert!(report.text.contains("0.6 DRGN: the most"), "{}", report.text);
		assert!(report.text.contains("3 above the price cap"), "{}", report.text);
		assert!(report.text.contains("a draw now would find 2 machines"), "{}", report.text);
		assert_eq!(report.json["escrow"], "600000000000");
		assert_eq!(report.json["supply"]["above_cap"], 3);
		assert_eq!(quote.needed(), 600_001_000_000);
		quote.replicas = 3;
		assert!(quote.report().text.contains("wait up to 600 s"));
	}
}
