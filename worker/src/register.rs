//! Registering this machine with a provider: bond, consent, price.

use crate::config::{format_drgn, Config};
use aidragon_client::{
	calls,
	chain::{Chain, Included, View},
	keys::{Account, KeyFile, WorkerKeys},
	Registration,
};
use aidragon_primitives::{
	worker::{Provider, TransportAddress, WorkerStatus},
	Balance, WorkerId,
};
use anyhow::{bail, Context};
use std::{
	io::{self, BufRead, IsTerminal, Write},
	path::Path,
};

/// Whether money may be put on hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
	/// It was given beforehand.
	Given,
	/// The person at the terminal is asked.
	Ask,
}

/// Who registers the machine, and how.
#[derive(Clone, Debug)]
pub struct Terms {
	/// The account that puts up the bond and is paid.
	pub provider: Account,
	/// Whether its money may be put on hold.
	pub consent: Consent,
	/// Which end of the chain has to hold the registration.
	pub view: View,
}

/// What registering came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
	/// The machine is new on the chain.
	Now(WorkerId),
	/// It was there already, with the same provider.
	Before(WorkerId),
}

impl Registered {
	/// The machine.
	pub fn worker(&self) -> WorkerId {
		match self {
			Self::Now(worker) | Self::Before(worker) => *worker,
		}
	}
}

/// Reads the provider's key: a development URI such as `//Alice`, or a key file.
pub fn load_provider(source: &str) -> anyhow::Result<Account> {
	if source.starts_with("//") {
		return Ok(Account::from_uri(source)?);
	}
	let file = KeyFile::load(Path::new(source)).context("cannot use the provider's key")?;
	Ok(file.account()?)
}

/// Registers the machine unless it is registered already, with what bond it takes.
pub async fn ensure_registered(
	chain: &Chain,
	config: &Config,
	keys: &WorkerKeys,
	address: &TransportAddress,
	terms: &Terms,
) -> anyhow::Result<Registered> {
	let state = chain.at(&chain.head(View::Best).await?);
	let hot_key = keys.hot_key()?.account_id();
	if let Some(worker) = state.worker_of(&hot_key).await? {
		update_terms(chain, config, terms, worker).await?;
		return Ok(Registered::Before(worker));
	}
	let provider = terms.provider.account_id();
	let record = state.provider(&provider).await?;
	let per_worker = chain.constant_u128("NodeRegistry", "BondPerWorker")?;
	let step = bond_step(record.as_ref(), per_worker)?;
	let free = state.balance(&provider).await?.free;
	if free < step.amount() {
		let (needed, free) = (format_drgn(step.amount()), format_drgn(free));
		bail!("the bond needs {needed} DRGN, and {provider} has {free} free; transfer some first");
	}
	pay_bond(chain, terms, &step).await?;
	register(chain, config, keys, address, terms).await
}

async fn register(
	chain: &Chain,
	config: &Config,
	keys: &WorkerKeys,
	address: &TransportAddress,
	terms: &Terms,
) -> anyhow::Result<Registered> {
	let provider = terms.provider.account_id();
	let registration = Registration {
		hot_key: keys.hot_key()?.account_id(),
		consent: keys.consent(&chain.genesis(), &provider)?,
		encryption_key: keys.encryption_key(0),
		address: address.clone(),
		claimed: config.capacity,
		offer: config.offer,
		site: config.site,
	};
	let call = calls::register_worker(&registration);
	let included: Included = chain.submit(&call, &terms.provider, terms.view).await?;
	let worker = included.worker_registered()?.worker;
	tracing::info!(worker, block = included.block.number, %provider, "registered");
	Ok(Registered::Now(worker))
}

