//! Who owned what, before and after.

use aidragon_client::{
	chain::{Chain, ChainError, Head},
	keys::{Account, AccountId},
};
use aidragon_primitives::Balance;
use anyhow::Result;
use std::collections::BTreeMap;

/// The development account `//<name>`.
pub fn account(name: &str) -> Result<Account> {
	Ok(Account::from_uri(&format!("//{name}"))?)
}

/// The account that the protocol's share goes to. No key opens it: it is made from the name of its pot.
pub fn treasury() -> AccountId {
	let mut id = [0; 32];
	id[..12].copy_from_slice(b"modlai/trsry");
	AccountId(id)
}

/// What some accounts own, free and on hold together, and what is on hold of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger(BTreeMap<AccountId, (Balance, Balance)>);

impl Ledger {
	/// Reads what `accounts` own in block `head`.
	pub async fn read(
		chain: &Chain,
		head: &Head,
		accounts: &[AccountId],
	) -> Result<Self, ChainError> {
		let mut ledger = BTreeMap::new();
		for account in accounts {
			let balances = chain.at(head).balance(account).await?;
			ledger.insert(*account, (balances.free + balances.held, balances.held));
		}
		Ok(Self(ledger))
	}

	/// What the account owns, free and on hold together; 0 where it was not read.
	pub fn owned(&self, account: &AccountId) -> Balance {
		self.0.get(account).map_or(0, |(owned, _)| *owned)
	}

	/// What is on hold of it.
	pub fn held(&self, account: &AccountId) -> Balance {
		self.0.get(account).map_or(0, |(_, held)| *held)
	}

	/// What the account gained since `before`; less than 0 where it lost.
	pub fn gain(&self, before: &Self, account: &AccountId) -> i128 {
		// All money there is fits in a fraction of an i128.
		self.owned(account) as i128 - before.owned(account) as i128
	}

	/// What all the accounts together gained since `before`.
	pub fn total_gain(&self, before: &Self) -> i128 {
		self.0.keys().map(|account| self.gain(before, account)).sum()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn gains_and_losses_have_signs() {
		let [one, other] = [AccountId([1; 32]), AccountId([2; 32])];
		let before = Ledger([(one, (10, 4)), (other, (5, 0))].into());
		let after = Ledger([(one, (7, 0)), (other, (8, 0))].into());
		assert_eq!((after.gain(&before, &one), after.gain(&before, &other)), (-3, 3));
		assert_eq!((after.total_gain(&before), before.held(&one)), (0, 4));
	}
}