/// Checks who a registered machine belongs to, and brings its offer and its site up to date.
async fn update_terms(
	chain: &Chain,
	config: &Config,
	terms: &Terms,
	worker: WorkerId,
) -> anyhow::Result<()> {
	let state = chain.at(&chain.head(View::Best).await?);
	let record = state.worker(worker).await?.context("the machine was just removed; try again")?;
	let provider = terms.provider.account_id();
	if record.provider != provider {
		bail!("this machine is worker {worker} of provider {}, not of {provider}", record.provider);
	}
	if let WorkerStatus::Retiring { .. } = record.status {
		bail!("worker {worker} is retiring; choose another data_dir and run `aidragon-worker init` there");
	}
	if record.offer != config.offer {
		let call = calls::update_offer(worker, &config.offer);
		let included = chain.submit(&call, &terms.provider, terms.view).await?;
		let price = format_drgn(config.offer.price_per_gfuel);
		tracing::info!(worker, block = included.block.number, price, "the offer is changed");
	}
	if record.site != config.site {
		let call = calls::declare_site(worker, &config.site);
		let included = chain.submit(&call, &terms.provider, terms.view).await?;
		tracing::info!(worker, block = included.block.number, "the site is declared");
	}
	Ok(())
}

/// What the bond needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BondStep {
	/// Nothing.
	Enough,
	/// The account becomes a provider with this bond.
	Begin(Balance),
	/// This much more.
	Raise(Balance),
}

impl BondStep {
	fn amount(&self) -> Balance {
		match self {
			Self::Enough => 0,
			Self::Begin(amount) | Self::Raise(amount) => *amount,
		}
	}
}

fn bond_step(provider: Option<&Provider>, per_worker: Balance) -> anyhow::Result<BondStep> {
	let Some(provider) = provider else { return Ok(BondStep::Begin(per_worker)) };
	if provider.withdrawable_at.is_some() {
		bail!("the provider asked to leave and cannot register machines; use another account");
	}
	let with_one_more =
		Provider { bond_units: provider.bond_units.saturating_add(1), ..provider.clone() };
	let needed = with_one_more.bond_needed(per_worker);
	Ok(match needed.saturating_sub(provider.bond) {
		0 => BondStep::Enough,
		missing => BondStep::Raise(missing),
	})
}

async fn pay_bond(chain: &Chain, terms: &Terms, step: &BondStep) -> anyhow::Result<()> {
	let call = match step {
		BondStep::Enough => return Ok(()),
		BondStep::Begin(bond) => calls::register_provider(*bond),
		BondStep::Raise(amount) => calls::increase_bond(*amount),
	};
	let (amount, account) = (format_drgn(step.amount()), terms.provider.account_id());
	let question = format!("Put {amount} DRGN of {account} on hold as the bond for this machine?");
	if terms.consent == Consent::Ask && !ask(&question)? {
		bail!("not registered: the bond was not agreed to");
	}
	let included = chain.submit(&call, &terms.provider, terms.view).await?;
	tracing::info!(block = included.block.number, amount, %account, "the bond is on hold");
	Ok(())
}

/// Asks a question that can be answered with yes.
pub(crate) fn ask(question: &str) -> anyhow::Result<bool> {
	let stdin = io::stdin();
	if !stdin.is_terminal() {
		bail!("{question} Nobody can be asked here; say --yes to agree");
	}
	let mut stderr = io::stderr();
	write!(stderr, "{question} [y/N] ")?;
	stderr.flush()?;
	let mut answer = String::new();
	stdin.lock().read_line(&mut answer)?;
	Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
	use super::*;

	fn provider(bond: Balance, workers: u32) -> Provider {
		Provider { bond, workers, bond_units: workers, at_stake: 0, withdrawable_at: None }
	}

	#[test]
	fn the_bond_covers_one_machine_more() {
		assert_eq!(bond_step(None, 100).unwrap(), BondStep::Begin(100));
		assert_eq!(bond_step(Some(&provider(100, 0)), 100).unwrap(), BondStep::Enough);
		assert_eq!(bond_step(Some(&provider(100, 1)), 100).unwrap(), BondStep::Raise(100));
		assert_eq!(bond_step(Some(&provider(250, 2)), 100).unwrap(), BondStep::Raise(50));
	}

	#[test]
	fn a_provider_that_leaves_registers_nothing() {
		let leaving = Provider { withdrawable_at: Some(9), ..provider(1_000, 0) };
		assert!(bond_step(Some(&leaving), 100).is_err());
	}

	#[test]
	fn a_development_key_needs_no_file() {
		assert!(load_provider("//Alice").is_ok());
		let missing = load_provider("/nonexistent/provider.json").unwrap_err();
		assert!(format!("{missing:#}").contains("provider.json"));
	}
}
